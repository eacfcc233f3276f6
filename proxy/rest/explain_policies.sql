-- The tables of $1, a JSON array of {Schema, Name}, with the policies that are for
-- the current role: of table $3 in schema $2 those for the commands in $4, letters of
-- pg_policy, of the others those for select.
select coalesce(json_agg(json_build_object(
  'schema', n.nspname,
  'name', c.relname,
  'enabled', c.relrowsecurity,
  'active', row_security_active(c.oid),
  'policies', (
    select json_agg(json_build_object(
      'name', p.polname,
      'command', case p.polcmd
        when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
      'roles', array(
        select case r.oid when 0 then 'public' else pg_get_userbyid(r.oid)::text end
        from unnest(p.polroles) as r (oid)
        order by 1),
      'permissive', p.polpermissive,
      'using', pg_get_expr(p.polqual, p.polrelid),
      'withCheck', pg_get_expr(p.polwithcheck, p.polrelid)
    ) order by p.polpermissive desc, p.polname)
    from pg_policy as p
    where p.polrelid = c.oid
      and (p.polcmd = '*' or strpos(case when n.nspname = $2 and c.relname = $3 then $4 else 'r' end, p.polcmd::text) > 0)
      and exists (
        select from unnest(p.polroles) as r (oid) where r.oid = 0 or pg_has_role(r.oid, 'usage'))
  )
) order by n.nspname, c.relname), '[]')::text
from json_to_recordset($1::json) as t ("Schema" text, "Name" text)
join pg_namespace as n on n.nspname = t."Schema"
join pg_class as c on c.relnamespace = n.oid and c.relname = t."Name"
where c.relkind in ('r', 'p')
