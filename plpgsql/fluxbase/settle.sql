-- It commits, and so can have neither security definer nor settings of its own.
create or replace procedure fluxbase.settle(inout unconfirmed text[] default null)
  language plpgsql
as $$
declare
  v_mark pg_catalog.pg_lsn;
begin
  commit;
  v_mark := fluxbase.mark();
  commit;
  -- Above it nobody would see a confirmation.
  set transaction isolation level read committed;

  select pg_catalog.array_agg(a.name) into unconfirmed
  from fluxbase.await(v_mark) as a (name);
end;
$$;

comment on procedure fluxbase.settle(text[]) is
  'Commits, and waits until every live process has dealt with what was committed, at most 5 seconds.
Returns the names of those that have not: null when all have. Raises 2D000 within a transaction.';

revoke all on procedure fluxbase.settle(text[]) from public;
grant execute on procedure fluxbase.settle(text[]) to service_role;
