create or replace function jobs.settle_lane(lane integer)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
as $$
declare
  v_cursor jobs.cursors;
  v_seen xid8;
  v_open xid8[];
begin
  -- Who claims from it moves it on.
  if not pg_try_advisory_xact_lock(7707, lane) then
    return;
  end if;
  select k.* into v_cursor
  from jobs.cursors as k
  where k.lane = settle_lane.lane
  order by k.seq desc
  limit 1;
  if not found then
    return;
  end if;

  -- If there is nothing that was not handed out, it stands where a new look would end.
  select n.seen, n.open into v_seen, v_open
  from jobs.look() as n;
  if (v_cursor.seen is not null or v_cursor.past_open <> '{}')
  and not exists (
    select from jobs.ready as r
    where r.lane = settle_lane.lane
    and r.xid = any (v_cursor.past_open || v_cursor.seen_open)
    and not (
      v_cursor.seen is not null and r.xid <> all (v_cursor.seen_open)
      and (r.xid, r.id) <= (v_cursor.xid, v_cursor.id)
    )
  )
  and not exists (
    select from jobs.ready as r
    where r.lane = settle_lane.lane
    and (r.xid, r.id) > (
      greatest(v_cursor.xid, v_cursor.past),
      case when v_cursor.xid >= v_cursor.past then v_cursor.id else 0 end
    )
  ) then
    v_cursor.past := v_seen;
    v_cursor.past_open := v_open;
    v_cursor.seen := null;
    v_cursor.seen_open := null;
    v_cursor.xid := null;
    v_cursor.id := null;
  elsif v_cursor.seq - v_cursor.first < 100 then
    return;
  end if;

  delete from jobs.cursors as k
  where k.lane = settle_lane.lane
  and k.seq >= v_cursor.first
  and k.seq < v_cursor.seq;
  v_cursor.first := v_cursor.seq;
  v_cursor.seq := v_cursor.seq + 1;
  insert into jobs.cursors
  values (v_cursor.*);
end;
$$;

comment on function jobs.settle_lane(integer) is
  'Deletes what jobs.cursors no longer needs of a lane, and, where all its jobs have been handed
out, says so without exceptions, so that segments can be truncated.';

revoke all on function jobs.settle_lane(integer) from public;
