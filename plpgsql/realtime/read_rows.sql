-- As realtime.see it becomes the caller, and leaves its functions the search_path of a
-- request.
create or replace function realtime.read_rows(
  schema_name text,
  table_name text,
  role text,
  claims text,
  tree jsonb,
  operands jsonb,
  max_rows integer,
  max_bytes integer
)
  returns table (snapshot text, taken_at pg_lsn, columns json, "rows" json)
  language plpgsql
  volatile
as $$
declare
  v_rel oid;
  v_list text;
  v_where text;
begin
  select c.oid into v_rel
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = read_rows.schema_name
  and c.relname = read_rows.table_name;

  if read_rows.tree is not null then
    select
      realtime.condition(
        read_rows.tree,
        array_agg(a.attname::text order by a.attnum),
        -- A domain's checks are for rows, not for what they are compared with.
        array_agg(
          format_type(coalesce(nullif(t.typbasetype, 0), t.oid), -1)
          order by a.attnum
        )
      )
    into v_where
    from pg_catalog.pg_attribute as a
    join pg_catalog.pg_type as t on t.oid = a.atttypid
    where a.attrelid = v_rel
    and a.attnum > 0
    and not a.attisdropped;
  end if;

  perform
    set_config('request.jwt.claims', read_rows.claims, true),
    set_config('role', read_rows.role, true);

  select
    coalesce(
      json_agg(json_build_object('name', a.attname, 'type', t.typname) order by a.attnum), '[]'
    ),
    string_agg(format('r.%I', a.attname), ', ' order by a.attnum)
  into columns, v_list
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_class as c on c.oid = a.attrelid
  join pg_catalog.pg_type as t on t.oid = a.atttypid
  where a.attrelid = v_rel
  and a.attnum > 0
  and not a.attisdropped
  and a.attgenerated = ''
  and has_schema_privilege(c.relnamespace, 'usage')
  and has_column_privilege(v_rel, a.attnum, 'select');

  -- One statement, so that the rows are those of the snapshot; what is visible in it was
  -- written before the place that is read while it runs.
  execute format(
    'select pg_current_snapshot()::text, pg_current_wal_insert_lsn(), %s',
    case
      when v_list is null then '''[]'''
      else format(
        '(select case when count(*) <= $1 and coalesce(sum(octet_length(x.line)), 0) <= $2
            then coalesce(json_agg(x.line::json), ''[]'')
          end
          from (
            select row_to_json(y)::text as line
            from (
              select %s
              from %I.%I as r
              cross join (select $3 as v) as f
              where %s
              limit $1 + 1
            ) as y
          ) as x)',
        v_list,
        read_rows.schema_name,
        read_rows.table_name,
        coalesce(v_where, 'true')
      )
    end
  )
  into snapshot, taken_at, "rows"
  using read_rows.max_rows, read_rows.max_bytes, read_rows.operands;
  return next;
end;
$$;

comment on function realtime.read_rows(text, text, text, text, jsonb, jsonb, integer, integer) is
  'The rows of a table that a role with claims may see and that meet a filter (a tree as
realtime.condition takes it, and the array of its values; null is none), in the form of
realtime.see, with the snapshot they are of; what is visible in it was committed before taken_at.
rows is null where there are more than max_rows, or max_bytes of them. It leaves the role set.
Raises what a policy or the filter raises.';

revoke all on function realtime.read_rows(text, text, text, text, jsonb, jsonb, integer, integer)
  from public;
grant execute on function realtime.read_rows(text, text, text, text, jsonb, jsonb, integer, integer)
  to authenticator, fluxbase_service;
