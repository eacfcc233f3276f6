create or replace function realtime.disable(rel regclass)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
begin
  perform realtime.check_table(disable.rel);
  if realtime.check_publication() then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'the publication supabase_realtime publishes all tables',
      hint = 'Make it anew without FOR ALL TABLES, then enable the tables you want.';
  end if;

  execute format('lock table only %s in share update exclusive mode', disable.rel);
  if exists (
    select
    from pg_publication_rel as r
    join pg_publication as p on p.oid = r.prpubid
    where p.pubname = 'supabase_realtime'
    and r.prrelid = disable.rel
  ) then
    execute format('alter publication supabase_realtime drop table only %s', disable.rel);
  end if;
exception
  when undefined_object then
    null; -- another took it out, and our snapshot was older
end;
$$;

comment on function realtime.disable(regclass) is
  'Streams the changes of a table no longer. Its replica identity stays as it is, because others
may rely on it. A table that is not enabled stays so. Raises as realtime.enable does.';

revoke all on function realtime.disable(regclass) from public;
