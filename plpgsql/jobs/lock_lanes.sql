create or replace function jobs.lock_lanes(namespace text, queues text[])
  returns integer[]
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
as $$
declare
  v_lanes integer[];
begin
  select array_agg(l.id order by l.id) into v_lanes
  from jobs.lanes as l
  where l.namespace = lock_lanes.namespace
  and (queues is null or l.queue = any (queues))
  and not exists (
    select from jobs.queues as q
    where q.namespace = l.namespace
    and q.queue = l.queue
    and q.paused_at is not null
  );

  -- In one order, so that two who want the same lanes do not wait for each other.
  for v_at in 1..coalesce(cardinality(v_lanes), 0) loop
    perform pg_advisory_xact_lock(7707, v_lanes[v_at]);
  end loop;

  if cardinality(v_lanes) > 1 then
    -- The first row that has not been handed out is the oldest but for those of transactions that
    -- were long open, which are not looked for here.
    select array_agg(l.id order by l.priority - coalesce(l.aged, 0), l.priority, l.id)
    into v_lanes
    from (
      select l.id, l.priority, (
        select floor(
          extract(epoch from clock_timestamp() - r.enqueued_at)
            / extract(epoch from coalesce(q.aging, interval '1 minute'))
        )
        from jobs.ready as r
        where r.lane = l.id
        and (r.xid, r.id) > (coalesce(k.xid, k.past, '0'), coalesce(k.id, -1))
        order by r.xid, r.id
        limit 1
      ) as aged
      from jobs.lanes as l
      left join jobs.queues as q on q.namespace = l.namespace and q.queue = l.queue
      left join lateral (
        select k.past, k.xid, k.id
        from jobs.cursors as k
        where k.lane = l.id
        order by k.seq desc
        limit 1
      ) as k on true
      where l.id = any (v_lanes)
    ) as l;
  end if;
  return coalesce(v_lanes, '{}');
end;
$$;

comment on function jobs.lock_lanes(text, text[]) is
  'Locks the lanes of queues of a namespace (null: of all) that are not paused, to the end of the
transaction, and returns them, in the order in which they are to be claimed from.';

revoke all on function jobs.lock_lanes(text, text[]) from public;
