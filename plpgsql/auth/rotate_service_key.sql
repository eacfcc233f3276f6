create or replace function auth.rotate_service_key(
  old_id text,
  grace interval default '24 h',
  out id text,
  out key text,
  out old_ends_at timestamptz
)
  returns record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- Locked, so that of two at once the second finds what the first has made.
  v_old constant auth.service_keys := auth.lock_service_key(rotate_service_key.old_id);
begin
  if v_old.revoked_at is not null or v_old.expires_at <= clock_timestamp() then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'the key has ended',
      hint = 'Issue a new one: auth.issue_service_key.';
  end if;
  if v_old.replaced_by is not null then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'the key was rotated already',
      detail = 'The key that took its place is ' || v_old.replaced_by || '.';
  end if;

  select i.id, i.key into rotate_service_key.id, rotate_service_key.key
  from auth.issue_service_key(
    v_old.name, v_old.kind, v_old.role, v_old.modules, v_old.schemas, v_old.read_only,
    v_old.addresses, now() + (v_old.expires_at - v_old.created_at)
  ) as i;

  -- One that was deprecated before gets no more time than it had.
  rotate_service_key.old_ends_at := least(now() + rotate_service_key.grace, v_old.grace_ends_at);

  update auth.service_keys as k
  set deprecated_at = coalesce(k.deprecated_at, now()),
      grace_ends_at = rotate_service_key.old_ends_at,
      replaced_by = rotate_service_key.id
  where k.id = v_old.id;

  insert into auth.service_key_revocations (key_id, kind, reason, revoked_by, effective_at)
  values (
    v_old.id, 'rotation', 'replaced by ' || rotate_service_key.id, audit.actor(),
    rotate_service_key.old_ends_at
  );

  perform audit.record(
    'service_key.rotated',
    v_old.id,
    jsonb_build_object(
      'replaced_by', rotate_service_key.id, 'grace_ends_at', rotate_service_key.old_ends_at
    )
  );
end;
$$;

comment on function auth.rotate_service_key(text, interval) is
  'Makes a key that takes the place of another, with all that this may do and as long a life, and
ends the old one after a grace of at most 30 days. Returns the id and the key of the new one, which
nobody can read again, and when the old one ends. Of two calls at once one succeeds. Raises P0002
for an id that no key has, 55000 for a key that has ended or was rotated already, 23514 for a grace
that can''t be.';

revoke all on function auth.rotate_service_key(text, interval) from public;
grant execute on function auth.rotate_service_key(text, interval) to service_role;
