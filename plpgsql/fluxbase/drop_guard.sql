create or replace function fluxbase.drop_guard(role regrole, relation regclass)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  lock table fluxbase.guards in share row exclusive mode;

  delete from fluxbase.guards as g
  where g.role is not distinct from drop_guard.role
  and g.relation is not distinct from drop_guard.relation;

  if not found then
    return false;
  end if;

  perform fluxbase.announce_guards();
  return true;
end;
$$;

comment on function fluxbase.drop_guard(regrole, regclass) is
  'Takes back what fluxbase.set_guard has set for just these two. Returns whether there was
anything.';

revoke all on function fluxbase.drop_guard(regrole, regclass) from public;
grant execute on function fluxbase.drop_guard(regrole, regclass) to service_role;
