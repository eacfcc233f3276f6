create or replace function auth.promote_signing_key(at_once boolean default false)
  returns text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_next auth.signing_keys;
  v_old text;
begin
  -- Of two that rotate at once the second finds what the first has made.
  lock table auth.signing_keys in share row exclusive mode;

  select k.* into v_next
  from auth.signing_keys as k
  where k.state = 'next';

  if not found then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'there is no next key',
      hint = 'fluxbase signing-keys add makes one.';
  end if;
  -- Who verifies by the published keys may keep them for ten minutes.
  if not promote_signing_key.at_once and v_next.created_at > now() - interval '10 min' then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'the next key was published less than ten minutes ago',
      hint = 'Wait until all who verify tokens have it, or promote it at once: '
        'auth.promote_signing_key(at_once => true).';
  end if;

  update auth.signing_keys as k
  set state = 'retired',
      retired_at = now()
  where k.state = 'current'
  returning k.kid into v_old;

  update auth.signing_keys as k
  set state = 'current',
      activated_at = now()
  where k.kid = v_next.kid;

  perform audit.record(
    'signing_key.promoted', v_next.kid, jsonb_strip_nulls(jsonb_build_object('retired', v_old))
  );
  return v_next.kid;
end;
$$;

comment on function auth.promote_signing_key(boolean) is
  'Makes the next key the current one. The one that was current is retired: it signs no longer, and
what it signed holds. Returns the id of the key. Raises 55000 if there is no next key, or, unless
at_once, if that was published less than ten minutes ago, which is how long others may keep the
published keys.';

revoke all on function auth.promote_signing_key(boolean) from public;
grant execute on function auth.promote_signing_key(boolean) to service_role;
