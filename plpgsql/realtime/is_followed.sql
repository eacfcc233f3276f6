create or replace function realtime.is_followed(rel oid)
  returns boolean
  language sql
  stable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select realtime.is_enabled(is_followed.rel) or exists (
    select
    from pg_publication_rel as r
    join pg_publication as p on p.oid = r.prpubid
    where r.prrelid = is_followed.rel
    and r.prqual is null
    and r.prattrs is null
    and p.pubname = 'fluxbase_system'
  )
$$;

comment on function realtime.is_followed(oid) is
  'Whether all changes of a table come in the stream, be it for clients or for Fluxbase itself.';

revoke all on function realtime.is_followed(oid) from public;
grant execute on function realtime.is_followed(oid) to authenticator;
