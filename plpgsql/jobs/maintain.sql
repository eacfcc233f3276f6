create or replace function jobs.maintain(segment_bytes bigint default 67108864)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_rotation jobs.rotation;
  v_last bigint;
  v_taken jobs.tallies[];
  v_size bigint;
  v_next smallint;
  v_turns boolean;
begin
  -- A segment is truncated if none of its rows is left to run, of those that its snapshot shows.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using
      errcode = 'invalid_transaction_state',
      message = 'jobs are maintained in transactions of isolation level read committed';
  end if;
  -- One does it at a time.
  if not pg_try_advisory_xact_lock(7709, 0) then
    return;
  end if;
  perform jobs.adopt();

  select o.* into strict v_rotation
  from jobs.rotation as o;
  v_next := (v_rotation.segment + 1) % 3;
  v_size := pg_relation_size(format('jobs.ready_%s', v_rotation.segment)::regclass);
  v_turns := pg_relation_size(format('jobs.ready_%s', v_next)::regclass) = 0 and (
    v_size > segment_bytes
    or (v_size > 0 and v_rotation.rotated_at < clock_timestamp() - interval '10 minutes')
  );

  -- From where there were none the last time, but for what committed late: what is deleted stays
  -- in the way while an old snapshot is held.
  with taken as (
    delete from jobs.tallies as t
    where t.id > case when v_turns then 0 else v_rotation.tallied end
    returning t.id, t.at, t.lane, t.kind, t.outcome, t.jobs, t.seconds
  ),
  added as (
    insert into jobs.totals as t (minute, lane, kind, outcome, jobs, seconds)
    select date_trunc('minute', n.at), n.lane, n.kind, n.outcome, sum(n.jobs), sum(n.seconds)
    from taken as n
    group by 1, 2, 3, 4
    on conflict on constraint totals_pkey do update
    set jobs = t.jobs + excluded.jobs,
        seconds = t.seconds + excluded.seconds
  )
  select max(n.id), array_agg(row(n.*)::jobs.tallies) into v_last, v_taken
  from taken as n;
  perform jobs.record(v_taken);
  perform jobs.sample();

  if v_turns then
    perform jobs.sweep();
  end if;

  -- From here on nobody claims from the lanes that it looks at.
  perform jobs.settle_lane(l.id)
  from jobs.lanes as l;

  for v_segment in 0..2 loop
    continue when v_segment = v_rotation.segment;
    if pg_relation_size(format('jobs.ready_%s', v_segment)::regclass) > 0 then
      perform jobs.clear_segment(v_segment);
    end if;
  end loop;

  if v_turns then
    update jobs.rotation as o
    set segment = v_next, rotated_at = clock_timestamp(), tallied = coalesce(v_last, o.tallied);
  end if;
end;
$$;

comment on function jobs.maintain(bigint) is
  'What has to be done for the queue from time to time: counts go to jobs.totals and jobs.history,
segments whose jobs have all ended are truncated, and the next one is taken once the present one
has so many bytes or ten minutes have passed; then what is old is deleted. Any process may call it
at any time, in a transaction of its own; once a second is well.';

revoke all on function jobs.maintain(bigint) from public;
grant execute on function jobs.maintain(bigint) to service_role;
