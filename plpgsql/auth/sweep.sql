create or replace function auth.sweep()
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- One process at a time is enough; the others come again.
  if not pg_try_advisory_xact_lock(hashtextextended('auth.sweep', 0)) then
    return;
  end if;
  delete from auth.ended_sessions as e
  where e.forget_at < now();
  delete from auth.sessions as s
  where s.not_after < now();
  delete from auth.one_time_tokens as t
  where t.created_at < (now() - interval '2 days') at time zone 'UTC'
  and (t.expires_at is null or t.expires_at < now() - interval '1 day');
  delete from auth.flow_state as f
  where f.created_at < now() - interval '2 days'
  and not exists (
    select
    from auth.one_time_tokens as t
    where t.flow_id = f.id
  );
  delete from auth.oauth_states as o
  where o.expires_at < now();
  delete from auth.attempts as a
  where a.last_failed_at < now() - interval '2 days'
  and (a.blocked_until is null or a.blocked_until < now());
  delete from auth.known_addresses as k
  where k.signed_in_at < now() - interval '180 days';
  delete from auth.mfa_factors as f
  where f.status = 'unverified'
  and f.created_at < now() - make_interval(secs => auth.setting('mfa_factor_lifetime')::integer);
  delete from auth.mfa_challenges as c
  where c.created_at < now() - interval '2 days';
  delete from auth.webauthn_challenges as c
  where c.expires_at < now() - interval '1 hour';
  delete from auth.two_factor_recovery_attempts as a
  where a.attempted_at < now() - interval '30 days'
  and (a.locked_until is null or a.locked_until < now());
end;
$$;

comment on function auth.sweep() is
  'Deletes what nobody needs any more: of ended sessions, links and codes, flows and failed
attempts, second factors that were never verified and challenges. For the processes, every few
minutes.';

revoke all on function auth.sweep() from public;
grant execute on function auth.sweep() to service_role;
