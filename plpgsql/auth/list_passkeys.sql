create or replace function auth.list_passkeys(user_id uuid)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(auth.passkey_json(w.id) order by w.created_at, w.id), '[]')
  from auth.webauthn_credentials as w
  where w.user_id = list_passkeys.user_id;
$$;

comment on function auth.list_passkeys(uuid) is
  'The passkeys of a user: an array of auth.passkey_json, the oldest first.';

revoke all on function auth.list_passkeys(uuid) from public;
grant execute on function auth.list_passkeys(uuid) to service_role;
