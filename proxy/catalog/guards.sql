-- The guards, for roles that still are. A relation that is gone has no requests.
select coalesce(json_agg(json_build_object(
  'role', coalesce(r.rolname, ''),
  'relation', coalesce(g.relation::oid::bigint, 0),
  'operators', g.operators,
  'filterable', g.filterable,
  'orderable', g.orderable,
  'embedDepth', g.embed_depth,
  'embedBreadth', g.embed_breadth,
  'maxRows', g.max_rows,
  'timeout', ceil(extract(epoch from g.statement_timeout) * 1000)::bigint,
  'maxCost', g.max_cost
)), '[]')::text
from fluxbase.guards as g
left join pg_roles as r on r.oid = g.role
where g.role is null
   or r.oid is not null
