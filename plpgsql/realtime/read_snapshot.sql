-- As realtime.see it becomes the caller, and leaves its functions the search_path of a
-- request.
create or replace function realtime.read_snapshot(
  schema_name text,
  table_name text,
  role text,
  claims text,
  conditions jsonb,
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
  where n.nspname = read_snapshot.schema_name
  and c.relname = read_snapshot.table_name;

  select string_agg(c.clause, ' and ') into v_where
  from (
    select format(
      '(%s)',
      string_agg(
        format(
          't.%I %s %L::%s',
          a.attname,
          case c.value ->> 'op'
            when 'eq' then '='
            when 'neq' then '<>'
            when 'lt' then '<'
            when 'lte' then '<='
            when 'gt' then '>'
            when 'gte' then '>='
          end,
          v.value ->> 1,
          format_type(a.atttypid, -1)
        ),
        ' or '
      )
    ) as clause
    from jsonb_array_elements(read_snapshot.conditions) with ordinality as c (value, i)
    cross join jsonb_array_elements(c.value -> 'values') as v (value)
    -- Without the column it raises, because null is no name.
    left join pg_catalog.pg_attribute as a
      on a.attrelid = v_rel and a.attname = c.value ->> 'column' and not a.attisdropped
    group by c.i
  ) as c;

  perform
    set_config('request.jwt.claims', read_snapshot.claims, true),
    set_config('role', read_snapshot.role, true);

  select
    coalesce(
      json_agg(json_build_object('name', a.attname, 'type', t.typname) order by a.attnum), '[]'
    ),
    string_agg(format('t.%I', a.attname), ', ' order by a.attnum)
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
            from (select %s from %I.%I as t where %s limit $1 + 1) as y
          ) as x)',
        v_list,
        read_snapshot.schema_name,
        read_snapshot.table_name,
        coalesce(v_where, 'true')
      )
    end
  )
  into snapshot, taken_at, "rows"
  using read_snapshot.max_rows, read_snapshot.max_bytes;
  return next;
end;
$$;

comment on function realtime.read_snapshot(text, text, text, text, jsonb, integer, integer) is
  'The rows of a table that a role with claims may see and that meet the conditions of a
subscription, in the form of realtime.see, with the snapshot they are of; what is visible in it was
committed before taken_at. rows is null where there are more than max_rows, or max_bytes of them. It
leaves the role set. Raises what a policy raises.';

revoke all on function realtime.read_snapshot(text, text, text, text, jsonb, integer, integer)
  from public;
grant execute on function realtime.read_snapshot(text, text, text, text, jsonb, integer, integer)
  to authenticator, fluxbase_service;
