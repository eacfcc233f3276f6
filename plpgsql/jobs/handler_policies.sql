drop policy if exists service_role_may_read on jobs.handlers;
create policy service_role_may_read on jobs.handlers for select to service_role using (true);
grant select on jobs.handlers to service_role;
