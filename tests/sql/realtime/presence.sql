select plan(3);

insert into realtime.proxies (id, name, live_until)
values ('p', 'one', clock_timestamp() + '1 hour');
insert into realtime.presences (channel, proxy, topic, private, key, ref, meta)
values
  ('1', 'p', 'a', true, 'k', 'r1', '{"n": 1}'),
  ('2', 'gone', 'a', false, 'k', 'r2', '{}'),
  ('3', 'p', 'b', true, 'k', 'r3', '{}');

set local role service_role;

select results_eq(
  $$ select p.private, p.key, p.meta, p.ref, p.proxy from realtime.presence('a') as p $$,
  $$ values (false, 'k', '{}', 'r2', null), (true, 'k', '{"n": 1}', 'r1', 'one') $$,
  'public and private, with their processes'
);
select is_empty($$ select realtime.presence(null) $$, 'nobody is nowhere');

set local role authenticated;

select throws_ok(
  $$ select realtime.presence('a') $$,
  '42501', null,
  'users see it through channels'
);

select * from finish();
