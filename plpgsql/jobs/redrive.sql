create or replace function jobs.redrive(
  queue text,
  namespace text default 'default',
  kind text default null,
  most integer default 1000
)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_jobs jobs.waiting[];
begin
  with chosen as (
    delete from jobs.dead as d
    where d.id in (
      select c.id
      from jobs.dead as c
      join jobs.lanes as l on l.id = c.lane
      where l.namespace = redrive.namespace
      and l.queue = redrive.queue
      and (redrive.kind is null or c.kind = redrive.kind)
      order by c.died_at
      limit redrive.most
      for update of c skip locked
    )
    returning d.*
  )
  select
    array_agg(row(
      c.id, clock_timestamp(), c.enqueued_at, c.owner, c.lane, 0, c.max_attempts,
      exists (select from jobs.steps as s where s.job = c.id), c.kind,
      c.args, c.meta
    )::jobs.waiting order by c.died_at, c.id)
  into v_jobs
  from chosen as c;

  if v_jobs is null then
    return 0;
  end if;
  perform jobs.add_ready(v_jobs);
  return cardinality(v_jobs);
end;
$$;

comment on function jobs.redrive(text, text, text, integer) is
  'Lets dead jobs of a queue run again, of one kind or all, those first that died first, at most so
many, their attempts counted anew. Returns how many.';

revoke all on function jobs.redrive(text, text, text, integer) from public;
grant execute on function jobs.redrive(text, text, text, integer) to service_role;
