select plan(12);

create function pg_temp.change(changes jsonb, max_members integer default 10)
  returns text
  language sql
as $$
  select concat(c.kept, ' ', c.refused)
  from realtime.change_presences('p', 'one', '5 s', change.max_members, change.changes) as c
$$;

set local role fluxbase_replication;

select is(
  pg_temp.change('[{"channel": "1", "topic": "a", "private": true, "key": "k", "ref": "r1",
    "meta": "{\"n\": \"\\u0000\"}"}]'),
  'f {}',
  'one enters; the process had no lease before'
);

reset role;

select row_eq(
  $$ select p.proxy, p.topic, p.private, p.key, p.ref, p.meta from realtime.presences as p $$,
  row('p'::text, 'a'::text, true, 'k'::text, 'r1'::text, '{"n": "\u0000"}'::text),
  'it stands there as it was said'
);

update realtime.presences as p set since = '2000-01-01';
select pg_temp.change('[{"channel": "1", "topic": "a", "private": true, "key": "k", "ref": "r2",
  "meta": "{\"n\": \"\\u0000\"}"}]');
select row_eq(
  $$ select p.ref, p.since from realtime.presences as p $$,
  row('r1'::text, timestamptz '2000-01-01'),
  'the same once more changes nothing'
);

select pg_temp.change('[{"channel": "1", "topic": "a", "private": true, "key": "k", "ref": "r3",
  "meta": "{}"}]');
select row_eq(
  $$ select p.ref, p.meta, p.since = now() from realtime.presences as p $$,
  row('r3'::text, '{}'::text, true),
  'another payload is another member'
);

select is(
  pg_temp.change('[
    {"channel": "2", "topic": "a", "private": true, "key": "k", "ref": "s", "meta": "{}"},
    {"channel": "3", "topic": "a", "private": true, "key": "k", "ref": "t", "meta": "{}"},
    {"channel": "4", "topic": "a", "private": false, "key": "k", "ref": "u", "meta": "{}"}
  ]', 2),
  't {3}',
  'who finds no place is refused, and only there'
);
select is(
  pg_temp.change('[
    {"channel": "1", "topic": "a", "private": true, "key": "k"},
    {"channel": "3", "topic": "a", "private": true, "key": "k", "ref": "t", "meta": "{}"}
  ]', 2),
  't {}',
  'the place of one who goes is free at once'
);
select is(
  pg_temp.change('[{"channel": "3", "topic": "a", "private": true, "key": "k", "ref": "v",
    "meta": "{\"a\": 1}"}]', 1),
  't {}',
  'who is in may change'
);
select set_eq(
  $$ select p.channel || p.ref from realtime.presences as p $$,
  array['2s', '3v', '4u'],
  'these are in'
);
select is(
  pg_temp.change('[{"channel": "9", "topic": "a", "private": true, "key": "k"}]'), 't {}',
  'who was never there can go'
);
select is(pg_temp.change('[]'), 't {}', 'nothing to do');

select throws_ok(
  $$ select pg_temp.change('[{"channel": "5", "topic": "a", "private": true, "key": "k",
    "ref": "x", "meta": "7"}]') $$,
  '23514', null,
  'a payload is an object'
);

set local role service_role;

select throws_ok(
  $$ select pg_temp.change('[]') $$,
  '42501', null,
  'only processes say who is present'
);

select * from finish();
