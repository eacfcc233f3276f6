create or replace function auth.remove_passkey(
  user_id uuid,
  id uuid,
  session_id uuid default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_refusal jsonb;
begin
  -- Nobody signs in by it meanwhile.
  perform
  from auth.users as u
  where u.id = remove_passkey.user_id
  for no key update;

  v_refusal := auth.require_aal(remove_passkey.session_id);
  if v_refusal is not null then
    return v_refusal;
  end if;

  delete from auth.webauthn_credentials as w
  where w.id = remove_passkey.id
  and w.user_id = remove_passkey.user_id;

  if not found then
    return '{"error": "webauthn_credential_not_found"}'::jsonb;
  end if;
  delete from auth.sessions as s
  where s.id in (
    select l.id
    from auth.sessions as l
    where l.user_id = remove_passkey.user_id
    and l.factor_id = remove_passkey.id
    and l.id is distinct from remove_passkey.session_id
    order by l.id
    for update
  );
  perform audit.record(
    'passkey.removed', remove_passkey.user_id::text,
    jsonb_build_object('passkey', remove_passkey.id)
  );
  return jsonb_build_object('id', remove_passkey.id);
end;
$$;

comment on function auth.remove_passkey(uuid, uuid, uuid) is
  'Takes a passkey from a user: for the user in a session, or without one for an administrator.
Sessions that were opened by it end, since somebody else may have it, but for that of the user.
Returns {"id"} or {"error"}: webauthn_credential_not_found, and those of auth.require_aal.';

revoke all on function auth.remove_passkey(uuid, uuid, uuid) from public;
grant execute on function auth.remove_passkey(uuid, uuid, uuid) to service_role;
