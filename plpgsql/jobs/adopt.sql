create or replace function jobs.adopt()
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now bigint;
begin
  -- Nobody adds or claims a job before this has been asked.
  if not exists (select from jobs.homes as h where h.xid <> h.xmin) then
    return false;
  end if;
  perform pg_advisory_xact_lock(7709, 1);
  if not exists (select from jobs.homes as h where h.xid <> h.xmin) then
    return false;
  end if;
  v_now := pg_current_xact_id()::text::bigint;

  with stand as materialized (
    select distinct on (k.lane) k.*
    from jobs.cursors as k
    order by k.lane, k.seq desc
  ),
  running as materialized (
    select i.id
    from jobs.batches as b
    cross join lateral unnest(b.jobs - b.done) as r (ids)
    cross join lateral generate_series(lower(r.ids), upper(r.ids) - 1) as i (id)
  ),
  last as materialized (
    select distinct on (r.id) r.id, r.xid,
      coalesce(
        (r.xid < k.past and r.xid <> all (k.past_open))
          or (
            k.seen is not null and r.xid < k.seen and r.xid <> all (k.seen_open)
            and (r.xid, r.id) <= (k.xid, k.id)
          ),
        false
      ) as is_out
    from jobs.ready as r
    left join stand as k on k.lane = r.lane
    order by r.id, r.xid desc
  ),
  kept as materialized (
    select l.id, l.xid, case
        when l.is_out then 1
        else greatest(3, v_now + 1 - dense_rank() over (order by l.is_out, l.xid desc))
      end as becomes
    from last as l
    where (not l.is_out or l.id in (select n.id from running as n))
    and l.id not in (select w.id from jobs.waiting as w)
    and l.id not in (select b.id from jobs.blocked as b)
    and l.id not in (select d.id from jobs.dead as d)
  ),
  gone as (
    delete from jobs.ready as r
    where not exists (select from kept as k where k.id = r.id and k.xid = r.xid)
  )
  update jobs.ready as r
  set xid = k.becomes::text::xid8
  from kept as k
  where k.id = r.id
  and k.xid = r.xid;

  delete from jobs.cursors;
  insert into jobs.cursors (lane, seq, first, past, past_open)
  select l.id, 1, 1, '3', '{}'
  from jobs.lanes as l;

  delete from jobs.homes;
  insert into jobs.homes (xid)
  values ('0');
  update jobs.homes
  set xid = xmin;
  return true;
end;
$$;

comment on function jobs.adopt() is
  'After a restore from a dump: says anew which jobs were handed out, as the ids of transactions
that say so are those of the server that was dumped. Each other function that needs it calls it.
Returns whether it was needed.';

revoke all on function jobs.adopt() from public;
