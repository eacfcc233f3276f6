create or replace function jobs.put_back(worker uuid, failures jobs.failure[])
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_later bigint[];
  v_now constant timestamptz := clock_timestamp();
  v_again jobs.waiting[];
  v_over int8multirange;
  v_dead int8multirange;
begin
  if exists (
    select from unnest(failures) as f
    where f.outcome not in (
      'failed', 'timeout', 'lost', 'interrupted', 'suspended', 'cancelled'
    )
  ) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the outcome of a job is failed, timeout, interrupted, suspended or cancelled';
  end if;

  with told as (
    select distinct on (f.id) f.id,
      case when c.id is null then coalesce(f.outcome, 'failed') else 'cancelled' end as outcome,
      coalesce(nullif(f.error, ''), 'no reason was given') as error, f.stack, f.retry_in,
      coalesce(f.discard, false) as discard, f.event
    from unnest(put_back.failures) as f
    left join jobs.cancelled as c on c.id = f.id
    order by f.id
  ),
  -- A job that was tried before has a row for each attempt.
  job as (
    select distinct on (j.id) j.*
    from told as t
    cross join lateral (
      select r.id, r.xid, r.enqueued_at, r.owner, r.lane, r.attempt, r.max_attempts, r.special,
        r.kind, r.args, r.meta
      from jobs.ready as r
      where r.id = t.id
      union all
      select w.id, null, w.enqueued_at, w.owner, w.lane, w.attempt, w.max_attempts, w.special,
        w.kind, w.args, w.meta
      from jobs.waiting as w
      where w.id = t.id
    ) as j
    order by j.id, j.xid desc
  ),
  verdict as (
    select j.*, t.outcome, t.error, t.stack, t.event,
      case when t.outcome in ('interrupted', 'suspended') then j.attempt else j.attempt + 1 end
        as attempts,
      exists (select from jobs.steps as s where s.job = j.id) as has_steps,
      case
        when t.outcome = 'cancelled' then 'cancelled'
        when t.outcome in ('interrupted', 'suspended') then 'again'
        when t.discard or j.attempt + 1 >= j.max_attempts then 'dead'
        else 'again'
      end as fate,
      case
        when t.outcome in ('lost', 'interrupted') then v_now + make_interval(secs => coalesce(
          case when t.retry_in is not null then greatest(0, least(t.retry_in, 31536000)) end, 0
        ))
        -- Without an end of its own, but before infinity, which says something else.
        when t.outcome = 'suspended' then coalesce(
          v_now + make_interval(secs => greatest(0, least(t.retry_in, 31536000))),
          case when t.event is null then v_now else '9999-01-01' end
        )
        else v_now + make_interval(secs => coalesce(
          case when t.retry_in is not null then greatest(0, least(t.retry_in, 31536000)) end,
          least(86400, power(j.attempt + 1, 4)) * (0.9 + 0.2 * random())
        ))
      end as run_at
    from job as j
    join told as t on t.id = j.id
  ),
  noted as (
    insert into jobs.failures (job, attempt, at, outcome, kind, lane, worker, error, stack, owner)
    select
      v.id, v.attempt + 1, v_now, v.outcome, v.kind, v.lane, put_back.worker, left(v.error, 10000),
      left(v.stack, 50000), v.owner
    from verdict as v
    where v.outcome <> 'suspended'
  ),
  died as (
    insert into jobs.dead (
      id, died_at, enqueued_at, owner, lane, attempt, max_attempts, kind, args, meta
    )
    select
      v.id, v_now, v.enqueued_at, v.owner, v.lane, v.attempt + 1, v.max_attempts, v.kind,
      coalesce(s.args, v.args), v.meta
    from verdict as v
    left join jobs.specials as s on v.special and s.id = v.id
    where v.fate = 'dead'
  ),
  tallied as (
    insert into jobs.tallies (at, lane, kind, outcome, jobs, seconds)
    select v_now, v.lane, v.kind, o.outcome, count(*), 0
    from verdict as v
    cross join lateral unnest(
      array[v.outcome] || case when v.fate = 'dead' then array['dead'] else '{}' end
    ) as o (outcome)
    where o.outcome <> 'suspended'
    group by v.lane, v.kind, o.outcome
  ),
  waits as (
    insert into jobs.waiting as w (
      id, run_at, enqueued_at, owner, lane, attempt, max_attempts, special, kind, args, meta
    )
    select
      v.id, v.run_at, v.enqueued_at, v.owner, v.lane, v.attempts, v.max_attempts,
      v.special or v.has_steps, v.kind, v.args, v.meta
    from verdict as v
    where v.fate = 'again'
    and v.run_at > v_now
    on conflict on constraint waiting_pkey do update
    set run_at = excluded.run_at,
        attempt = excluded.attempt,
        special = excluded.special
  ),
  waits_for as (
    insert into jobs.awaits (job, namespace, event)
    select v.id, l.namespace, v.event
    from verdict as v
    join jobs.lanes as l on l.id = v.lane
    where v.outcome = 'suspended'
    and v.event is not null
    on conflict on constraint awaits_pkey do update
    set event = excluded.event
    returning namespace, event
  ),
  arrived as (
    insert into jobs.arrivals (namespace, event)
    select a.namespace, a.event
    from waits_for as a
  )
  select
    array_agg(row(
      v.id, v.run_at, v.enqueued_at, v.owner, v.lane, v.attempts, v.max_attempts,
      v.special or v.has_steps, v.kind, v.args, v.meta
    )::jobs.waiting) filter (where v.fate = 'again' and v.run_at <= v_now),
    range_agg(int8range(v.id, v.id + 1)) filter (where v.fate <> 'again'),
    range_agg(int8range(v.id, v.id + 1)) filter (where v.fate = 'dead'),
    array_agg(v.id) filter (where v.fate = 'again' and v.run_at > v_now and v.meta ? 'key')
  into v_again, v_over, v_dead, v_later
  from verdict as v;

  if v_again is not null then
    delete from jobs.waiting as w
    using unnest(v_again) as a
    where w.id = a.id;
    perform jobs.add_ready(v_again);
  end if;
  if v_later is not null then
    perform jobs.free_slots(v_later);
  end if;
  if v_over is not null then
    perform jobs.forget(v_over, coalesce(v_dead, '{}'));
  end if;
end;
$$;

comment on function jobs.put_back(uuid, jobs.failure[]) is
  'Notes why attempts of a worker ended without success, and decides what becomes of the jobs: they
are tried again now or later, are dead, or cancelled. They are not in jobs.batches any more.';

revoke all on function jobs.put_back(uuid, jobs.failure[]) from public;
