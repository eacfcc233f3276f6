create or replace function realtime.enable(rel regclass, identity text default 'auto')
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
  -- A lock that waits makes the application's writes wait behind it.
  set lock_timeout = '5s'
as $$
declare
  v_publishes_all boolean;
  v_is_part boolean;
  v_parts regclass[];
begin
  if enable.identity is null or enable.identity not in ('auto', 'full', 'keep') then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('there is no identity %L', enable.identity),
      hint = 'Give auto, full or keep.';
  end if;
  perform realtime.check_table(enable.rel);
  v_publishes_all := realtime.check_publication();

  -- Another caller waits here and then finds the work done. It is the lock that
  -- adding to a publication takes itself.
  execute format('lock table only %s in share update exclusive mode', enable.rel);

  select r.prqual is not null or r.prattrs is not null into v_is_part
  from pg_publication_rel as r
  join pg_publication as p on p.oid = r.prpubid
  where p.pubname = 'supabase_realtime'
  and r.prrelid = enable.rel;

  if v_is_part then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('of %s only some rows or columns are published', enable.rel),
      hint = format(
        'First: alter publication supabase_realtime drop table %s;', enable.rel
      );
  end if;

  select array_agg(t.relid) into v_parts
  from (
    select enable.rel as relid
    union
    select t.relid
    from pg_partition_tree(enable.rel) as t
  ) as t
  join pg_class as c on c.oid = t.relid
  where case
    when enable.identity = 'full' then c.relreplident <> 'f'
    else not realtime.has_identity(t.relid)
  end;

  if enable.identity = 'keep' and v_parts is not null then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s has no primary key', v_parts[1]),
      detail = 'UPDATE and DELETE of a published table without an identity fail.',
      hint = format(
        'Give it a primary key, or let it have the full identity: select realtime.enable(%L);',
        enable.rel
      );
  end if;

  -- The identity first: there is no moment in which a write could fail.
  for v_i in 1..coalesce(cardinality(v_parts), 0) loop
    execute format('alter table only %s replica identity full', v_parts[v_i]);
  end loop;

  if v_is_part is null and not v_publishes_all then
    begin
      execute format('alter publication supabase_realtime add table only %s', enable.rel);
    exception
      when duplicate_object then
        null; -- our snapshot was older than the other caller
    end;
  end if;
  perform realtime.follow_dependencies(enable.rel);
end;
$$;

comment on function realtime.enable(regclass, text) is
  'Streams the changes of a table from now on: puts it into the publication supabase_realtime.
Postgres refuses UPDATE and DELETE of a published table whose rows it cannot tell apart, so
identity says what is done about a table without a usable primary key: auto gives it REPLICA
IDENTITY FULL, keep refuses it (55000). full gives any table the full identity: its changes then
carry the whole old row. A table that is enabled already stays so. Raises 42809 for what has no
changes of its own, such as a view or a partition, 42501 unless the caller owns the table and the
publication, 55P03 when the table was in use for over 5 seconds.';

revoke all on function realtime.enable(regclass, text) from public;
