create or replace function ratelimit.sweep(page bigint default 0, pages bigint default 1000)
  returns bigint
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_next constant bigint := sweep.page + greatest(sweep.pages, 1);
begin
  -- By pages, because an index on full_at would make each update dear. A row that is locked is
  -- in use; to wait for it could make who takes many wait for us.
  delete from ratelimit.states as s
  where s.ctid in (
    select d.ctid
    from ratelimit.states as d
    where d.ctid >= format('(%s,0)', sweep.page)::tid
    and d.ctid < format('(%s,0)', v_next)::tid
    and d.full_at <= clock_timestamp()
    for update skip locked
  );

  if v_next * current_setting('block_size')::bigint < pg_relation_size('ratelimit.states') then
    return v_next;
  end if;
  return null;
end;
$$;

comment on function ratelimit.sweep(bigint, bigint) is
  'Removes the budgets that are full again, which mean nothing, in some pages of the table from
page on. Returns where to go on, and null at the end. The processes call it each minute.';

revoke all on function ratelimit.sweep(bigint, bigint) from public;
grant execute on function ratelimit.sweep(bigint, bigint)
  to service_role, authenticator;
