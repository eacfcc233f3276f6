create or replace function realtime.check_table(rel regclass)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table pg_class;
  v_obstacle text;
  v_hint text;
begin
  select c.* into v_table
  from pg_class as c
  where c.oid = check_table.rel;

  if not found then
    raise exception using
      errcode = 'undefined_table',
      message = 'there is no such table';
  end if;

  case
    when v_table.oid < 16384 then
      v_obstacle := 'a system catalog';
      v_hint := 'Enable tables of your own.';
    when v_table.relkind in ('v', 'm') then
      v_obstacle := 'a view';
      v_hint := 'Enable the tables it reads: only rows that are stored change.';
    when v_table.relkind = 'f' then
      v_obstacle := 'a foreign table';
      v_hint := 'Its rows change in another database, and only the log there tells of it.';
    when v_table.relkind not in ('r', 'p') then
      v_obstacle := 'no table';
      v_hint := 'Enable a table.';
    when v_table.relispartition then
      v_obstacle := 'a partition';
      v_hint := format(
        'Enable the whole: select realtime.enable(%L);', pg_partition_root(check_table.rel)
      );
    when v_table.relpersistence = 't' then
      v_obstacle := 'a temporary table';
      v_hint := 'Its changes are not in the log.';
    when v_table.relpersistence = 'u' then
      v_obstacle := 'an unlogged table';
      v_hint := format('First: alter table %s set logged;', check_table.rel);
    when not pg_has_role(v_table.relowner, 'USAGE') then
      raise exception using
        errcode = 'insufficient_privilege',
        message = format('only the owner of %s may publish it', check_table.rel);
    else
      return;
  end case;

  raise exception using
    errcode = 'wrong_object_type',
    message = format('%s is %s, whose changes cannot be streamed', check_table.rel, v_obstacle),
    hint = v_hint;
end;
$$;

comment on function realtime.check_table(regclass) is
  'Raises 42809 where changes of a table cannot be streamed, 42501 where the caller does not own
it, 42P01 where there is none.';

revoke all on function realtime.check_table(regclass) from public;
