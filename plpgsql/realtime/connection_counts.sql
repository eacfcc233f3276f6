create or replace function realtime.connection_counts()
  returns table (user_id text, ip text, role text, connections bigint)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select c.user_id, case when c.user_id is null then c.ip end, c.role, count(*)
  from realtime.connections as c
  group by 1, 2, 3
  order by 4 desc, 1, 2, 3
$$;

comment on function realtime.connection_counts() is
  'How many WebSockets each user has open, over all processes, and each address those of whom no
user is known; the most first.';

revoke all on function realtime.connection_counts() from public;
grant execute on function realtime.connection_counts() to service_role;
