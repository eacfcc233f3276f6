create or replace function realtime.compile_policy(rel oid, role text)
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table pg_class;
  v_role pg_roles;
  v_columns jsonb;
  v_reads text[];
  v_policies jsonb;
  v_permissive jsonb;
  v_restrictive jsonb;
  v_condition jsonb;
  v_statement text;
begin
  select c.* into v_table
  from pg_class as c
  where c.oid = compile_policy.rel;
  select r.* into strict v_role
  from pg_roles as r
  where r.rolname = compile_policy.role;

  if v_table.oid is null
    or not realtime.is_enabled(v_table.oid)
    or not has_schema_privilege(v_role.oid, v_table.relnamespace, 'usage')
  then
    return '{"columns": [], "reads": [], "condition": {"text": "f"}}'::jsonb;
  end if;

  select jsonb_agg(
    jsonb_build_object(
      'name', a.attname,
      'type', t.typname,
      'oid', t.oid::bigint,
      'granted', has_column_privilege(v_role.oid, a.attrelid, a.attnum, 'select'),
      -- How row_to_json writes it; without a form it is left to row_to_json.
      'form', case
        when t.oid = 'boolean'::regtype then 'boolean'
        when t.oid in ('json'::regtype, 'jsonb'::regtype) then 'json'
        when t.oid in ('timestamp'::regtype, 'timestamptz'::regtype) then 'timestamp'
        when t.typcategory = 'N' and t.oid in (
          'smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'real'::regtype,
          'double precision'::regtype, 'numeric'::regtype
        ) then 'number'
        when t.typtype in ('b', 'e', 'r', 'm') and t.typcategory <> 'A' and not exists (
          select
          from pg_cast as c
          where c.castsource = t.oid
          and c.casttarget = 'json'::regtype
        ) then 'text'
      end
    ) order by a.attnum
  )
  into v_columns
  from pg_attribute as a
  join pg_type as t on t.oid = a.atttypid
  where a.attrelid = v_table.oid
  and a.attnum > 0
  and a.attgenerated = ''
  and not a.attisdropped;

  if realtime.passes_policies(v_table.oid, v_role.oid) then
    return jsonb_build_object('columns', v_columns, 'reads', '{}'::text[])
      || '{"condition": {"text": "t"}}';
  end if;

  select
    coalesce(jsonb_agg(p.condition) filter (where p.polpermissive), '[]'),
    coalesce(jsonb_agg(p.condition) filter (where not p.polpermissive), '[]'),
    coalesce(jsonb_agg(jsonb_build_object(
      'permissive', p.polpermissive, 'text', p.text, 'tables', p.tables
    )), '[]')
  into v_permissive, v_restrictive, v_policies
  from (
    select
      q.polpermissive,
      coalesce(pg_get_expr(q.polqual, q.polrelid), 'true') as text,
      case
        when q.polqual is null then '{"text": "t"}'
        else realtime.translate(t.tree, q.polrelid)
      end as condition,
      case
        when q.polqual is null then '[]'
        else realtime.dependencies(t.tree, q.polrelid, v_role.oid)
      end as tables
    from pg_policy as q
    cross join lateral (select realtime.parse_node(q.polqual::text) as tree offset 0) as t
    where q.polrelid = v_table.oid
    and q.polcmd in ('r', '*')
    and exists (
      select
      from unnest(q.polroles) as r (id)
      where r.id = 0
      or pg_has_role(v_role.oid, r.id, 'usage')
    )
    order by q.polname
  ) as p;

  -- Of any of the policies above.
  select coalesce(array_agg(distinct a.attname::text), '{}') into v_reads
  from pg_policy as q
  join pg_depend as d
    on d.classid = 'pg_policy'::regclass
    and d.objid = q.oid
    and d.refclassid = 'pg_class'::regclass
    and d.refobjid = q.polrelid
    and d.refobjsubid > 0
  join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where q.polrelid = v_table.oid
  and q.polcmd in ('r', '*')
  and exists (
    select
    from unnest(q.polroles) as r (id)
    where r.id = 0
    or pg_has_role(v_role.oid, r.id, 'usage')
  );

  if jsonb_array_length(v_permissive) = 0 then
    v_condition := '{"text": "f"}';
    v_reads := '{}';
  elsif not (v_permissive || v_restrictive) @> '[null]' then
    v_condition := jsonb_build_object(
      'and', jsonb_build_array(jsonb_build_object('or', v_permissive)) || v_restrictive
    );
  elsif not v_policies @> '[{"tables": null}]'
    and has_schema_privilege(v_role.oid, 'realtime', 'usage')
    and has_table_privilege(v_role.oid, 'realtime.claims', 'select')
  then
    v_statement := realtime.join_policies(
      v_table.oid,
      v_reads,
      array(
        select p.text #>> '{}'
        from jsonb_path_query(v_policies, '$[*] ? (@.permissive == true).text') as p (text)
      ),
      array(
        select p.text #>> '{}'
        from jsonb_path_query(v_policies, '$[*] ? (@.permissive == false).text') as p (text)
      )
    );
  end if;

  return jsonb_build_object(
    'columns', v_columns,
    'reads', to_jsonb(v_reads),
    'condition', v_condition,
    'statement', v_statement,
    'tables', case
      when v_statement is not null then jsonb_path_query_array(v_policies, '$[*].tables[*]')
    end
  );
end;
$$;

comment on function realtime.compile_policy(oid, text) is
  'What decides which rows of a table a role may see, as the catalog stands: columns (name, type,
oid, whether it is granted, form: how it becomes JSON), reads (the columns that policies ask for)
and condition, as realtime.translate gives it. Where there is none, the statement of
realtime.join_policies and the tables of realtime.dependencies; where there is neither, only
realtime.see can decide. A table that is not enabled shows no rows. Raises P0002 where there is no
such role.';

revoke all on function realtime.compile_policy(oid, text) from public;
grant execute on function realtime.compile_policy(oid, text) to authenticator;
