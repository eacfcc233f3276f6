create or replace function realtime.read_dependencies(relations oid[], role text)
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_role oid;
  v_all jsonb := '[]'::jsonb;
  v_next jsonb;
  v_done integer := 0;
  v_class pg_class;
  v_tree jsonb;
  v_tables jsonb;
begin
  select r.oid into strict v_role
  from pg_roles as r
  where r.rolname = read_dependencies.role;

  -- Relations with whose rights they are read, each once; views add theirs behind.
  select coalesce(jsonb_agg(distinct jsonb_build_array(u.id::bigint, v_role)), '[]') into v_next
  from unnest(read_dependencies.relations) as u (id);

  while v_done < jsonb_array_length(v_next) loop
    if v_done = 100 then
      return null;
    end if;
    select c.* into v_class
    from pg_class as c
    where c.oid = (v_next #>> array[v_done::text, '0'])::oid;
    v_role := (v_next #>> array[v_done::text, '1'])::oid;
    v_done := v_done + 1;

    -- How values of other types are written, functions of anybody's decide.
    if v_class.oid is null or exists (
      select
      from pg_attribute as a
      join pg_type as t on t.oid = a.atttypid
      left join pg_type as e on e.oid = t.typelem and t.typcategory = 'A'
      where a.attrelid = v_class.oid
      and a.attnum > 0
      and not a.attisdropped
      and coalesce(e.oid, t.oid) >= 16384
      and coalesce(e.typtype, t.typtype) <> 'e'
    ) then
      return null;
    end if;

    if v_class.relkind = 'r' then
      if v_class.relhassubclass or v_class.relispartition or not exists (
        select
        from pg_publication_tables as t
        join pg_publication as p on p.pubname = t.pubname
        join pg_namespace as n on n.nspname = t.schemaname
        where p.pubname in ('supabase_realtime', 'fluxbase_system')
        and p.pubinsert
        and p.pubupdate
        and p.pubdelete
        and p.pubtruncate
        and t.rowfilter is null
        and n.oid = v_class.relnamespace
        and t.tablename = v_class.relname
      ) then
        return null;
      end if;
      v_all := v_all || to_jsonb(v_class.oid::bigint);
      continue when realtime.passes_policies(v_class.oid, v_role);

      select jsonb_agg(
        case
          when q.polqual is null then '[]'::jsonb
          else realtime.dependencies(
            realtime.parse_node(q.polqual::text), v_class.oid, v_role
          )
        end
      )
      into v_tables
      from pg_policy as q
      where q.polrelid = v_class.oid
      and q.polcmd in ('r', '*')
      and exists (
        select
        from unnest(q.polroles) as r (id)
        where r.id = 0
        or pg_has_role(v_role, r.id, 'usage')
      );
      if v_tables @> '[null]' then
        return null;
      end if;
      -- Their policies do not hold for the role, or the above had been null.
      select v_next || coalesce(jsonb_agg(distinct n.pair), '[]') into v_next
      from jsonb_path_query(v_tables, '$[*][*].oid') as t (id)
      cross join lateral (select jsonb_build_array(t.id, v_role)) as n (pair)
      where not v_next @> jsonb_build_array(n.pair);
    elsif v_class.relkind = 'v' then
      select realtime.parse_node(w.ev_action::text) into v_tree
      from pg_rewrite as w
      where w.ev_class = v_class.oid
      and w.rulename = '_RETURN';
      if exists (
        select
        from jsonb_path_query(v_tree, 'strict $.**.node[*]') as n (value)
        where n.value #>> '{}' not in (
          'AGGREF', 'ALIAS', 'ARRAY', 'ARRAYEXPR', 'BOOLEANTEST', 'BOOLEXPR', 'CASE', 'CASEEXPR',
          'CASETESTEXPR', 'CASEWHEN', 'COALESCE', 'COALESCEEXPR', 'COLLATEEXPR', 'CONST',
          'DISTINCTEXPR', 'FROMEXPR', 'FUNCEXPR', 'JOINEXPR', 'NULLIFEXPR', 'NULLTEST', 'OPEXPR',
          'QUERY', 'RANGETBLENTRY', 'RANGETBLREF', 'RELABELTYPE', 'RTE', 'RTEPERMISSIONINFO',
          'SCALARARRAYOPEXPR', 'SETOPERATIONSTMT', 'SORTGROUPCLAUSE', 'SUBLINK', 'TARGETENTRY',
          'VAR', 'WHEN'
        )
      ) or exists (
        select
        from (
          select (f.id #>> '{}')::oid as id
          from jsonb_path_query(v_tree, 'strict $.** ? (exists (@.funcid)).funcid[0]') as f (id)
          union
          select (f.id #>> '{}')::oid
          from jsonb_path_query(v_tree, 'strict $.** ? (exists (@.aggfnoid)).aggfnoid[0]') as f (id)
          union
          select o.oprcode
          from jsonb_path_query(v_tree, 'strict $.** ? (exists (@.opno)).opno[0]') as f (id)
          join pg_operator as o on o.oid = (f.id #>> '{}')::oid
        ) as f
        join pg_proc as p on p.oid = f.id
        where p.oid >= 16384
        or p.provolatile <> 'i'
      ) or exists (
        select
        from jsonb_path_query(
          v_tree, 'strict $.** ? (exists (@.rtekind)).rtekind[0]'
        ) as k (kind)
        where k.kind #>> '{}' not in ('0', '1', '2') -- tables, queries, joins
      ) then
        return null;
      end if;
      if not coalesce(v_class.reloptions @> '{security_invoker=true}', false) then
        v_role := v_class.relowner;
      end if;
      select v_next || coalesce(jsonb_agg(distinct n.pair), '[]') into v_next
      from jsonb_path_query(v_tree, 'strict $.** ? (@.rtekind[0] == "0").relid[0]') as t (id)
      cross join lateral (
        select jsonb_build_array((t.id #>> '{}')::bigint, v_role)
      ) as n (pair)
      -- Old releases list the view itself, as old and new.
      where t.id #>> '{}' <> v_class.oid::text
      and not v_next @> jsonb_build_array(n.pair);
    else
      return null;
    end if;
  end loop;

  return (
    select coalesce(jsonb_agg(distinct jsonb_build_array(n.nspname, c.relname)), '[]')
    from jsonb_array_elements_text(v_all) as a (id)
    join pg_class as c on c.oid = a.id::oid
    join pg_namespace as n on n.oid = c.relnamespace
  );
end;
$$;

comment on function realtime.read_dependencies(oid[], text) is
  'The tables, as arrays of schema and name, whose rows decide what a role reads in tables and
views: themselves, what is behind the views, and what their policies ask. Null where something else
decides too: functions that are not immutable, tables whose changes are not all in the stream, types
and functions that are not of Postgres itself. Raises P0002 where there is no such role.';

revoke all on function realtime.read_dependencies(oid[], text) from public;
grant execute on function realtime.read_dependencies(oid[], text) to authenticator;
