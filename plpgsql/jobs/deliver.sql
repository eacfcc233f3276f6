create or replace function jobs.deliver()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_names text[];
  v_namespaces text[];
  v_count integer;
begin
  with come as (
    delete from jobs.arrivals as a
    where a.id in (
      select n.id
      from jobs.arrivals as n
      order by n.id
      limit 1000
      for update skip locked
    )
    returning a.namespace, a.event
  )
  select array_agg(c.namespace), array_agg(c.event) into v_namespaces, v_names
  from come as c;
  if v_names is null then
    return 0;
  end if;

  with over as (
    delete from jobs.awaits as a
    using unnest(v_namespaces, v_names) as c (namespace, event)
    where a.namespace = c.namespace
    and a.event = c.event
    and exists (
      select from jobs.events as e
      where e.namespace = c.namespace
      and e.name = c.event
    )
    returning a.job
  )
  update jobs.waiting as w
  set run_at = clock_timestamp()
  from over as o
  where w.id = o.job
  and w.run_at < 'infinity';
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function jobs.deliver() is
  'Ends the wait of jobs whose event was told, and returns how many. jobs.promote calls it.';

revoke all on function jobs.deliver() from public;
