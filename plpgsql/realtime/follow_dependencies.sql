create or replace function realtime.follow_dependencies(rel regclass)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_table regclass;
begin
  for v_table in
    select c.oid
    from pg_policy as p
    cross join jsonb_path_query(
      realtime.parse_node(p.polqual::text), 'strict $.** ? (@.rtekind[0] == "0").relid[0]'
    ) as t (id)
    join pg_class as c on c.oid = (t.id #>> '{}')::oid
    where p.polrelid = follow_dependencies.rel
    and p.polcmd in ('r', '*')
    and c.relkind = 'r'
    and c.relpersistence = 'p'
    and c.oid >= 16384
    and pg_has_role(c.relowner, 'USAGE')
    -- An identity is not ours to give here: writes of this table must not fail or cost
    -- more because another's policies read it.
    and realtime.has_identity(c.oid)
    and not realtime.is_followed(c.oid)
    group by c.oid
  loop
    begin
      execute format('alter publication fluxbase_system add table only %s', v_table);
    exception
      when duplicate_object then
        null; -- another added it meanwhile
    end;
  end loop;
exception
  when insufficient_privilege or undefined_object or lock_not_available then
    raise notice 'policies of % are evaluated for each subscriber: %',
      follow_dependencies.rel, sqlerrm;
end;
$$;

comment on function realtime.follow_dependencies(regclass) is
  'Has Fluxbase follow the changes of the tables that the policies of a table read, so that what
they decide can be remembered until then. Clients can''t listen to them for that. Left out are
tables of other owners and those without a replica identity.';

revoke all on function realtime.follow_dependencies(regclass) from public;
