create or replace function jobs.clear_segment(segment integer)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
as $$
declare
  v_table constant regclass := format('jobs.ready_%s', segment)::regclass;
begin
  if jobs.segment_has_ready(segment) then
    return false;
  end if;

  -- What still runs is kept elsewhere. Who finishes it at this moment has the row of the batch,
  -- which is left alone until the next time; or waits for it, and sees it marked.
  with running as (
    select b.token, b.jobs - b.done as ids
    from jobs.batches as b
    where exists (
      select
      from unnest(b.jobs - b.done) as u (ids)
      join jobs.ready as r on r.id >= lower(u.ids) and r.id < upper(u.ids)
      where r.segment = clear_segment.segment
      and r.lane = b.lane
    )
    for update skip locked
  ),
  marked as (
    update jobs.batches as b
    set special = true
    from running as n
    where b.token = n.token
    returning n.ids
  )
  insert into jobs.waiting (
    id, run_at, enqueued_at, owner, lane, attempt, max_attempts, special, kind, args, meta
  )
  select distinct on (r.id)
    r.id, 'infinity', r.enqueued_at, r.owner, r.lane, r.attempt, r.max_attempts, r.special, r.kind,
    r.args, r.meta
  from marked as m
  cross join lateral unnest(m.ids) as u (ids)
  join jobs.ready as r on r.id >= lower(u.ids) and r.id < upper(u.ids)
  order by r.id, r.xid desc
  on conflict on constraint waiting_pkey do nothing;

  begin
    -- Whoever adds to it, claims from it or reads it has a lock; nobody is to queue behind this.
    execute format('lock table %s in access exclusive mode nowait', v_table);
  exception
    when lock_not_available then
      return false;
  end;

  if jobs.segment_has_ready(segment) or exists (
    select
    from jobs.batches as b
    cross join lateral unnest(b.jobs - b.done) as u (ids)
    join jobs.ready as r on r.id >= lower(u.ids) and r.id < upper(u.ids)
    where r.segment = clear_segment.segment
    and not exists (select from jobs.waiting as w where w.id = r.id)
  ) then
    return false;
  end if;

  execute format('truncate %s', v_table);
  return true;
end;
$$;

comment on function jobs.clear_segment(integer) is
  'Truncates a segment of jobs.ready if none of its jobs is left to run and nobody uses it at this
moment. Returns whether it did.';

revoke all on function jobs.clear_segment(integer) from public;
