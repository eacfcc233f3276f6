select plan(10);

set local role service_role;
create temp table ada as
  select auth.make_user('ada@issue.test', null, null) as id;
create temp table issued as
  select auth.issue_one_time_token(
    a.id, 'magiclink', 'ada@issue.test',
    '{"hash": "h1", "code": "00000000000000000000000000000000000000000000000000000000000000aa",
      "redirect_to": "https://app.test/", "challenge": "c", "challenge_method": "s256"}'
  ) as id
  from ada as a;
grant select on ada, issued to public;
reset role;

select results_eq(
  $$
    select t.token_type::text, t.token_hash, t.relates_to, t.purpose, encode(t.code_hash, 'hex'),
      t.redirect_to, t.expires_at between now() + interval '59 min' and now() + interval '61 min'
    from auth.one_time_tokens as t
    join issued as i on i.id = t.id
  $$,
  $$
    values ('recovery_token', 'h1', 'ada@issue.test', 'magiclink',
      '00000000000000000000000000000000000000000000000000000000000000aa', 'https://app.test/', true)
  $$,
  'what was made is kept for an hour'
);
select results_eq(
  $$
    select f.code_challenge, f.code_challenge_method::text, f.authentication_method,
      f.provider_type, f.user_id = t.user_id, f.code_hash is null
    from auth.flow_state as f
    join auth.one_time_tokens as t on t.flow_id = f.id
    join issued as i on i.id = t.id
  $$,
  $$ values ('c', 's256', 'magiclink', 'email', true, true) $$,
  'with its flow'
);
select ok(u.recovery_sent_at is not null and u.confirmation_sent_at is null, 'and when')
from auth.users as u
join ada as a on a.id = u.id;

set local role service_role;
select lives_ok(
  $$
    select auth.issue_one_time_token(a.id, p.purpose, 'ada@issue.test', '{"hash": "h"}')
    from ada as a
    cross join unnest(array[
      'recovery', 'signup', 'invite', 'email_change_new', 'email_change_current', 'phone_change',
      'sms', 'reauthentication', 'magiclink'
    ]) as p (purpose)
  $$,
  'for each purpose'
);
reset role;
select is(count(*), 9::bigint, 'one of each is good')
from auth.one_time_tokens as t
join ada as a on a.id = t.user_id
where t.superseded_at is null;
select is(count(*), 1::bigint, 'the newer magic link took the place of the older')
from auth.one_time_tokens as t
join issued as i on i.id = t.id
where t.superseded_at is not null;
select results_eq(
  $$
    select t.token_type::text
    from auth.one_time_tokens as t
    join ada as a on a.id = t.user_id
    where t.purpose = 'email_change'
    order by t.token_type
  $$,
  array['email_change_token_new', 'email_change_token_current'],
  'a change has one for each address'
);

set local role service_role;
select throws_ok(
  $$ select auth.issue_one_time_token(a.id, 'other', 'x', '{"hash": "h"}') from ada as a $$,
  '22023', null, 'for nothing else'
);
select throws_ok(
  $$ select auth.issue_one_time_token(gen_random_uuid(), 'signup', 'x', '{"hash": "h"}') $$,
  '23503', null, 'for no one who is not there'
);

set local role authenticated;
select throws_ok(
  $$ select auth.issue_one_time_token(auth.uid(), 'magiclink', 'x', '{"hash": "h"}') $$,
  '42501', null, 'users make none'
);

select * from finish();
