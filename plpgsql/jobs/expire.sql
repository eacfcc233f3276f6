create or replace function jobs.expire()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker record;
  v_count integer := 0;
begin
  for v_worker in
    select w.id, w.name
    from jobs.workers as w
    where w.live_until < clock_timestamp()
    union
    -- Claimed by one that was taken for dead while it did.
    select b.worker, ''
    from jobs.batches as b
    where not exists (select from jobs.workers as w where w.id = b.worker)
    order by id
  loop
    -- Who holds it speaks for the worker at this moment.
    continue when not pg_try_advisory_xact_lock(7708, hashtext(v_worker.id::text));

    delete from jobs.workers as w
    where w.id = v_worker.id
    and w.live_until < clock_timestamp();

    continue when exists (select from jobs.workers as w where w.id = v_worker.id);

    v_count := v_count + jobs.take_back(
      v_worker.id, 'lost', format('the worker %s was not heard of any more', v_worker.name)
    );
  end loop;
  return v_count;
end;
$$;

comment on function jobs.expire() is
  'Gives the jobs of workers whose lease has ended to others, and returns how many that were. Any
process may call it at any time.';

revoke all on function jobs.expire() from public;
grant execute on function jobs.expire() to service_role;
