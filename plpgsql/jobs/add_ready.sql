create or replace function jobs.add_ready(jobs jobs.waiting[])
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_blocked bigint[];
begin
  if exists (select from jobs.homes as h where h.xid <> h.xmin) then
    perform jobs.adopt();
  end if;

  if exists (select from unnest(add_ready.jobs) as j where j.meta ? 'key') then
    with come as (
      insert into jobs.blocked (
        id, namespace, key, priority, enqueued_at, owner, lane, attempt, max_attempts, kind, args,
        meta
      )
      select
        j.id, l.namespace, j.meta ->> 'key', l.priority, j.enqueued_at, j.owner, j.lane, j.attempt,
        j.max_attempts, j.kind, j.args, j.meta
      from unnest(add_ready.jobs) as j
      join jobs.lanes as l on l.id = j.lane
      where j.meta ? 'key'
      and not exists (select from jobs.slots as s where s.id = j.id)
      returning id, namespace, key
    ),
    knock as (
      insert into jobs.knocks (namespace, key, at)
      select c.namespace, c.key, clock_timestamp()
      from come as c
      group by c.namespace, c.key
    )
    select array_agg(c.id) into v_blocked
    from come as c;
    perform jobs.wake(0);
  end if;

  insert into jobs.ready (
    id, xid, enqueued_at, owner, lane, segment, attempt, max_attempts, special, kind, args, meta
  )
  select
    j.id, pg_current_xact_id(), j.enqueued_at, j.owner, j.lane, o.segment, j.attempt,
    j.max_attempts, j.special, j.kind, j.args, j.meta
  from unnest(add_ready.jobs) as j
  cross join jobs.rotation as o
  where v_blocked is null or j.id <> all (v_blocked);

  perform jobs.wake(l.lane)
  from (
    select distinct j.lane
    from unnest(add_ready.jobs) as j
    where v_blocked is null or j.id <> all (v_blocked)
  ) as l;
end;
$$;

comment on function jobs.add_ready(jobs.waiting[]) is
  'Adds jobs to those that may run now, or, with a concurrency key, when it is their turn.';

revoke all on function jobs.add_ready(jobs.waiting[]) from public;
