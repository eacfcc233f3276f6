create or replace function auth.deprecate_service_key(id text, grace interval default '24 h')
  returns timestamptz
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key constant auth.service_keys := auth.lock_service_key(deprecate_service_key.id);
  v_end constant timestamptz := now() + deprecate_service_key.grace;
begin
  if v_key.revoked_at is not null then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'the key is revoked';
  end if;

  update auth.service_keys as k
  set deprecated_at = now(),
      grace_ends_at = v_end
  where k.id = v_key.id;

  insert into auth.service_key_revocations (key_id, kind, reason, revoked_by, effective_at)
  values (v_key.id, 'expiration', 'deprecated', audit.actor(), v_end);

  perform audit.record(
    'service_key.deprecated', v_key.id, jsonb_build_object('grace_ends_at', v_end)
  );
  return v_end;
end;
$$;

comment on function auth.deprecate_service_key(text, interval) is
  'Has a key end after a grace of at most 30 days, in which it still works; a second call sets
another one. Returns when that is. Raises P0002 for an id that no key has, 55000 for a key that is
revoked, 23514 for a grace that can''t be.';

revoke all on function auth.deprecate_service_key(text, interval) from public;
grant execute on function auth.deprecate_service_key(text, interval) to service_role;
