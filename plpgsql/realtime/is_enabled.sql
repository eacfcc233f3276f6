create or replace function realtime.is_enabled(rel oid)
  returns boolean
  language sql
  stable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from pg_publication as p
    cross join (
      select is_enabled.rel as oid
      union
      select a.relid
      from pg_partition_ancestors(is_enabled.rel) as a
    ) as t
    join pg_class as c on c.oid = t.oid
    where p.pubname = 'supabase_realtime'
    and (
      p.puballtables
      or exists (
        select
        from pg_publication_rel as r
        where r.prpubid = p.oid
        and r.prrelid = c.oid
      )
      or exists (
        select
        from pg_publication_namespace as n
        where n.pnpubid = p.oid
        and n.pnnspid = c.relnamespace
      )
    )
  )
$$;

comment on function realtime.is_enabled(oid) is
  'Whether clients may listen to the changes of a table: whether it is in the publication
supabase_realtime. Fluxbase follows other tables too, for itself.';

revoke all on function realtime.is_enabled(oid) from public;
grant execute on function realtime.is_enabled(oid) to authenticator, fluxbase_service;
