create or replace function jobs.cancel(id bigint, reason text default 'cancelled')
  returns text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_job record;
begin
  if coalesce(reason, '') = '' then
    raise exception using
      errcode = 'invalid_parameter_value', message = 'a job is cancelled for a reason';
  end if;

  loop
    select j.* into v_job
    from jobs.jobs as j
    where j.id = cancel.id;
    if not found or v_job.state in ('dead', 'completed', 'cancelled') then
      return v_job.state;
    end if;

    if v_job.state in ('scheduled', 'blocked') then
      if v_job.state = 'scheduled' then
        delete from jobs.waiting as w
        where w.id = cancel.id
        and w.run_at < 'infinity';
      else
        delete from jobs.blocked as b
        where b.id = cancel.id;
      end if;
      -- It has become ready at this moment.
      continue when not found;
      perform jobs.forget(int8multirange(int8range(cancel.id, cancel.id + 1)));
      insert into jobs.failures (job, attempt, outcome, kind, lane, error, owner)
      values (
        cancel.id, v_job.attempt + 1, 'cancelled', v_job.kind, v_job.lane,
        left(cancel.reason, 10000), v_job.owner
      );
      insert into jobs.tallies (at, lane, kind, outcome, jobs, seconds)
      values (clock_timestamp(), v_job.lane, v_job.kind, 'cancelled', 1, 0);
      return 'cancelled';
    end if;

    insert into jobs.cancelled (id, reason)
    values (cancel.id, left(cancel.reason, 10000))
    on conflict on constraint cancelled_pkey do nothing;
    -- The next claim takes it away, unless one does so at this moment.
    if v_job.state = 'ready' then
      delete from jobs.specials as s
      where s.id = cancel.id;
      return 'cancelled';
    end if;
    return 'cancelling';
  end loop;
end;
$$;

comment on function jobs.cancel(bigint, text) is
  'Cancels a job and returns cancelled if it has not begun, or cancelling if it runs: its worker is
told. Otherwise changes nothing and returns dead or completed, or null for a job that is not known
any more. One that is claimed at the same moment is told as well.';

revoke all on function jobs.cancel(bigint, text) from public;
grant execute on function jobs.cancel(bigint, text) to service_role;
