-- As realtime.authorize it becomes the callers, and leaves their functions the
-- search_path of a request.
create or replace function realtime.see(
  rel oid,
  columns text[],
  types oid[],
  "rows" jsonb,
  roles text[],
  claims text[]
)
  returns table (snapshot text, answers text)
  language plpgsql
  volatile
as $$
declare
  v_path constant text := current_setting('search_path');
  -- Taken before anything is read, so that all that is read is at least as new.
  v_snapshot constant text := pg_current_snapshot()::text;
  v_enabled constant boolean := realtime.is_enabled(see.rel);
  v_table pg_catalog.pg_class;
  v_tuple text;
  v_role text;
  v_names json;
  v_list text;
  v_policy record;
  v_condition text;
  v_answer json;
  v_answers json[] := array[]::json[];
begin
  select c.* into v_table
  from pg_catalog.pg_class as c
  where c.oid = see.rel;

  -- What is deparsed under this path names everything that is not Postgres's own in full.
  perform set_config('search_path', 'pg_catalog', true);
  select string_agg(
    format('("fluxbase.v" ->> %s)::%s as %I', u.i - 1, format_type(u.type, -1), u.name),
    ', ' order by u.i
  ) into v_tuple
  from unnest(see.columns, see.types) with ordinality as u (name, type, i);
  perform set_config('search_path', v_path, true); -- that to which a failure returns

  for v_i in 1..cardinality(see.roles) loop
    begin
      perform
        set_config('request.jwt.claims', see.claims[v_i], true),
        set_config('role', see.roles[v_i], true);

      if see.roles[v_i] is distinct from v_role then
        v_role := null; -- for whoever comes after a failure
        perform set_config('search_path', 'pg_catalog', true);

        select
          json_agg(json_build_object('name', u.name, 'type', t.typname) order by u.i),
          string_agg(format('%I.%I', v_table.relname, u.name), ', ' order by u.i)
        into v_names, v_list
        from unnest(see.columns, see.types) with ordinality as u (name, type, i)
        join pg_catalog.pg_attribute as a
          on a.attrelid = see.rel and a.attname = u.name and not a.attisdropped
        join pg_catalog.pg_type as t on t.oid = u.type
        where has_schema_privilege(v_table.relnamespace, 'usage')
        and has_column_privilege(see.rel, a.attnum, 'select');

        v_condition := 'true';
        if v_list is not null and row_security_active(see.rel) then
          select
            string_agg(format('(%s)', p.qual), ' or ') filter (where p.polpermissive) as permissive,
            string_agg(format(' and (%s)', p.qual), '')
              filter (where not p.polpermissive) as restrictive,
            bool_or(p.reads_more) as reads_more
          into v_policy
          from (
            select
              q.polpermissive,
              coalesce(pg_get_expr(q.polqual, q.polrelid), 'true') as qual,
              exists (
                select
                from pg_catalog.pg_depend as d
                join pg_catalog.pg_attribute as a
                  on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                where d.classid = 'pg_catalog.pg_policy'::regclass
                and d.objid = q.oid
                and d.refclassid = 'pg_catalog.pg_class'::regclass
                and d.refobjid = see.rel
                and d.refobjsubid > 0
                and a.attname <> all (see.columns)
              ) as reads_more
            from pg_catalog.pg_policy as q
            where q.polrelid = see.rel
            and q.polcmd in ('r', '*')
            and exists (
              select
              from unnest(q.polroles) as r (id)
              where r.id = 0
              or pg_has_role(r.id, 'usage')
            )
          ) as p;
          -- Null is undecided: a policy asks for what the change does not tell.
          v_condition := case
            when v_policy.permissive is null then 'false'
            when not v_policy.reads_more
            then format('(%s)%s', v_policy.permissive, v_policy.restrictive)
          end;
        end if;
        v_role := see.roles[v_i];
      end if;

      perform set_config('search_path', v_path, true);
      v_answer := null;
      if v_list is null or v_table.oid is null or not v_enabled then
        v_answer := '{"columns": [], "rows": []}';
      elsif v_condition is not null then
        execute format(
          -- Names that no table or column of the application has.
          'select json_build_object(''columns'', $2, ''rows'', coalesce(json_agg(json_build_array(
             "fluxbase.n",
             (select row_to_json("fluxbase.x") from (select %s) as "fluxbase.x")
           ) order by "fluxbase.n"), ''[]''))
           from jsonb_array_elements($1) with ordinality
             as "fluxbase.r" ("fluxbase.v", "fluxbase.n")
           cross join lateral (select %s) as %I
           where (%s) is true',
          v_list, v_tuple, v_table.relname, v_condition
        )
        into v_answer
        using see."rows", v_names;
      end if;
    exception
      when others then
        v_answer := to_json(sqlstate);
    end;
    v_answers := v_answers || coalesce(v_answer, 'null');
  end loop;

  return query
  select v_snapshot, array_to_json(v_answers)::text;
end;
$$;

comment on function realtime.see(oid, text[], oid[], jsonb, text[], text[]) is
  'Which of the changed rows of a table (arrays of the texts of columns) each caller (a role with
claims) may see, by its grants and policies over the rows as they were, not as they are. Returns
the snapshot in which policies read other tables, and an array with an answer for each caller:
{columns, rows: [[number from 1, row]]}; null where a policy asks for a column that is not among
columns; a SQLSTATE where a policy failed. It leaves the last role set.';

revoke all on function realtime.see(oid, text[], oid[], jsonb, text[], text[]) from public;
grant execute on function realtime.see(oid, text[], oid[], jsonb, text[], text[])
  to authenticator, fluxbase_service;
