create or replace function realtime.explain(
  rel regclass,
  role text,
  conditions jsonb default '[]',
  selected text[] default null
)
  returns table (finding text, detail text)
  language plpgsql
  stable
as $$
declare
  v_table pg_catalog.pg_class;
  v_role pg_catalog.pg_roles;
  v_schema name;
  v_columns text;
  v_passes boolean;
begin
  select c.* into v_table
  from pg_catalog.pg_class as c
  where c.oid = explain.rel;
  select r.* into v_role
  from pg_catalog.pg_roles as r
  where r.rolname = explain.role;
  if v_table.oid is null or v_role.oid is null then
    raise exception using
      errcode = 'undefined_object',
      message = 'there is no such table, or no such role';
  end if;
  select n.nspname into v_schema
  from pg_catalog.pg_namespace as n
  where n.oid = v_table.relnamespace;

  finding := 'subscription';
  detail := coalesce('refused: ' || realtime.check_changes(
    explain.role, v_schema, v_table.relname, explain.conditions, explain.selected
  ), 'possible');
  return next;

  select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into v_columns
  from pg_catalog.pg_attribute as a
  where a.attrelid = explain.rel
  and a.attnum > 0
  and not a.attisdropped
  and has_schema_privilege(v_role.oid, v_table.relnamespace, 'usage')
  and has_column_privilege(v_role.oid, explain.rel, a.attnum, 'select');
  finding := 'columns';
  detail := coalesce(v_columns, 'none: no change is told');
  return next;

  -- As row_security_active(), for another than the current user.
  v_passes := v_role.rolsuper or v_role.rolbypassrls
    or pg_has_role(v_role.oid, v_table.relowner, 'usage') and not v_table.relforcerowsecurity;
  finding := 'row level security';
  detail := case
    when not v_table.relrowsecurity then 'off: every row is told'
    when v_passes then format('on, but %I passes it: every row is told', v_role.rolname)
    else 'on'
  end;
  return next;

  if v_table.relrowsecurity and not v_passes then
    return query
    select
      format('policy %I', p.polname),
      format(
        '%s: %s',
        case when p.polpermissive then 'permissive' else 'restrictive' end,
        coalesce(pg_get_expr(p.polqual, p.polrelid), 'true')
      )
    from pg_catalog.pg_policy as p
    where p.polrelid = explain.rel
    and p.polcmd in ('r', '*')
    and exists (
      select
      from unnest(p.polroles) as r (id)
      where r.id = 0
      or pg_has_role(v_role.oid, r.id, 'usage')
    )
    order by not p.polpermissive, p.polname;

    if not found then
      finding := 'policy';
      detail := 'none applies: no row is told';
      return next;
    end if;
  end if;

  finding := 'decided';
  detail := case jsonb_typeof(realtime.compile_policy(explain.rel, explain.role) -> 'condition')
    when 'null' then 'by Postgres, for each role and claims'
    else 'where changes are read, at no cost to Postgres'
  end;
  return next;

  finding := 'old rows';
  detail := case
    when v_table.relreplident = 'f' then 'whole: filters and policies hold for deletes'
    else 'the key alone: of a delete nothing else can be filtered by, or decided by a policy'
  end;
  return next;

  if v_columns is not null and not v_table.relrowsecurity
    and explain.role in ('anon', 'authenticated')
  then
    finding := 'warning';
    detail := format(
      'every %s hears of all its rows; close it: alter table %I.%I enable row level security;',
      case explain.role when 'anon' then 'holder of the anonymous key' else 'signed-in user' end,
      v_schema,
      v_table.relname
    );
    return next;
  end if;
end;
$$;

comment on function realtime.explain(regclass, text, jsonb, text[]) is
  'What of the changes of a table a role hears, and why: whether it can subscribe (conditions and
selected are as realtime.check_changes takes them), the columns it is told, whether row level
security is on, the policies that apply and who evaluates them, what is told of deletes. It warns
of a table that is open to all. Raises 42704 where there is no such table or role.';

revoke all on function realtime.explain(regclass, text, jsonb, text[]) from public;
