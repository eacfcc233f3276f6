-- Sequential and bitmap scans look best while a segment is empty, which it is when a session plans
-- this for the first time.
create or replace function jobs.take(worker uuid, lane integer, want integer)
  returns setof jobs.claimed
  language plpgsql
  volatile
  security definer
  rows 100
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_cursor jobs.cursors;
  v_next jobs.cursors;
  v_is_new boolean;
  v_lane jobs.lanes;
  v_left integer := want;
  v_count integer;
  v_cancelled constant boolean := exists (select from jobs.cancelled as c);
begin
  select l.* into strict v_lane
  from jobs.lanes as l
  where l.id = take.lane;

  select k.* into v_cursor
  from jobs.cursors as k
  where k.lane = take.lane
  order by k.seq desc
  limit 1;

  if not found then
    v_cursor.seq := 0;
    v_cursor.first := 1;
    v_cursor.past := '0';
    v_cursor.past_open := '{}';
  end if;

  while v_left > 0 loop
    v_is_new := v_cursor.seen is null;
    if v_is_new then
      select n.seen, n.open into v_cursor.seen, v_cursor.seen_open
      from jobs.look() as n;
      v_cursor.xid := '0';
      v_cursor.id := 0;
    end if;

    return query
    with taken as materialized (
      select t.*
      from (
        (
          -- Those that were open at the last look but one and are not any more.
          select r.*
          from unnest(v_cursor.past_open) as o (xid)
          cross join lateral (
            select r.*
            from jobs.ready as r
            where r.lane = take.lane
            and r.xid = o.xid
            -- Beside the other condition a row's comparison would walk the index up to the cursor.
            and r.id > case when o.xid = v_cursor.xid then v_cursor.id else 0 end
            order by r.xid, r.id
            limit v_left
          ) as r
          where o.xid <> all (v_cursor.seen_open)
          and o.xid >= v_cursor.xid
        )
        union all
        (
          -- Those that had not begun then.
          select r.*
          from jobs.ready as r
          where r.lane = take.lane
          and (r.xid, r.id) > (
            greatest(v_cursor.xid, v_cursor.past),
            case when v_cursor.xid >= v_cursor.past then v_cursor.id else 0 end
          )
          and r.xid < v_cursor.seen
          and r.xid <> all (v_cursor.seen_open)
          order by r.xid, r.id
          limit v_left
        )
      ) as t
      order by t.xid, t.id
      limit v_left
    ),
    held as (
      -- One that is being changed is left to that transaction.
      select s.id, s.args, s.run_at
      from jobs.specials as s
      where s.id in (select t.id from taken as t where t.special)
      for update skip locked
    ),
    aside as (
      insert into jobs.waiting (
        id, run_at, enqueued_at, owner, lane, attempt, max_attempts, special, kind, args, meta
      )
      select
        t.id, coalesce(h.run_at, clock_timestamp() + interval '200 milliseconds'), t.enqueued_at,
        t.owner, t.lane, t.attempt, t.max_attempts, t.special, t.kind, t.args, t.meta
      from taken as t
      left join held as h on h.id = t.id
      where t.special
      and case
        when h.id is null then exists (select from jobs.specials as s where s.id = t.id)
        else h.run_at > clock_timestamp()
      end
      returning id
    ),
    cancelled as (
      delete from jobs.cancelled as c
      using taken as t
      where v_cancelled
      and c.id = t.id
      and not exists (select from aside as a where a.id = t.id)
      returning c.id, c.reason
    ),
    freed as (
      delete from jobs.specials as s
      using cancelled as c
      where s.id = c.id
    ),
    passed as (
      delete from jobs.slots as s
      using cancelled as c
      where s.id = c.id
      returning s.namespace, s.key
    ),
    knocked as (
      insert into jobs.knocks (namespace, key, at)
      select p.namespace, p.key, clock_timestamp()
      from passed as p
      group by p.namespace, p.key
    ),
    noted as (
      insert into jobs.failures (job, attempt, outcome, kind, lane, error, owner)
      select t.id, t.attempt + 1, 'cancelled', t.kind, t.lane, c.reason, t.owner
      from cancelled as c
      join taken as t on t.id = c.id
    ),
    tallied as (
      insert into jobs.tallies (at, lane, kind, outcome, jobs, seconds)
      select clock_timestamp(), t.lane, t.kind, 'cancelled', count(*), 0
      from cancelled as c
      join taken as t on t.id = c.id
      group by t.lane, t.kind
    ),
    batch as (
      insert into jobs.batches as b (worker, lane, kind, size, jobs, special, claimed_at)
      select
        take.worker, take.lane, t.kind, count(*), range_agg(int8range(t.id, t.id + 1)),
        bool_or(t.special), clock_timestamp()
      from taken as t
      where not exists (select from cancelled as c where c.id = t.id)
      and not exists (select from aside as a where a.id = t.id)
      group by t.kind
      returning b.token, b.kind, b.jobs
    ),
    moved as (
      insert into jobs.cursors (lane, seq, first, past, past_open, seen, seen_open, xid, id)
      select
        take.lane, v_cursor.seq + 1, v_cursor.first,
        case when c.more then v_cursor.past else v_cursor.seen end,
        case when c.more then v_cursor.past_open else v_cursor.seen_open end,
        case when c.more then v_cursor.seen end, case when c.more then v_cursor.seen_open end,
        case when c.more then l.xid end, case when c.more then l.id end
      from (select count(*) = v_left as more from taken) as c
      cross join (
        select t.xid, t.id
        from taken as t
        order by t.xid desc, t.id desc
        limit 1
      ) as l
    )
    select
      'run', t.id, b.token, t.kind,
      case when t.special then coalesce((select h.args from held as h where h.id = t.id), t.args)
        else t.args end,
      t.attempt + 1, t.max_attempts::integer, v_lane.namespace, v_lane.queue,
      v_lane.priority::integer, t.enqueued_at, t.meta
    from taken as t
    join batch as b on b.kind = t.kind and b.jobs @> t.id
    order by t.xid, t.id;
    get diagnostics v_count = row_count;
    v_left := v_left - v_count;

    select k.* into v_next
    from jobs.cursors as k
    where k.lane = take.lane
    and k.seq = v_cursor.seq + 1;
    if found then
      v_cursor := v_next;
      exit when v_is_new and v_next.seen is null;
    else
      exit when v_is_new;
      -- Nothing was left of the last look.
      v_cursor.past := v_cursor.seen;
      v_cursor.past_open := v_cursor.seen_open;
      v_cursor.seen := null;
    end if;
  end loop;
end;
$$;

comment on function jobs.take(uuid, integer, integer) is
  'Hands out jobs of a lane, at most so many, to a worker, in the order of the transactions that
added them. The caller holds the lock of the lane.';

revoke all on function jobs.take(uuid, integer, integer) from public;
