create or replace function jobs.list_jobs(
  state text,
  queue text default null,
  kind text default null,
  namespace text default null,
  worker uuid default null,
  after text default null,
  most integer default 100
)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
as $$
declare
  v_lanes constant integer[] := array(
    select l.id
    from jobs.lanes as l
    where (list_jobs.queue is null or l.queue = list_jobs.queue)
    and (list_jobs.namespace is null or l.namespace = list_jobs.namespace)
  );
  v_most constant integer := least(most, 1000);
  -- Of each lane, where a state is looked for by lanes.
  v_look constant integer := case
    when list_jobs.kind is null then v_most
    else greatest(v_most, 10000 / greatest(cardinality(v_lanes), 1))
  end;
  v_first bigint;
  v_id bigint;
  v_rows refcursor;
  v_row record;
  v_running int8multirange;
  v_jobs jsonb[] := '{}'::jsonb[];
  v_next text;
  v_is_more boolean := false;
begin
  if most is null or most < 1 then
    raise exception using
      errcode = 'invalid_parameter_value', message = 'a page has one job at least';
  end if;
  if after !~ '^\d{1,18},\d{1,18}$' then
    raise exception using
      errcode = 'invalid_parameter_value', message = 'a page is after a place of the one before';
  end if;
  v_first := split_part(after, ',', 1)::bigint;
  v_id := split_part(after, ',', 2)::bigint;

  case state
  when 'ready' then
    open v_rows for
    select
      s.id, s.lane, s.kind, s.args, s.attempt, s.max_attempts, s.enqueued_at,
      null::timestamptz as at, null::uuid as worker, s.xid::text::bigint as first, s.fits,
      s.number = v_look as is_last
    from unnest(v_lanes) as l (id)
    left join lateral (
      select k.past, k.xid, k.id
      from jobs.cursors as k
      where k.lane = l.id
      order by k.seq desc
      limit 1
    ) as k on true
    cross join lateral (
      select c.xid, c.id
      from (
        values
          (coalesce(k.xid, k.past, '0'), coalesce(k.id, -1)),
          (coalesce(v_first, 0)::text::xid8, coalesce(v_id, -1))
      ) as c (xid, id)
      order by c.xid desc, c.id desc
      limit 1
    ) as c
    cross join lateral (
      select
        r.*, row_number() over (order by r.xid, r.id) as number,
        (list_jobs.kind is null or r.kind = list_jobs.kind)
          and not exists (select from jobs.cancelled as d where d.id = r.id) as fits
      from jobs.ready as r
      where r.lane = l.id
      and (r.xid, r.id) > (c.xid, c.id)
      order by r.xid, r.id
      limit v_look
    ) as s
    where s.fits
    or s.number = v_look
    order by s.xid, s.id;
  when 'completed' then
    select coalesce(range_agg(u.ids), '{}') into v_running
    from jobs.batches as b
    cross join lateral unnest(b.jobs - b.done) as u (ids);
    open v_rows for
    select
      s.id, s.lane, s.kind, s.args, s.attempt, s.max_attempts, s.enqueued_at,
      null::timestamptz as at, null::uuid as worker, s.xid::text::bigint as first, s.fits,
      s.number = v_look as is_last
    from unnest(v_lanes) as l (id)
    cross join lateral (
      select k.*
      from jobs.cursors as k
      where k.lane = l.id
      order by k.seq desc
      limit 1
    ) as k
    cross join lateral (
      select
        r.*, row_number() over (order by r.xid desc, r.id desc) as number,
        (list_jobs.kind is null or r.kind = list_jobs.kind)
          and not v_running @> r.id
          and jobs.state_of(r.lane, r.xid, r.id) = 'completed'
          and not exists (select from jobs.ready as n where n.id = r.id and n.xid > r.xid)
          and not exists (select from jobs.waiting as w where w.id = r.id)
          and not exists (select from jobs.blocked as b where b.id = r.id)
          and not exists (select from jobs.dead as d where d.id = r.id) as fits
      from jobs.ready as r
      where r.lane = l.id
      and (r.xid, r.id) < (
        coalesce(v_first::text::xid8, greatest(k.xid, k.past)), coalesce(v_id, 9223372036854775807)
      )
      order by r.xid desc, r.id desc
      limit v_look
    ) as s
    where s.fits
    or s.number = v_look
    order by s.xid desc, s.id desc;
  when 'dead' then
    open v_rows for
    select
      s.id, s.lane, s.kind, s.args, s.attempt, s.max_attempts, s.enqueued_at, s.died_at as at,
      null::uuid as worker, (extract(epoch from s.died_at) * 1000000)::bigint as first, s.fits,
      s.number = v_look as is_last
    from unnest(v_lanes) as l (id)
    cross join lateral (
      select
        d.*, row_number() over (order by d.died_at desc, d.id desc) as number,
        (list_jobs.kind is null or d.kind = list_jobs.kind) as fits
      from jobs.dead as d
      where d.lane = l.id
      and (d.died_at, d.id) < (
        coalesce(timestamptz 'epoch' + v_first * interval '1 microsecond', 'infinity'),
        coalesce(v_id, 0)
      )
      order by d.died_at desc, d.id desc
      limit v_look
    ) as s
    where s.fits
    or s.number = v_look
    order by s.died_at desc, s.id desc;
  when 'running' then
    open v_rows for
    select
      s.id, s.lane, s.kind, j.args, j.attempt, j.max_attempts, j.enqueued_at, s.claimed_at as at,
      s.worker, s.token as first, j.id is not null as fits, false as is_last
    from (
      select i.id, b.lane, b.kind, b.worker, b.claimed_at, b.token
      from jobs.batches as b
      cross join lateral unnest(b.jobs - b.done) as u (ids)
      cross join lateral generate_series(lower(u.ids), upper(u.ids) - 1) as i (id)
      where b.token >= coalesce(v_first, 0)
      and (b.token > coalesce(v_first, 0) or i.id > coalesce(v_id, 0))
      and b.lane = any (v_lanes)
      and (list_jobs.kind is null or b.kind = list_jobs.kind)
      and (list_jobs.worker is null or b.worker = list_jobs.worker)
      order by b.token
    ) as s
    left join lateral (
      select j.*
      from (
        select r.id, r.xid, r.args, r.attempt, r.max_attempts, r.enqueued_at
        from jobs.ready as r
        where r.id = s.id
        union all
        select w.id, null, w.args, w.attempt, w.max_attempts, w.enqueued_at
        from jobs.waiting as w
        where w.id = s.id
      ) as j
      order by j.xid desc
      limit 1
    ) as j on true;
  when 'scheduled', 'retrying' then
    open v_rows for
    select
      s.id, s.lane, s.kind, s.args, s.attempt, s.max_attempts, s.enqueued_at, s.run_at as at,
      null::uuid as worker, (
        extract(epoch from greatest('epoch', least(s.run_at, '9999-12-31'))) * 1000000
      )::bigint as first,
      s.fits, s.number = 10000 as is_last
    from (
      select
        w.*, row_number() over (order by w.run_at, w.id) as number,
        w.lane = any (v_lanes) and (list_jobs.kind is null or w.kind = list_jobs.kind)
          and (state = 'scheduled' or w.attempt > 0) as fits
      from jobs.waiting as w
      where w.run_at < 'infinity'
      and (w.run_at, w.id) > (
        coalesce(timestamptz 'epoch' + v_first * interval '1 microsecond', '-infinity'),
        coalesce(v_id, 0)
      )
      order by w.run_at, w.id
      limit 10000
    ) as s
    where s.fits
    or s.number = 10000;
  when 'blocked' then
    open v_rows for
    select
      s.id, s.lane, s.kind, s.args, s.attempt, s.max_attempts, s.enqueued_at,
      null::timestamptz as at, null::uuid as worker, 0::bigint as first, s.fits,
      s.number = 10000 as is_last
    from (
      select
        b.*, row_number() over (order by b.id) as number,
        b.lane = any (v_lanes) and (list_jobs.kind is null or b.kind = list_jobs.kind) as fits
      from jobs.blocked as b
      where b.id > coalesce(v_id, 0)
      order by b.id
      limit 10000
    ) as s
    where s.fits
    or s.number = 10000;
  else
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'jobs are listed by a state: ready, running, retrying, scheduled, blocked, dead or '
        'completed';
  end case;

  loop
    fetch v_rows into v_row;
    exit when not found;
    v_next := concat(v_row.first, ',', v_row.id);
    if v_row.fits then
      v_jobs := v_jobs || (
        select jsonb_strip_nulls(jsonb_build_object(
          'id', v_row.id, 'kind', v_row.kind, 'namespace', l.namespace, 'queue', l.queue,
          'priority', l.priority, 'attempt', v_row.attempt, 'max_attempts', v_row.max_attempts,
          'enqueued_at', v_row.enqueued_at, 'at', v_row.at, 'worker', v_row.worker,
          'percent', p.percent, 'message', left(p.message, 200), 'error', f.error,
          'args', case when pg_column_size(v_row.args) <= 1000 then v_row.args end
        ))
        from jobs.lanes as l
        left join jobs.progress as p on p.id = v_row.id
        left join lateral (
          select left(f.error, 500) as error
          from jobs.failures as f
          where f.job = v_row.id
          order by f.job desc, f.attempt desc
          limit 1
        ) as f on true
        where l.id = v_row.lane
      );
    end if;
    v_is_more := v_row.is_last or cardinality(v_jobs) = v_most;
    exit when v_is_more;
  end loop;
  close v_rows;
  return jsonb_build_object('jobs', v_jobs, 'next', case when v_is_more then v_next end);
end;
$$;

comment on function jobs.list_jobs(text, text, text, text, uuid, text, integer) is
  'Jobs of a state, in the order of that state: ready ones as they came, running ones as they were
claimed, retrying and scheduled ones by their time, blocked ones by their id, dead and completed
ones the newest first (completed ones as long as their segment is there). Returns {"jobs", "next"}:
at is when a job was claimed, runs again or died, error the beginning of the last one, args are left
out if they are long; next, given as after, is the next page, and null at the end. A page has at
most so many and 1000. The time that it takes is bounded, so where a queue or kind is rare it may be
short or empty with a next. Raises 22023 for a state or place that is none.';

revoke all on function jobs.list_jobs(text, text, text, text, uuid, text, integer) from public;
grant execute on function jobs.list_jobs(text, text, text, text, uuid, text, integer)
  to service_role;
