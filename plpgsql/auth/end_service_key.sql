create or replace function auth.end_service_key(id text, reason text)
  returns timestamptz
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key constant auth.service_keys := auth.lock_service_key(end_service_key.id);
begin
  if v_key.revoked_at is not null then
    return v_key.revoked_at;
  end if;

  update auth.service_keys as k
  set revoked_at = now(),
      revoked_reason = coalesce(end_service_key.reason, '')
  where k.id = v_key.id;

  insert into auth.service_key_revocations (key_id, kind, reason, revoked_by, effective_at)
  values (v_key.id, 'emergency', end_service_key.reason, audit.actor(), now());

  perform audit.record(
    'service_key.revoked', v_key.id, jsonb_build_object('reason', end_service_key.reason)
  );
  return now();
end;
$$;

comment on function auth.end_service_key(text, text) is
  'Revokes a key within the transaction of the caller: it is refused from the commit on, by a
process that follows the stream of changes a moment later. Nothing is waited for; after the commit,
call fluxbase.settle() does. Outside of a transaction use call auth.revoke_service_key, which does
both. Returns since when the key is revoked; a second call changes nothing. Raises P0002 for an id
that no key has, 23514 without a reason.';

revoke all on function auth.end_service_key(text, text) from public;
grant execute on function auth.end_service_key(text, text) to service_role;
