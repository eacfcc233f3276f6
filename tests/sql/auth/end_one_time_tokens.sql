select plan(5);

set local role service_role;
create temp table ada as
  select auth.make_user('ada@ended.test', null, null) as id;
create temp table sent as
  select p.purpose, auth.issue_one_time_token(
    a.id, p.purpose, 'ada@ended.test', jsonb_build_object('hash', 'ended-' || p.purpose)
  ) as id
  from ada as a
  cross join unnest(array['magiclink', 'recovery', 'signup']) as p (purpose);
grant select on ada, sent to public;

select is(auth.end_one_time_tokens(a.id, array['recovery']), 1, 'those for a purpose')
from ada as a;
select is(
  auth.take_one_time_token('recovery', 'ended-recovery') ->> 'why', 'superseded', 'are void'
);
select is(
  auth.end_one_time_tokens(s.id, keep => t.id), 1, 'all others, but for one'
)
from ada as s
join sent as t on t.purpose = 'signup';
select ok(
  not auth.take_one_time_token('signup', 'ended-signup') ? 'error', 'which is good as before'
);

set local role authenticated;
select throws_ok(
  $$ select auth.end_one_time_tokens(gen_random_uuid()) $$, '42501', null, 'not for users'
);

select * from finish();
