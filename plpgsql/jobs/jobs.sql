create or replace view jobs.jobs
with (security_invoker = true, security_barrier = true) as
select
  j.id, j.state, j.kind, j.args, l.namespace, l.queue, l.priority, j.attempt, j.max_attempts,
  j.enqueued_at, j.run_at, j.died_at, j.owner, j.lane, j.meta,
  p.percent, p.message, p.data,
  case
    when p.percent > 0 then
      p.started_at + (p.updated_at - p.started_at) * (100 / p.percent)::double precision
  end as expected_at
from (
  select
    r.id, jobs.state_of(r.lane, r.xid, r.id) as state, r.kind, r.args, r.attempt, r.max_attempts,
    r.enqueued_at, null::timestamptz as run_at, null::timestamptz as died_at, r.owner, r.lane,
    r.meta
  from jobs.ready as r
  -- A job that is tried again has a row of its own for that.
  where not exists (select from jobs.ready as n where n.id = r.id and n.xid > r.xid)
  and not exists (select from jobs.waiting as w where w.id = r.id)
  and not exists (select from jobs.blocked as b where b.id = r.id)
  and not exists (select from jobs.dead as d where d.id = r.id)
  union all
  select
    w.id, case when w.run_at = 'infinity' then 'running' else 'scheduled' end, w.kind, w.args,
    w.attempt, w.max_attempts, w.enqueued_at, nullif(w.run_at, 'infinity'), null, w.owner, w.lane,
    w.meta
  from jobs.waiting as w
  union all
  select
    b.id, 'blocked', b.kind, b.args, b.attempt, b.max_attempts, b.enqueued_at, null, null, b.owner,
    b.lane, b.meta
  from jobs.blocked as b
  union all
  select
    d.id, 'dead', d.kind, d.args, d.attempt, d.max_attempts, d.enqueued_at, null, d.died_at,
    d.owner, d.lane, d.meta
  from jobs.dead as d
) as j
join jobs.lanes as l on l.id = j.lane
left join jobs.progress as p on p.id = j.id;

comment on view jobs.jobs is
  'All jobs: state is ready, blocked (by others of its concurrency key), scheduled (for run_at,
also to be tried again), running, dead, and for a while completed or cancelled. attempt is how often
it was tried before; expected_at is when it will be done, if it goes on as its progress says. Users
see those whose owner they are.';

grant select on jobs.jobs to service_role, authenticated;
