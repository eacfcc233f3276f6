select plan(4);

insert into realtime.presences (channel, proxy, topic, private, key, ref, meta)
values
  ('1', 'p', 'a', true, 'k', 'r1', '{"n": 1}'),
  ('2', 'p', 'a', false, 'k', 'r2', '{}'),
  ('3', 'p', 'b', true, 'k', 'r3', '{}'),
  ('4', 'p', 'c', true, 'k', 'r4', '{}');

set local role fluxbase_replication;

select is(
  (
    select jsonb_path_query_array(r.members, '$[*] ? (@.topic == "a")')
    from realtime.read_presences(
      '[{"topic": "a", "private": true}, {"topic": "b", "private": true},
        {"topic": "a", "private": true}]'
    ) as r
  ),
  '[{"key": "k", "ref": "r1", "meta": "{\"n\": 1}", "topic": "a", "private": true}]',
  'each channel once'
);
select is(
  (
    select r.members || to_jsonb(pg_snapshot_xmax(r.snapshot)::text::bigint > 0)
    from realtime.read_presences('[{"topic": "nobody", "private": true}]') as r
  ),
  '[true]',
  'in an empty one is nobody'
);
select throws_ok($$ select from realtime.presences $$, '42501', null, 'the table stays closed');

set local role service_role;

select throws_ok(
  $$ select realtime.read_presences('[]') $$,
  '42501', null,
  'servers of the application have realtime.presence'
);

select * from finish();
