create or replace function jobs.segment_has_ready(segment integer)
  returns boolean
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
as $$
begin
  return exists (
    select
    from jobs.lanes as l
    left join lateral (
      select k.past, k.past_open
      from jobs.cursors as k
      where k.lane = l.id
      order by k.seq desc
      limit 1
    ) as k on true
    where exists (
      select from jobs.ready as r
      where r.segment = segment_has_ready.segment
      and r.lane = l.id
      and r.xid >= coalesce(k.past, '0')
    )
    or exists (
      select from jobs.ready as r
      where r.segment = segment_has_ready.segment
      and r.lane = l.id
      and r.xid = any (k.past_open)
    )
  );
end;
$$;

comment on function jobs.segment_has_ready(integer) is
  'Whether a segment of jobs.ready has jobs that were not handed out, or not when jobs.cursors last
said so without exceptions.';

revoke all on function jobs.segment_has_ready(integer) from public;
