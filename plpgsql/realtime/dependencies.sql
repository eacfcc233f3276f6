create or replace function realtime.dependencies(tree jsonb, rel oid, role oid)
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tables oid[];
  v_query jsonb;
  v_all jsonb;
begin
  -- Only what gives the same for the same row, claims and tables.
  if exists (
    select
    from jsonb_path_query(dependencies.tree, 'strict $.**.node[*]') as n (value)
    where n.value #>> '{}' not in (
      'ALIAS', 'ARRAY', 'ARRAYCOERCEEXPR', 'ARRAYEXPR', 'BOOLEANTEST', 'BOOLEXPR', 'CASE',
      'CASEEXPR', 'CASETESTEXPR', 'CASEWHEN', 'COALESCE', 'COALESCEEXPR', 'COERCEVIAIO',
      'COLLATEEXPR', 'CONST', 'DISTINCTEXPR', 'FROMEXPR', 'FUNCEXPR', 'JOINEXPR', 'NULLIFEXPR',
      'NULLTEST', 'OPEXPR', 'PARAM', 'QUERY', 'RANGETBLENTRY', 'RANGETBLREF', 'RELABELTYPE', 'RTE',
      'RTEPERMISSIONINFO', 'SCALARARRAYOPEXPR', 'SQLVALUEFUNCTION', 'SUBLINK', 'TARGETENTRY',
      'VAR', 'WHEN'
    )
  ) or exists (
    select
    from jsonb_path_query(
      dependencies.tree, 'strict $.** ? (@.node[0] == "SQLVALUEFUNCTION").op[0]'
    ) as f (op)
    where f.op #>> '{}' not in ('9', '10', '11') -- current_role, current_user, user
  ) or exists (
    select
    from jsonb_path_query(
      dependencies.tree, 'strict $.** ? (@.node[0] == "VAR").varattno[0]'
    ) as v (place)
    where (v.place #>> '{}')::integer <= 0 -- the whole row, or what no change tells
  ) or exists (
    select
    from jsonb_path_query(
      dependencies.tree, 'strict $.** ? (exists (@.rtekind)).rtekind[0]'
    ) as k (kind)
    where k.kind #>> '{}' not in ('0', '1', '2') -- tables, queries, joins
  ) or exists (
    select
    from (
      select (f.id #>> '{}')::oid as id
      from jsonb_path_query(
        dependencies.tree, 'strict $.** ? (exists (@.funcid)).funcid[0]'
      ) as f (id)
      union
      select o.oprcode
      from jsonb_path_query(dependencies.tree, 'strict $.** ? (exists (@.opno)).opno[0]') as f (id)
      join pg_operator as o on o.oid = (f.id #>> '{}')::oid
    ) as f
    join pg_proc as p on p.oid = f.id
    where not (p.oid < 16384 and p.provolatile = 'i')
    and not (
      p.pronamespace = 'auth'::regnamespace
      and p.proowner = 'fluxbase_admin'::regrole
      and p.pronargs = 0
      and p.proname in ('uid', 'jwt', 'role', 'email')
    )
  ) then
    return null;
  end if;

  select coalesce(array_agg(distinct (t.id #>> '{}')::oid), '{}') into v_tables
  from jsonb_path_query(
    dependencies.tree, 'strict $.** ? (@.rtekind[0] == "0").relid[0]'
  ) as t (id);

  if exists (
    select
    from unnest(v_tables) as t (oid)
    join pg_class as c on c.oid = t.oid
    where c.relkind <> 'r'
    or c.relhassubclass
    or c.relispartition
    or c.oid = dependencies.rel
    or not realtime.is_followed(c.oid)
    or not realtime.passes_policies(c.oid, dependencies.role)
  ) then
    return null;
  end if;

  -- If there is one query, and it asks for a column to be that of the row, a change
  -- concerns only rows with the same value.
  select case when count(*) = 1 then jsonb_agg(s.node) -> 0 end into v_query
  from jsonb_path_query(
    dependencies.tree,
    'strict $.** ? (@.node[0] == "SUBLINK" && exists (@.subselect[0].rtable[0][0]))'
  ) as s (node)
  where jsonb_path_exists(dependencies.tree, 'strict $.** ? (@.rtekind[0] == "1")') is false;

  select jsonb_agg(
    jsonb_build_object('oid', t.oid::bigint, 'key', k.key, 'of', k.of, 'who', w.who)
  )
  into v_all
  from unnest(v_tables) as t (oid)
  left join lateral (
    select a.attname as key, b.attname as of
    from (
      -- x = y of the condition, and x in (select y).
      select e.args -> 0 as x, e.args -> 1 as y, e.collation
      from (
        select
          q.node #> '{args,0}' as args,
          (q.node #>> '{opno,0}')::oid as opno,
          (q.node #>> '{inputcollid,0}')::oid as collation
        from (
          select v_query #> '{subselect,0,jointree,0,quals,0}' as node
          union all
          select a.node
          from jsonb_array_elements(
            case v_query #>> '{subselect,0,jointree,0,quals,0,boolop,0}'
              when 'and' then v_query #> '{subselect,0,jointree,0,quals,0,args,0}'
              else '[]'
            end
          ) as a (node)
        ) as q
        where q.node #>> '{node,0}' = 'OPEXPR'
        union all
        select
          jsonb_build_array(
            v_query #> '{testexpr,0,args,0,0}', v_query #> '{subselect,0,targetList,0,0,expr,0}'
          ),
          (v_query #>> '{testexpr,0,opno,0}')::oid,
          (v_query #>> '{testexpr,0,inputcollid,0}')::oid
        where v_query #>> '{subLinkType,0}' = '2'
        and v_query #>> '{testexpr,0,node,0}' = 'OPEXPR'
        and v_query #>> '{testexpr,0,args,0,1,node,0}' = 'PARAM'
      ) as e
      join pg_operator as o on o.oid = e.opno
      join pg_type as l on l.oid = o.oprleft
      join pg_type as r on r.oid = o.oprright
      where o.oprname = '='
      and o.oprnamespace = 'pg_catalog'::regnamespace
      and (
        l.oid = r.oid and l.typname = 'uuid'
        or l.oid = r.oid and l.typname = 'text' and exists (
          select
          from pg_collation as c
          where c.oid = e.collation
          and c.collisdeterministic
        )
        or l.typname in ('int2', 'int4', 'int8') and r.typname in ('int2', 'int4', 'int8')
      )
    ) as e
    cross join lateral (
      select
        case e.x #>> '{node,0}' when 'RELABELTYPE' then e.x #> '{arg,0}' else e.x end as x,
        case e.y #>> '{node,0}' when 'RELABELTYPE' then e.y #> '{arg,0}' else e.y end as y
    ) as s
    cross join lateral (values (s.x, s.y), (s.y, s.x)) as v (row, other)
    join pg_attribute as b
      on b.attrelid = dependencies.rel and b.attnum = (v.row #>> '{varattno,0}')::integer
    join pg_attribute as a
      on a.attrelid = t.oid and a.attnum = (v.other #>> '{varattno,0}')::integer
    where v.row #>> '{node,0}' = 'VAR'
    and v.other #>> '{node,0}' = 'VAR'
    and v.row #>> '{varno,0}' = '1'
    -- In x in (select y) x stands outside of the query.
    and v.row #>> '{varlevelsup,0}' = case e.x
      when v_query #> '{testexpr,0,args,0,0}' then '0'
      else '1'
    end
    and v.other #>> '{varlevelsup,0}' = '0'
    and v_query #>> (
      '{subselect,0,rtable,0,' || ((v.other #>> '{varno,0}')::integer - 1) || ',relid,0}'
    )::text[] = t.oid::text
    -- Joined with itself, a table can tell of other rows too.
    and (
      select count(*)
      from jsonb_path_query(v_query, 'strict $.** ? (@.rtekind[0] == "0").relid[0]') as r (id)
      where r.id #>> '{}' = t.oid::text
    ) = 1
    limit 1
  ) as k on true
  left join lateral (
    select a.attname as who
    from jsonb_array_elements(
      case v_query #>> '{subselect,0,jointree,0,quals,0,boolop,0}'
        when 'and' then v_query #> '{subselect,0,jointree,0,quals,0,args,0}'
        else v_query #> '{subselect,0,jointree,0,quals}'
      end
    ) as q (node)
    cross join lateral (
      values
        (q.node #> '{args,0,0}', q.node #> '{args,0,1}'),
        (q.node #> '{args,0,1}', q.node #> '{args,0,0}')
    ) as v (own, other)
    join pg_attribute as a
      on a.attrelid = t.oid and a.attnum = (v.own #>> '{varattno,0}')::integer
    where q.node #>> '{node,0}' = 'OPEXPR'
    and (q.node #>> '{opno,0}')::oid = '=(uuid,uuid)'::regoperator
    and v.own #>> '{node,0}' = 'VAR'
    and v.own #>> '{varlevelsup,0}' = '0'
    and v_query #>> (
      '{subselect,0,rtable,0,' || ((v.own #>> '{varno,0}')::integer - 1) || ',relid,0}'
    )::text[] = t.oid::text
    and realtime.translate(v.other, dependencies.rel) = '{"claim": ["sub"], "type": "uuid"}'
    and cardinality(v_tables) = 1
    limit 1
  ) as w on true;

  return coalesce(v_all, '[]');
end;
$$;

comment on function realtime.dependencies(jsonb, oid, oid) is
  'The tables that a policy of a table reads, as realtime.parse_node gives the policy: oid and,
where a change of them concerns only some rows, the column key that is the column of in these rows;
where it concerns only one user, the column who that is auth.uid().
Null where one statement can''t decide for all of a role: functions that are not immutable, tables
with policies of their own or whose changes are not in the stream.';

revoke all on function realtime.dependencies(jsonb, oid, oid) from public;
grant execute on function realtime.dependencies(jsonb, oid, oid) to authenticator;
