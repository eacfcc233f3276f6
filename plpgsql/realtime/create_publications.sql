create or replace function realtime.create_publications()
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_publication name;
  v_table regclass;
  v_columns text;
begin
  foreach v_publication in array array['supabase_realtime', 'fluxbase_system']::name[] loop
    -- One that is there, as in a database from Supabase, stays whose it is.
    continue when exists (select from pg_publication as p where p.pubname = v_publication);
    begin
      execute format(
        'create publication %I with (publish_via_partition_root = true)', v_publication
      );
      execute format('alter publication %I owner to fluxbase_admin', v_publication);
    exception
      when duplicate_object or unique_violation then
        null; -- another made it meanwhile
    end;
  end loop;

  -- What steers the product. Of keys only that something about them changed.
  for v_table, v_columns in
    values
      ('fluxbase.message_keys'::regclass, ' (id)'),
      ('fluxbase.settings', ''),
      ('auth.service_keys', ' (id)'),
      ('auth.legacy_key_revocations', ' (id)'),
      ('auth.signing_keys', ' (kid)'),
      ('auth.ended_sessions', ''),
      ('auth.settings', ' (name)'),
      ('ratelimit.rules', ''),
      ('functions.functions', ' (name)'),
      ('functions.secrets', ' (name)')
  loop
    continue when exists (
      select
      from pg_publication_rel as r
      join pg_publication as p on p.oid = r.prpubid
      where p.pubname = 'fluxbase_system'
      and r.prrelid = v_table
    );
    execute format('alter publication fluxbase_system add table only %s%s', v_table, v_columns);
  end loop;
exception
  when duplicate_object or unique_violation then
    null; -- another added it meanwhile
end;
$$;

comment on function realtime.create_publications() is
  'Makes the publications supabase_realtime (the tables of realtime.enable) and fluxbase_system
(the tables that steer Fluxbase itself) where they are missing. Migrations call it; it is for
after create extension, and after a restore of a database with the extension. To be called by who
owns the database or is a superuser.';

revoke all on function realtime.create_publications() from public;
