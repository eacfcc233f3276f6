create or replace function auth.sign_in_with_password(
  user_id uuid,
  hash text,
  new_hash text default null,
  user_agent text default null,
  ip inet default null,
  account text default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user auth.users;
  v_session uuid;
begin
  select u.* into v_user
  from auth.users as u
  where u.id = sign_in_with_password.user_id
  for no key update;

  -- Changed since the process looked: what it checked is not the password any more.
  if not found or v_user.encrypted_password is distinct from sign_in_with_password.hash then
    return '{"error": "invalid_credentials"}'::jsonb;
  end if;
  if sign_in_with_password.account is not null then
    perform auth.clear_attempts(sign_in_with_password.account, sign_in_with_password.ip);
  end if;
  if v_user.banned_until > clock_timestamp() then
    return '{"error": "user_banned"}'::jsonb;
  end if;
  if v_user.confirmed_at is null then
    return jsonb_build_object(
      'error', case when v_user.email is null then 'phone' else 'email' end || '_not_confirmed'
    );
  end if;

  if sign_in_with_password.new_hash is not null then
    update auth.users as u
    set encrypted_password = sign_in_with_password.new_hash
    where u.id = v_user.id;
  end if;

  v_session := auth.open_session(
    v_user.id, 'password', sign_in_with_password.user_agent, sign_in_with_password.ip
  );
  return coalesce(auth.grant_of(v_session), '{"error": "invalid_credentials"}');
end;
$$;

comment on function auth.sign_in_with_password(uuid, text, text, text, inet, text) is
  'Signs in a user whose password was checked against hash; new_hash, if given, takes its place (of
a better algorithm). account is what auth.begin_sign_in gave: what it counted is taken back. Returns
auth.grant_of, or {"error"}: invalid_credentials, also if the password was changed meanwhile,
user_banned, email_not_confirmed, phone_not_confirmed.';

revoke all on function auth.sign_in_with_password(uuid, text, text, text, inet, text) from public;
grant execute on function auth.sign_in_with_password(uuid, text, text, text, inet, text)
  to service_role;
