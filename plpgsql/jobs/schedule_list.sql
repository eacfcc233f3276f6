create or replace view jobs.schedule_list with (security_invoker = true) as
select
  s.name,
  s.namespace,
  s.cron,
  s.zone,
  s.kind,
  s.queue,
  s.missed,
  s.is_enabled,
  s.last_run_at,
  s.last_job_id,
  s.last_error,
  case when s.is_enabled then array[s.next_run_at, second.at, third.at] end as next_runs
from jobs.schedules as s
left join lateral jobs.cron_next(s.cron, s.zone, s.next_run_at) as second (at) on s.is_enabled
left join lateral jobs.cron_next(s.cron, s.zone, second.at) as third (at) on s.is_enabled;

comment on view jobs.schedule_list is
  'What is scheduled, and when it comes the next three times (null where it is paused).';

revoke all on jobs.schedule_list from anon, authenticated, authenticator, fluxbase_service;
grant select on jobs.schedule_list to service_role;
