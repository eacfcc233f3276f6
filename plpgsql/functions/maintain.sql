create or replace function functions.maintain()
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform functions.make_partitions();
  perform functions.drop_partitions();
  perform functions.sweep();
end;
$$;

comment on function functions.maintain() is
  'What is due now and then: partitions for the days to come, none for those that are too old, no
files that nothing has. The processes call it each hour. Raises 55P03 when a transaction that takes
long uses the tables: call it again.';

revoke all on function functions.maintain() from public;
grant execute on function functions.maintain() to service_role;
