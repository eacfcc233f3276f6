create or replace function functions.sweep()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer;
begin
  -- Who deploys has named no files yet that it has found here. The next sweep is soon enough.
  if not pg_try_advisory_xact_lock(hashtextextended('functions.files', 0)) then
    return 0;
  end if;
  delete from functions.files as f
  where not exists (select from functions.version_files as v where v.sha256 = f.sha256);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function functions.sweep() is
  'Deletes the contents of files that no version has any more, unless somebody deploys at the
moment; returns how many. functions.maintain calls it.';

revoke all on function functions.sweep() from public;
grant execute on function functions.sweep() to service_role;
