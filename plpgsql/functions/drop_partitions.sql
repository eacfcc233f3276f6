create or replace function functions.drop_partitions()
  returns setof text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2 s'
  set timezone = 'UTC'
as $$
declare
  v_table text;
  v_before timestamptz;
  v_name text;
begin
  for v_table, v_before in
    select t.name, now() - t.kept
    from functions.kept() as k
    cross join lateral (values ('invocations', k.invocations), ('logs', k.logs)) as t (name, kept)
    order by t.name
  loop
    execute format('delete from functions.%I as d where d.at < $1', v_table || '_default')
    using v_before;

    for v_name in
      select c.relname
      from pg_inherits as i
      join pg_class as c on c.oid = i.inhrelid
      where i.inhparent = format('functions.%I', v_table)::regclass
      and c.relname ~ format('^%s_[0-9]{4}_[0-9]{2}_[0-9]{2}$', v_table)
      and to_timestamp(right(c.relname, 10), 'YYYY_MM_DD') + interval '1 day' <= v_before
      order by c.relname
    loop
      -- The table before its parts, as who reads locks them. Another may have been faster.
      execute format('lock table functions.%I in access exclusive mode', v_table);
      if to_regclass(format('functions.%I', v_name)) is not null then
        execute format('drop table functions.%I', v_name);
        return next 'functions.' || v_name;
      end if;
    end loop;
  end loop;
end;
$$;

comment on function functions.drop_partitions() is
  'Drops the days of functions.invocations and functions.logs that ended longer ago than
functions.kept says, and returns their names. functions.maintain calls it. Raises 55P03 when a
transaction that takes long uses the tables: call it again.';

revoke all on function functions.drop_partitions() from public;
grant execute on function functions.drop_partitions() to service_role;
