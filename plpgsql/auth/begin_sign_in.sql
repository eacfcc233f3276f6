create or replace function auth.begin_sign_in(email text, phone text, ip inet)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- As it was typed: were it the id, a pause at a phone would tell whose address has one too.
  v_account constant text := coalesce(lower(begin_sign_in.email), begin_sign_in.phone, '');
begin
  return coalesce(
    auth.begin_attempt(v_account, begin_sign_in.ip),
    jsonb_build_object('account', v_account, 'rules', auth.password_rules())
      || coalesce(auth.find_account(begin_sign_in.email, begin_sign_in.phone), '{}')
  );
end;
$$;

comment on function auth.begin_sign_in(text, text, inet) is
  'Begins a sign-in by password, from an address: counts the attempt (auth.begin_attempt), and gives
what its password is to be checked with: {"account", "rules"} and, if there is such a user, {"id",
"hash"}; or {"error", "retry_after"}. auth.sign_in_with_password ends it, with this account.';

revoke all on function auth.begin_sign_in(text, text, inet) from public;
grant execute on function auth.begin_sign_in(text, text, inet) to service_role;
