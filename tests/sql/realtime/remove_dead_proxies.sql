select plan(6);

-- Processes that the tests beside this one run are none of its business.
delete from realtime.proxies;

insert into realtime.proxies (id, name, live_until)
values
  ('p', 'alive', clock_timestamp() + '1 hour'),
  ('q', 'dead', clock_timestamp() - interval '1 s');
insert into realtime.presences (channel, proxy, topic, private, key, ref, meta)
values
  ('1', 'p', 'a', true, 'k', 'r1', '{}'),
  ('2', 'q', 'a', true, 'k', 'r2', '{}'),
  ('3', 'q', 'b', false, 'k', 'r3', '{}');

set local role fluxbase_replication;

select is(realtime.remove_dead_proxies(1), 1, 'so many at most');
select is(realtime.remove_dead_proxies(1), 1, 'then the rest');
select is(realtime.remove_dead_proxies(1), 0, 'then there is none');

reset role;

select results_eq(
  $$ select p.id from realtime.proxies as p $$, array['p'], 'the dead one is forgotten'
);
select results_eq(
  $$ select p.channel from realtime.presences as p $$, array['1'], 'who is alive stays'
);

set local role service_role;

select throws_ok(
  $$ select realtime.remove_dead_proxies() $$,
  '42501', null,
  'only processes bury processes'
);

select * from finish();
