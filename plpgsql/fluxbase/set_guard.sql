create or replace function fluxbase.set_guard(
  role regrole,
  relation regclass,
  operators text[] default null,
  filterable text[] default null,
  orderable text[] default null,
  embed_depth bigint default null,
  embed_breadth bigint default null,
  max_rows bigint default null,
  statement_timeout interval default null,
  max_cost double precision default null
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- Before any row: two callers who set several guards each would else wait for each other.
  lock table fluxbase.guards in share row exclusive mode;

  insert into fluxbase.guards as g (
    role, relation, operators, filterable, orderable, embed_depth, embed_breadth, max_rows,
    statement_timeout, max_cost
  )
  values (
    set_guard.role, set_guard.relation, set_guard.operators, set_guard.filterable,
    set_guard.orderable, set_guard.embed_depth, set_guard.embed_breadth, set_guard.max_rows,
    set_guard.statement_timeout, set_guard.max_cost
  )
  on conflict on constraint one_guard_for_each do update
  set operators = excluded.operators,
      filterable = excluded.filterable,
      orderable = excluded.orderable,
      embed_depth = excluded.embed_depth,
      embed_breadth = excluded.embed_breadth,
      max_rows = excluded.max_rows,
      statement_timeout = excluded.statement_timeout,
      max_cost = excluded.max_cost,
      changed_at = now();

  perform fluxbase.announce_guards();
end;
$$;

comment on function fluxbase.set_guard(
  regrole, regclass, text[], text[], text[], bigint, bigint, bigint, interval, double precision
) is
  'Limits what requests of the REST API may ask for: those of a role, or of all if it is null, to a
table or view, or to all and to functions if it is null. What it said of these two before is
replaced as a whole; a limit that is null says nothing. Of each limit the guard for role and
relation counts, else that for the relation, else that for the role, else that for all. Holds in
every process a moment after the commit. Raises 23514 for a limit that can''t be.';

revoke all on function fluxbase.set_guard(
  regrole, regclass, text[], text[], text[], bigint, bigint, bigint, interval, double precision
) from public;
grant execute on function fluxbase.set_guard(
  regrole, regclass, text[], text[], text[], bigint, bigint, bigint, interval, double precision
) to service_role;

drop policy if exists granted_may_read on fluxbase.guards;
create policy granted_may_read on fluxbase.guards
  for select
  using (true);
