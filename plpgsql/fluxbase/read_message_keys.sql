create or replace function fluxbase.read_message_keys()
  returns table (id bigint, key bytea)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select k.id, k.key
  from fluxbase.message_keys as k
$$;

comment on function fluxbase.read_message_keys() is
  'The keys that messages of fluxbase.emit are verified with, for who follows the stream.';

revoke all on function fluxbase.read_message_keys() from public;
grant execute on function fluxbase.read_message_keys() to fluxbase_replication;
