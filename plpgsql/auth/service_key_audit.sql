create or replace function auth.service_key_audit(
  key_id text default null,
  before bigint default null,
  max_rows integer default 100
)
  returns setof audit.events
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.*
  from audit.events as e
  where (e.action like 'service\_key.%' or e.action like 'legacy\_keys.%')
  and (service_key_audit.key_id is null or e.target = service_key_audit.key_id)
  and (service_key_audit.before is null or e.id < service_key_audit.before)
  order by e.id desc
  limit least(service_key_audit.max_rows, 1000);
$$;

comment on function auth.service_key_audit(text, bigint, integer) is
  'What was done to keys, or to one, newest first; before is the id of the last event of the page
before.';

revoke all on function auth.service_key_audit(text, bigint, integer) from public;
grant execute on function auth.service_key_audit(text, bigint, integer) to service_role;
