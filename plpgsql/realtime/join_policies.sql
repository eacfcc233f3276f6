create or replace function realtime.join_policies(
  rel oid,
  reads text[],
  permissive text[],
  restrictive text[]
)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name name;
  v_tuple text;
  v_branches text;
begin
  select c.relname into v_name
  from pg_class as c
  where c.oid = join_policies.rel;

  select coalesce(string_agg(
    format('("fluxbase.v" ->> %s)::%s as %I', r.n, format_type(a.atttypid, -1), r.name),
    ', ' order by r.n
  ), 'null') into v_tuple
  from unnest(join_policies.reads) with ordinality as r (name, n)
  join pg_attribute as a on a.attrelid = join_policies.rel and a.attname = r.name;

  -- One branch for each way to see a row, because no index serves two.
  select string_agg(format(
    'select "fluxbase.n", "fluxbase.id"
     from jsonb_array_elements($1) with ordinality as "fluxbase.r" ("fluxbase.v", "fluxbase.n")
     cross join lateral (select %s) as %I
     join realtime.claims as "fluxbase.c" ("fluxbase.id", "fluxbase.claims", "fluxbase.uid")
       on "fluxbase.id" > ("fluxbase.v" ->> 0)::bigint
     where %s%s',
    v_tuple, v_name,
    -- Earlier versions don't make a join of what is found by IN.
    regexp_replace(
      b.condition,
      '^\(([\w$]+|"(?:[^"]|"")+") IN \( SELECT ([\w$".]+)\n'
        || '   FROM ([\w$".]+(?: [\w$"]+)?)\n  WHERE (\([^\n]*\))\)\)$',
      format(
        '(exists (select from \3 where (\4) and \2 = %s.\1))',
        replace(quote_ident(v_name), '\', '\\')
      )
    ),
    (
      select string_agg(' and ' || realtime.with_claims(r.condition), '')
      from unnest(join_policies.restrictive) as r (condition)
    )
  ), ' union ')
  into v_branches
  from unnest(join_policies.permissive) as p (condition)
  cross join unnest(realtime.alternatives(realtime.with_claims(p.condition))) as b (condition);

  return format(
    'select pg_current_snapshot()::text, (select count(*) from realtime.claims)::text,
       coalesce((select json_agg(json_build_array(s.n, s.ids)) from (
         select f."fluxbase.n" as n, json_agg(f."fluxbase.id" order by f."fluxbase.id") as ids
         from (%s) as f
         group by 1
       ) as s), ''[]'')::text',
    v_branches
  );
end;
$$;

comment on function realtime.join_policies(oid, text[], text[], text[]) is
  'The statement that finds who of the registered claims of a role may see which rows: one of the
permissive conditions and all restrictive ones hold. $1 is an array of rows, each an array of the
greatest id that need not be looked at and the texts of the columns reads. It gives a snapshot, how
many claims are registered, and an array of [number of the row from 1, ids].';

revoke all on function realtime.join_policies(oid, text[], text[], text[]) from public;
grant execute on function realtime.join_policies(oid, text[], text[], text[]) to authenticator;
