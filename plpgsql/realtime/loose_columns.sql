create or replace function realtime.loose_columns(rel oid)
  returns text[]
  language sql
  stable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select a.attname::text
    from pg_attribute as a
    join pg_collation as l on l.oid = a.attcollation
    where a.attrelid = loose_columns.rel
    and a.attnum > 0
    and not a.attisdropped
    and (not l.collisdeterministic or getdatabaseencoding() <> 'UTF8')
    order by a.attnum
  )
$$;

comment on function realtime.loose_columns(oid) is
  'The columns of a table whose values can be equal without being the same text, because of a
collation that is not deterministic. Their filters are for realtime.match alone.';

revoke all on function realtime.loose_columns(oid) from public;
grant execute on function realtime.loose_columns(oid) to authenticator, fluxbase_service;
