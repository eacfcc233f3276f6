select plan(19);

set local role service_role;
create temp table made as
  select
    auth.register_user('ada@verify.test', null, 'hash', null, true) as ada,
    auth.register_user('bob@verify.test', null, null) as bob,
    auth.register_user('cy@verify.test', null, null) as cy;
grant select on made to public;
select auth.issue_one_time_token(
  m.bob, 'magiclink', 'bob@verify.test',
  jsonb_build_object('hash', 'verify-1', 'code', lpad('1', 64, '0'))
)
from made as m;
select ok(
  v.doc @> '{"counter": 0, "purpose": "magiclink", "claims": {"amr": [{"method": "otp"}]}}'
  and v.doc #>> '{user,id}' = m.bob::text,
  'a link signs in'
)
from made as m
cross join auth.verify('magiclink', 'verify-1', user_agent => 'B', ip => '192.0.2.1') as v (doc);
select is(
  auth.verify('magiclink', 'verify-1') ->> 'error', 'otp_expired', 'once'
);
select is(auth.verify('other', 'x') ->> 'error', 'validation_failed', 'type is one of some');
select is(
  auth.verify('reauthentication', 'x') ->> 'error', 'validation_failed',
  'a code for a password signs nobody in'
);

-- A PKCE flow.
select auth.issue_one_time_token(
  m.cy, 'signup', 'cy@verify.test',
  '{"hash": "verify-2", "challenge": "c", "challenge_method": "plain"}'
)
from made as m;
select is(
  auth.verify('signup', 'verify-2', auth_code => sha256('code')) - 'flow',
  '{"purpose": "signup"}', 'the link of a flow gives a code'
);
select is(
  auth.verify('signup', 'verify-2', auth_code => sha256('code')) - 'flow',
  '{"purpose": "signup"}', 'also if it is opened twice'
);
reset role;
select results_eq(
  $$
    select f.code_hash, f.expires_at between now() + interval '4 min' and now() + interval '6 min',
      u.email_confirmed_at is not null,
      exists (select from auth.sessions as s where s.user_id = u.id)
    from auth.flow_state as f
    join auth.users as u on u.id = f.user_id
    join made as m on m.cy = u.id
  $$,
  $$ values (sha256('code'), true, true, false) $$,
  'which is good for five minutes; nobody is signed in yet'
);

-- A change that both addresses have to agree to.
set local role service_role;
select auth.begin_change(
  m.ada, 'email', 'new@verify.test',
  '{"now": {"hash": "verify-3"}, "new": {"hash": "verify-4", "challenge": "c",
    "challenge_method": "plain"}}'
)
from made as m;
select ok(
  auth.verify('email_change', 'verify-4', auth_code => sha256('half')) @> '{"half": true}', 'one'
);
select ok(
  auth.verify('email_change', 'verify-4', auth_code => sha256('half')) @> '{"half": true}',
  'is not enough, however often it is opened'
);
select is(
  auth.verify('email_change', 'verify-3') #>> '{claims,email}', 'new@verify.test', 'both are'
);
select auth.begin_change(
  m.ada, 'email', 'bob@verify.test', '{"now": {"hash": "verify-5"}, "new": {"hash": "verify-6"}}'
)
from made as m;
select ok(auth.verify('email_change', 'verify-5') ? 'half', 'to an address that another has');
select is(
  auth.verify('email_change', 'verify-6'), '{"error": "email_exists"}', 'there is no way'
);
select auth.set_setting('mailer_secure_email_change_enabled', 'false');
select auth.begin_change(m.ada, 'email', 'one@verify.test', '{"new": {"hash": "verify-7"}}')
from made as m;
select is(
  auth.verify('email_change', 'verify-7') #>> '{claims,email}', 'one@verify.test', 'or one is'
);
select auth.begin_change(
  m.ada, 'phone', '15551110000',
  jsonb_build_object(
    'new', jsonb_build_object('hash', 'verify-8', 'code', lpad('8', 64, '0'))
  )
)
from made as m;
select is(
  auth.verify(
    'phone_change', address => '15551110000', codes => array[decode(lpad('8', 64, '0'), 'hex')]
  ) #>> '{claims,phone}',
  '15551110000', 'a number by its code'
);

select auth.issue_one_time_token(m.bob, 'recovery', 'bob@verify.test', '{"hash": "verify-9"}'),
  auth.issue_one_time_token(
    m.cy, 'magiclink', 'cy@verify.test',
    '{"hash": "verify-10", "challenge": "c", "challenge_method": "plain"}'
  )
from made as m;
select is(
  auth.verify('recovery', 'verify-9') #>> '{claims,amr,0,method}', 'recovery', 'how they came'
);
select ok(
  auth.verify('magiclink', 'verify-10') ? 'session_id', 'a client that shows the link is signed in'
);
select is(
  auth.verify('magiclink', 'verify-10', auth_code => sha256('x')) ->> 'error', 'otp_expired',
  'and the flow has ended'
);

reset role;
update auth.users as u
set banned_until = now() + interval '1 h'
from made as m
where u.id = m.bob;
set local role service_role;
select auth.issue_one_time_token(m.bob, 'magiclink', 'bob@verify.test', '{"hash": "verify-11"}')
from made as m;
select is(
  auth.verify('magiclink', 'verify-11'), '{"error": "user_banned"}', 'a link lifts no ban'
);

set local role authenticated;
select throws_ok($$ select auth.verify('magiclink', 'x') $$, '42501', null, 'not for users');

select * from finish();
