-- It runs as whoever changes the schema, who owns the table and so may give it an
-- identity, and who may not call functions of ours: hence no realtime.has_identity.
create or replace function realtime.tg_ddl_command_end__keep_identity()
  returns event_trigger
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_part regclass;
  v_table regclass;
begin
  -- A row filter or a list of columns makes UPDATE fail as soon as they don't fit the
  -- identity, and to mend them would publish what somebody chose not to publish.
  select r.prrelid::regclass into v_part
  from pg_event_trigger_ddl_commands() as d
  join pg_publication_rel as r on r.oid = d.objid
  join pg_publication as p on p.oid = r.prpubid
  where d.classid = 'pg_publication_rel'::regclass
  and p.pubname = 'supabase_realtime'
  and (r.prqual is not null or r.prattrs is not null)
  limit 1;

  if found then
    raise exception using
      errcode = 'feature_not_supported',
      message = format('supabase_realtime publishes whole tables, and of %s only a part', v_part),
      detail = 'With a row filter or a list of columns, UPDATE and DELETE of the table can fail.',
      hint = 'Name the table without WHERE and without columns. Who sees which rows is decided '
        'by row level security.';
  end if;

  for v_table in
    with recursive published (oid) as (
      select r.prrelid
      from pg_publication as p
      join pg_publication_rel as r on r.prpubid = p.oid
      where p.pubname in ('supabase_realtime', 'fluxbase_system')
      and (p.pubupdate or p.pubdelete)
      union
      select c.oid
      from pg_publication as p
      left join pg_publication_namespace as n on n.pnpubid = p.oid
      join pg_class as c on c.relnamespace = n.pnnspid or p.puballtables
      where p.pubname = 'supabase_realtime'
      and (p.pubupdate or p.pubdelete)
      and c.oid >= 16384
      union
      select i.inhrelid
      from published as p
      join pg_inherits as i on i.inhparent = p.oid
      join pg_class as c on c.oid = i.inhrelid and c.relispartition
    )
    select c.oid
    from published as p
    join pg_class as c on c.oid = p.oid
    where c.relkind = 'r'
    and c.relpersistence = 'p'
    -- Those of others are not this command's doing.
    and pg_has_role(c.relowner, 'USAGE')
    and c.relreplident <> 'f'
    and not exists (
      select
      from pg_index as i
      where i.indrelid = c.oid
      and (
        c.relreplident = 'd' and i.indisprimary and i.indimmediate
        or c.relreplident = 'i' and i.indisreplident
      )
    )
  loop
    begin
      execute format('alter table only %s replica identity full', v_table);
      raise notice 'table % has no usable primary key, so it got replica identity full', v_table
        using hint = 'Without an identity, UPDATE and DELETE of a published table fail.';
    exception
      when others then
        -- Any other command has locked the tables that it changes, so this is another
        -- table, which was published while the trigger was off.
        if tg_tag not like '% PUBLICATION' then
          raise warning 'UPDATE and DELETE of % fail for want of an identity: %', v_table, sqlerrm
            using hint = format('alter table %s replica identity full;', v_table);
          continue;
        end if;
        raise exception using
          errcode = 'object_not_in_prerequisite_state',
          message = format('published without an identity, %s could not be changed', v_table),
          detail = format('Giving it one failed: %s', sqlerrm),
          hint = format('First: alter table %s replica identity full;', v_table);
    end;
  end loop;
end;
$$;

comment on function realtime.tg_ddl_command_end__keep_identity() is
  'Event trigger: gives tables in our publications that have lost or never had a
replica identity the full one, so that UPDATE and DELETE go on working, and refuses (0A000, 55000)
what it cannot mend.';

revoke all on function realtime.tg_ddl_command_end__keep_identity() from public;
