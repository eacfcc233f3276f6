create or replace function audit.drop_partitions(older_than interval)
  returns setof text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2 s'
  set timezone = 'UTC'
as $$
declare
  v_name text;
begin
  if drop_partitions.older_than is null or drop_partitions.older_than < interval '30 days' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'events are kept for 30 days at least';
  end if;

  lock table audit.events in access exclusive mode;

  for v_name in
    select c.relname
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'audit.events'::regclass
    and c.relname ~ '^events_[0-9]{4}_[0-9]{2}$'
    and to_timestamp(substr(c.relname, 8), 'YYYY_MM') + interval '1 month'
      <= now() - drop_partitions.older_than
    order by c.relname
  loop
    execute format('drop table audit.%I', v_name);
    perform audit.record('audit.dropped', v_name);
    return next 'audit.' || v_name;
  end loop;
end;
$$;

comment on function audit.drop_partitions(interval) is
  'Drops the months of audit.events that ended longer ago than that, at least 30 days; returns their
names. That is an event too. Raises 22023 for less.';

revoke all on function audit.drop_partitions(interval) from public;
grant execute on function audit.drop_partitions(interval) to service_role;
