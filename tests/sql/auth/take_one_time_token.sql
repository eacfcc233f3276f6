select plan(22);

set local role service_role;
create temp table ada as
  select auth.make_user('ada@take.test', null, null) as id;
grant select on ada to public;

-- A link and a code, 32 bytes that end with the text.
create function pg_temp.sent(purpose text, hash text, code text, flow jsonb default '{}')
  returns uuid
  language sql
as $$
  select auth.issue_one_time_token(
    a.id, purpose, 'ada@take.test',
    flow || jsonb_build_object('hash', hash, 'code', lpad(code, 64, '0'))
  )
  from pg_temp.ada as a;
$$;
create function pg_temp.tried(type text, code text)
  returns text
  language sql
as $$
  select coalesce(t.doc ->> 'why', t.doc ->> 'purpose')
  from auth.take_one_time_token(
    type, address => 'ada@take.test', codes => array[decode(lpad(code, 64, '0'), 'hex')]
  ) as t (doc);
$$;

select pg_temp.sent('magiclink', 'take-1', '11');
select is(
  auth.take_one_time_token('magiclink', 'take-2'),
  '{"error": "otp_expired", "why": "unknown",
    "message": "Email link is invalid or has expired"}',
  'a link that was never sent'
);
select is(
  auth.take_one_time_token('recovery', 'take-1') ->> 'why', 'unknown', 'one for something else'
);
select results_eq(
  $$
    select t.doc ->> 'purpose', t.doc ->> 'address', (t.doc ->> 'user_id')::uuid = a.id,
      t.doc ->> 'again'
    from auth.take_one_time_token('email', 'take-1') as t (doc)
    cross join ada as a
  $$,
  $$ values ('magiclink', 'ada@take.test', true, 'false') $$,
  'a good one'
);
select is(
  auth.take_one_time_token('magiclink', 'take-1') ->> 'why', 'used', 'is good once'
);
select is(pg_temp.tried('magiclink', '11'), 'used', 'and so is its code');

select pg_temp.sent('recovery', 'take-3', '33');
select pg_temp.sent('recovery', 'take-4', '44');
select is(
  auth.take_one_time_token('recovery', 'take-3') ->> 'why', 'superseded', 'the newer one holds'
);
select is(pg_temp.tried('recovery', '33'), 'superseded', 'also of codes');
select is(pg_temp.tried('recovery', '99'), 'wrong code', 'a wrong code');
select is(pg_temp.tried('email', '44'), 'recovery', 'the right one, by the name for all');

select pg_temp.sent('signup', 'take-5', '55');
select is(
  (select array_agg(distinct pg_temp.tried('signup', '99')) from generate_series(1, 5)),
  array['wrong code'], 'five wrong codes'
);
select is(pg_temp.tried('signup', '55'), 'void', 'and the right one is good no more');
select is(
  auth.take_one_time_token('magiclink', 'take-5') ->> 'purpose', 'signup',
  'the link is, which nobody can guess: the first magic link of somebody is a sign-up'
);
select is(pg_temp.tried('sms', '55'), 'unknown', 'another purpose');
select is(
  auth.take_one_time_token(
    'signup', address => 'nobody@take.test', codes => array[decode(lpad('55', 64, '0'), 'hex')]
  ),
  '{"error": "otp_expired", "why": "unknown", "message": "Token has expired or is invalid"}',
  'of an address that is not known'
);

select pg_temp.sent(
  'magiclink', 'take-6', '66', '{"challenge": "c", "challenge_method": "plain"}'
);
select is(
  auth.take_one_time_token('magiclink', 'take-6', again => true) ->> 'again', 'false',
  'the link of a flow'
);
select is(
  auth.take_one_time_token('magiclink', 'take-6', again => true) ->> 'again', 'true',
  'may be opened again'
);
select is(
  auth.take_one_time_token('magiclink', 'take-6') ->> 'why', 'used', 'but not for a session'
);
reset role;
update auth.flow_state as f
set used_at = now();
set local role service_role;
select is(
  auth.take_one_time_token('magiclink', 'take-6', again => true) ->> 'why', 'used',
  'until the flow has ended'
);

select pg_temp.sent('magiclink', 'take-7', '77');
reset role;
update auth.one_time_tokens as t
set expires_at = now();
set local role service_role;
select is(auth.take_one_time_token('magiclink', 'take-7') ->> 'why', 'expired', 'an old link');
select is(pg_temp.tried('magiclink', '77'), 'expired', 'an old code');
reset role;
select results_eq(
  $$
    select e.details ->> 'why', count(*)
    from audit.events as e
    join ada as a on e.target = a.id::text
    where e.action = 'one_time_token.refused'
    group by 1
    order by 1
  $$,
  $$
    values ('expired', 2::bigint), ('superseded', 2), ('used', 4), ('void', 1), ('wrong code', 6)
  $$,
  'the audit trail says why'
);

set local role anon;
select throws_ok(
  $$ select auth.take_one_time_token('magiclink', 'x') $$, '42501', null, 'not for clients'
);

select * from finish();
