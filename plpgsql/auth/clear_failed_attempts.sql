create or replace function auth.clear_failed_attempts(user_id uuid)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_cleared integer;
begin
  -- What is counted meanwhile is counted after this.
  perform
  from auth.users as u
  where u.id = clear_failed_attempts.user_id
  for no key update;

  update auth.two_factor_recovery_attempts as a
  set cleared_at = clock_timestamp()
  where a.user_id = clear_failed_attempts.user_id
  and a.cleared_at is null;
  get diagnostics v_cleared = row_count;

  perform audit.record(
    'mfa_attempts.cleared', clear_failed_attempts.user_id::text,
    jsonb_build_object('cleared', v_cleared)
  );
  return v_cleared;
end;
$$;

comment on function auth.clear_failed_attempts(uuid) is
  'Forgets how often a user failed to show a second factor, and ends a lock-out. For administrators.
Returns how many failures counted.';

revoke all on function auth.clear_failed_attempts(uuid) from public;
grant execute on function auth.clear_failed_attempts(uuid) to service_role;
