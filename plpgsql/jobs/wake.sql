create or replace function jobs.wake(lane integer)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_woken constant text := coalesce(current_setting('fluxbase.jobs_woken', true), '');
begin
  -- Once a transaction; the setting ends with it.
  if position(',' || wake.lane || ',' in v_woken) = 0 then
    perform
      set_config('fluxbase.jobs_woken', v_woken || ',' || wake.lane || ',', true),
      pg_logical_emit_message(true, 'fluxbase.jobs', wake.lane::text);
  end if;
end;
$$;

comment on function jobs.wake(integer) is
  'Tells the processes that follow the changes of this database, when the transaction commits,
that a lane has jobs, or (0) that jobs.promote finds some. It is a hint, so it is not signed:
workers look from time to time anyway.';

revoke all on function jobs.wake(integer) from public;
