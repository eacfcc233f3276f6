-- It runs as the caller and with the caller's search_path, so that grants, policies and
-- operators are those of any other query of theirs.
create or replace function pagination.page(
  source regclass, order_by text default null, cursor text default null, size integer default 100
)
  returns table (items json, next_cursor text)
  language plpgsql
  stable
as $$
declare
  v_table text;
  v_kind "char";
  v_scope text;
  v_values text[];
  v_term record;
  v_columns text := '';
  v_texts text := '';
  v_order text := '';
  v_same text := '';
  v_column text;
  v_value text;
  v_branches text[] := array[]::text[];
begin
  if page.size < 1 then
    raise exception using
      errcode = 'invalid_parameter_value', message = 'a page has at least one row';
  end if;

  select format('%I.%I', n.nspname, c.relname), c.relkind into strict v_table, v_kind
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  where c.oid = page.source;

  select string_agg(concat_ws(' ', format('%I', t.name), t.type, t.descends, t.nulls_first), ', '
    order by t.n)
  into v_scope
  from pagination.terms(page.source, page.order_by) as t;

  -- Of a view nothing says what is unique; equal rows are noticed when they come.
  if v_scope is null or v_kind in ('r', 'p') and not exists (
    select
    from pg_index as i
    where i.indrelid = page.source
    and i.indisprimary
  ) then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s has no primary key to tell its rows apart', v_table),
      hint = 'Give the table one; for a view, order by columns that tell its rows apart.';
  end if;

  v_scope := 'page ' || v_table || ' ' || v_scope;
  if page.cursor <> '' then
    v_values := pagination.decode(page.cursor, v_scope, '');
  end if;

  -- What comes after the row: those that are the same in all columns but the last and
  -- come after it there, then those that are the same in all but the last two, and so
  -- on. Each is a range of an index.
  for v_term in
    select t.*
    from pagination.terms(page.source, page.order_by) as t
    order by t.n
  loop
    if v_term.type is null then
      raise exception using
        errcode = 'undefined_column',
        message = format('%s has no column %I', v_table, v_term.name);
    end if;
    v_column := format('t.%I', v_term.name);
    v_value := format('$1[%s]::%s', v_term.n, v_term.type);
    v_columns := v_columns || format(', %s as k%s', v_column, v_term.n);
    v_texts := v_texts || format(', pagination.text_of(k%s)', v_term.n);
    v_order := v_order || format(', %s %s nulls %s', v_column,
      case when v_term.descends then 'desc' else 'asc' end,
      case when v_term.nulls_first then 'first' else 'last' end);

    if v_values[v_term.n] is null then
      if v_term.nulls_first then
        v_branches := (v_same || format(' and %s is not null', v_column)) || v_branches;
      end if;
      v_same := v_same || format(' and %s is null', v_column);
    else
      if not v_term.nulls_first and not v_term.is_filled then
        v_branches := (v_same || format(' and %s is null', v_column)) || v_branches;
      end if;
      v_branches := (v_same || format(' and %s %s %s', v_column,
        case when v_term.descends then '<' else '>' end, v_value)) || v_branches;
      v_same := v_same || format(' and %s = %s', v_column, v_value);
    end if;
  end loop;

  if v_values is null then
    v_branches := array[''];
  end if;

  execute format(
    'with page as materialized (select * from (%1$s) as u limit $2 + 1)
    select
      coalesce((select json_agg(p.item) from (select item from page limit $2) as p), ''[]''),
      (
        select pagination.encode($3, '''', array[%2$s], (
          select array[%2$s] from (select * from page offset $2 limit 1) as f
        ))
        from (select * from page offset $2 - 1 limit 1) as l
      )',
    (
      select string_agg(format(
        '(select t as item%s from %s as t where true%s order by %s limit $2 + 1)',
        v_columns, v_table, b.condition, substr(v_order, 3)
      ), ' union all ' order by b.n)
      from unnest(v_branches) with ordinality as b (condition, n)
    ),
    substr(v_texts, 3)
  )
  into page.items, page.next_cursor
  using v_values, page.size::bigint, v_scope;
  return next;
end;
$$;

comment on function pagination.page(regclass, text, text, integer) is
  'A page of at most size rows of a table or view, as json, in an order like that of order by, to
which the primary key is added; and the cursor of the next page, null after the last. Give it with
the same table and order to read on; null or empty is the first page. It reads as the caller.';

revoke all on function pagination.page(regclass, text, text, integer) from public;
grant execute on function pagination.page(regclass, text, text, integer)
  to anon, authenticated, service_role;
