create or replace function auth.passkey_json(id uuid)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'id', w.id,
    'friendly_name', w.friendly_name,
    'created_at', auth.time_text(w.created_at),
    'last_used_at', auth.time_text(w.last_used_at)
  ))
  from auth.webauthn_credentials as w
  where w.id = passkey_json.id;
$$;

comment on function auth.passkey_json(uuid) is
  'A passkey as clients of auth know it: {"id", "friendly_name", "created_at", "last_used_at"}.';

revoke all on function auth.passkey_json(uuid) from public;
