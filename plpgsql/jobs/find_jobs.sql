create or replace function jobs.find_jobs(
  state text default null,
  queue text default null,
  kind text default null,
  namespace text default 'default',
  before bigint default null,
  most integer default 100
)
  returns setof bigint
  language plpgsql
  stable
  security definer
  rows 100
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_lanes constant integer[] := array(
    select l.id
    from jobs.lanes as l
    where l.namespace = find_jobs.namespace
    and (find_jobs.queue is null or l.queue = find_jobs.queue)
  );
  v_before constant bigint := coalesce(before, 9223372036854775807);
begin
  -- A state has its own place, so that none is looked for among all the others.
  if state is not null and state not in ('ready', 'scheduled', 'running', 'dead', 'completed') then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the state of a job is ready, scheduled, running, dead or completed';
  end if;

  return query
  select f.id
  from (
    (
      select w.id
      from jobs.waiting as w
      where (state is null or state = 'scheduled')
      and w.run_at < 'infinity'
      and w.id < v_before
      and w.lane = any (v_lanes)
      and (find_jobs.kind is null or w.kind = find_jobs.kind)
      order by w.id desc
      limit most
    )
    union all
    (
      select d.id
      from jobs.dead as d
      where (state is null or state = 'dead')
      and d.id < v_before
      and d.lane = any (v_lanes)
      and (find_jobs.kind is null or d.kind = find_jobs.kind)
      order by d.id desc
      limit most
    )
    union all
    (
      select i.id
      from jobs.batches as b
      cross join lateral unnest(b.jobs - b.done) as r (ids)
      cross join lateral generate_series(lower(r.ids), upper(r.ids) - 1) as i (id)
      where (state is null or state = 'running')
      and i.id < v_before
      and b.lane = any (v_lanes)
      and (find_jobs.kind is null or b.kind = find_jobs.kind)
      order by i.id desc
      limit most
    )
    union all
    (
      select r.id
      from unnest(v_lanes) as l (id)
      cross join lateral (
        select max(k.seq) as seq
        from jobs.cursors as k
        where k.lane = l.id
      ) as s
      left join jobs.cursors as k on k.lane = l.id and k.seq = s.seq
      cross join lateral (
        -- Those of transactions that were long open are not looked for.
        select n.id
        from jobs.ready as n
        where n.lane = l.id
        and (n.xid, n.id) > (coalesce(k.xid, k.past, '0'), coalesce(k.id, -1))
        and n.id < v_before
        and (find_jobs.kind is null or n.kind = find_jobs.kind)
        and not exists (select from jobs.cancelled as c where c.id = n.id)
        limit 10000
      ) as r
      where state is null or state = 'ready'
      order by r.id desc
      limit most
    )
    union all
    (
      select c.id
      from (
        select r.id, r.lane, r.xid, r.kind
        from jobs.ready as r
        where (state is null or state = 'completed')
        and r.id < v_before
        order by r.id desc
        limit 10000
      ) as c
      where c.lane = any (v_lanes)
      and (find_jobs.kind is null or c.kind = find_jobs.kind)
      and jobs.state_of(c.lane, c.xid, c.id) = 'completed'
      and not exists (select from jobs.waiting as w where w.id = c.id)
      and not exists (select from jobs.dead as d where d.id = c.id)
      limit most
    )
  ) as f (id)
  group by f.id
  order by f.id desc
  limit most;
end;
$$;

comment on function jobs.find_jobs(text, text, text, text, bigint, integer) is
  'Ids of jobs in jobs.jobs of a namespace, the highest first: those of a state, a queue and a kind,
each unless null, with an id below before, at most so many. Of completed ones only the last 10,000
jobs are looked at, of ready ones as many of each lane. Raises 22023 for a state that is none.';

revoke all on function jobs.find_jobs(text, text, text, text, bigint, integer) from public;
grant execute on function jobs.find_jobs(text, text, text, text, bigint, integer)
  to service_role;
