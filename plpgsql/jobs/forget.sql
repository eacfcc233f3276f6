create or replace function jobs.forget(ids int8multirange, dead int8multirange default '{}')
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_ids constant bigint[] := array(
    select i.id
    from unnest(forget.ids) as r (ids)
    cross join lateral generate_series(lower(r.ids), upper(r.ids) - 1) as i (id)
  );
begin
  -- One that a transaction is changing is left to jobs.sweep, or the next who wants its key: that
  -- transaction may take long.
  delete from jobs.specials as s
  where s.id in (
    select l.id
    from jobs.specials as l
    where l.id = any (v_ids)
    for update skip locked
  );
  delete from jobs.progress as p
  where p.id = any (v_ids);
  delete from jobs.waiting as w
  where w.run_at = 'infinity'
  and w.id = any (v_ids);
  delete from jobs.cancelled as c
  where c.id = any (v_ids);
  delete from jobs.awaits as a
  where a.job = any (v_ids);
  delete from jobs.steps as s
  where s.job = any (v_ids)
  and not dead @> s.job;
  perform jobs.free_slots(v_ids);
end;
$$;

comment on function jobs.forget(int8multirange, int8multirange) is
  'Deletes what other tables have of jobs that have ended, and gives back their keys and turns.
Those of them that are dead keep their steps, for jobs.retry.';

revoke all on function jobs.forget(int8multirange, int8multirange) from public;
