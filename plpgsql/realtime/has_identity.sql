create or replace function realtime.has_identity(rel regclass)
  returns boolean
  language sql
  stable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  -- As RelationGetReplicaIndex has it: a primary key that is deferrable doesn't count.
  select coalesce(bool_or(c.relreplident = 'f' or i.indexrelid is not null), false)
  from pg_class as c
  left join pg_index as i on i.indrelid = c.oid and (
    c.relreplident = 'd' and i.indisprimary and i.indimmediate
    or c.relreplident = 'i' and i.indisreplident
  )
  where c.oid = has_identity.rel
$$;

comment on function realtime.has_identity(regclass) is
  'Whether changed and deleted rows of a table can be told apart in the log. Where they cannot,
Postgres refuses UPDATE and DELETE once the table is in a publication.';

revoke all on function realtime.has_identity(regclass) from public;
