select plan(10);

set local role service_role;
create temp table ada as
  select auth.register_user('ada@exchange.test', null, null, null, true) as id;
grant select on ada to public;
-- The example of RFC 7636, appendix B.
create function pg_temp.opened(hash text, code bytea, method text default 's256')
  returns jsonb
  language sql
as $$
  select auth.issue_one_time_token(
    a.id, 'magiclink', 'ada@exchange.test', jsonb_build_object(
      'hash', hash, 'challenge_method', method, 'challenge', case method
        when 's256' then 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
        else 'a plain verifier'
      end
    )
  )
  from pg_temp.ada as a;
  select auth.verify('magiclink', hash, auth_code => code);
$$;
select pg_temp.opened('exchange-1', sha256('one'));

select is(
  auth.exchange_code(sha256('one'), 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl'),
  '{"error": "bad_code_verifier"}', 'another verifier'
);
select is(auth.exchange_code(sha256('one'), null), '{"error": "bad_code_verifier"}', 'none');
select is(
  auth.exchange_code(sha256('two'), 'x'), '{"error": "flow_state_not_found"}', 'another code'
);
select ok(
  auth.exchange_code(sha256('one'), 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk', 'B')
    @> '{"claims": {"amr": [{"method": "magiclink"}]}, "counter": 0}',
  'the right one signs in'
);
select is(
  auth.exchange_code(sha256('one'), 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'),
  '{"error": "flow_state_already_used"}', 'once'
);
select pg_temp.opened('exchange-2', sha256('plain'), 'plain');
select ok(
  auth.exchange_code(sha256('plain'), 'a plain verifier') ? 'session_id', 'one in plain text'
);

select pg_temp.opened('exchange-3', sha256('old'), 'plain');
reset role;
update auth.flow_state as f
set expires_at = now(),
    provider_access_token = 'sealed'
where f.code_hash = sha256('old');
set local role service_role;
select is(
  auth.exchange_code(sha256('old'), 'a plain verifier'), '{"error": "flow_state_expired"}',
  'an old one'
);
reset role;
update auth.flow_state as f
set expires_at = now() + interval '1 min'
where f.code_hash = sha256('old');
set local role service_role;
select is(
  auth.exchange_code(sha256('old'), 'a plain verifier') ->> 'provider_access_token', 'sealed',
  'with what a provider gave'
);
reset role;
select is(f.provider_access_token, null, 'which is kept no longer')
from auth.flow_state as f
where f.code_hash = sha256('old');

set local role anon;
select throws_ok(
  $$ select auth.exchange_code('\x', 'x') $$, '42501', null, 'not for clients'
);

select * from finish();
