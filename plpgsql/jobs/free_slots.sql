create or replace function jobs.free_slots(ids bigint[])
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  with gone as (
    delete from jobs.slots as s
    where s.id = any (free_slots.ids)
    returning s.namespace, s.key
  )
  insert into jobs.knocks (namespace, key, at)
  select g.namespace, g.key, clock_timestamp()
  from gone as g
  group by g.namespace, g.key;
  if found then
    perform jobs.wake(0);
  end if;
end;
$$;

comment on function jobs.free_slots(bigint[]) is
  'Ends the turn of jobs with a concurrency key, for the next ones.';

revoke all on function jobs.free_slots(bigint[]) from public;
