create or replace function fluxbase.mark()
  returns pg_lsn
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return fluxbase.emit('mark', '{}');
end;
$$;

comment on function fluxbase.mark() is
  'Asks every live process to confirm what was committed before. Call it in a transaction of its
own, after the change that must be known everywhere has been committed, then pass what it returns
to fluxbase.await, in another.';

revoke all on function fluxbase.mark() from public;
grant execute on function fluxbase.mark() to service_role;
