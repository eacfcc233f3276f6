select plan(12);

set local role service_role;
select auth.set_oauth_provider('google', '{"client_id": "us"}');
create temp table claims as
select '{"sub": "1", "email": "ada@example.com", "email_verified": true}'::jsonb as c;

select is(
  auth.sign_in_with_identity('google', '1', c) #>> '{claims,email}', 'ada@example.com',
  'who comes is signed in'
)
from claims;
select is(
  auth.sign_in_with_identity('google', '1', c) #>> '{claims,amr,0,method}', 'oauth', 'by oauth'
)
from claims;
select is(
  auth.sign_in_with_identity('google', '2', '{}'), '{"error": "email_address_not_provided"}',
  'or is refused'
);
select is(
  auth.sign_in_with_identity('google', '2', c, gen_random_uuid()),
  '{"error": "manual_linking_disabled"}', 'linking has rules of its own'
)
from claims;

create temp table flow as
select jsonb_build_object(
  'id', '00000000-0000-0000-0000-00000000000f', 'code_hash', encode(sha256('a code'), 'hex'),
  'code_challenge', 'c', 'code_challenge_method', 's256', 'provider_access_token', 'fbs1.k.a'
) as f;
select is(
  auth.sign_in_with_identity('google', '1', c, null, f),
  '{"flow_id": "00000000-0000-0000-0000-00000000000f"}',
  'who has a challenge gets a session for the verifier alone'
)
from claims, flow;
reset role;
select results_eq(
  $$ select u.email::text, s.code_hash, s.code_challenge, s.code_challenge_method::text,
       s.provider_type, s.provider_access_token, s.authentication_method,
       s.expires_at > now() + interval '4 min', s.used_at is null
     from auth.flow_state as s join auth.users as u on u.id = s.user_id $$,
  $$ values (
    'ada@example.com', sha256('a code'), 'c', 's256', 'google', 'fbs1.k.a', 'oauth', true, true
  ) $$,
  'which the flow waits for'
);
select auth.set_setting('manual_linking_enabled', 'true');
select is(
  auth.sign_in_with_identity(
    'github', '1', '{"sub": "1"}', u.id,
    f || '{"id": "00000000-0000-0000-0000-00000000000e", "code_hash": null}'
  ),
  '{"flow_id": "00000000-0000-0000-0000-00000000000e"}', 'who links an account with a challenge'
)
from auth.users as u, flow;
select is(
  (select s.link_identity from auth.flow_state as s
   where s.id = '00000000-0000-0000-0000-00000000000e'),
  '{"provider": "github", "provider_id": "1", "data": {"sub": "1"}}', 'waits for the verifier, too'
);
select is(
  (select count(*)::integer from auth.identities as i where i.provider = 'github'), 0,
  'and has it no sooner'
);

update auth.users set banned_until = now() + interval '1 h';
set local role service_role;
select is(
  auth.sign_in_with_identity('google', '1', c, null, f), '{"error": "user_banned"}',
  'who is banned gets no code'
)
from claims, flow;
select is(
  auth.sign_in_with_identity('google', '1', c), '{"error": "user_banned"}', 'and no session'
)
from claims;

set local role authenticated;
select throws_ok(
  $$ select auth.sign_in_with_identity('google', '1', '{}') $$, '42501', null, 'not for users'
);

select * from finish();
