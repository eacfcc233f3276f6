create or replace function fluxbase.await(mark pg_lsn, patience interval default '5 s')
  returns setof text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_until constant timestamptz := clock_timestamp() + least(await.patience, '5 s');
  v_timeline bigint;
  v_behind text[];
begin
  -- What isn't committed nobody hears of, and a snapshot that stays never shows a
  -- confirmation: both would only use up the patience.
  if current_setting('transaction_isolation') not like 'read %'
  or pg_current_xact_id_if_assigned() is not null then
    raise exception using
      errcode = 'active_sql_transaction',
      message = 'what is waited for must be committed first',
      hint = 'Call fluxbase.await in a transaction of its own, read committed.';
  end if;

  loop
    -- Again and again: after a fail-over old places mean nothing.
    v_timeline := ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint;

    select array_agg(p.name order by p.name) into v_behind
    from fluxbase.proxies as p
    where p.live_until > clock_timestamp()
    and (p.timeline, p.confirmed_lsn >= await.mark) is distinct from (v_timeline, true);

    exit when v_behind is null or clock_timestamp() >= v_until;
    perform pg_sleep(0.005);
  end loop;

  return query
  select b.name
  from unnest(v_behind) as b (name);
end;
$$;

comment on function fluxbase.await(pg_lsn, interval) is
  'Waits until every live process has dealt with what was committed before the mark, which
fluxbase.mark gave, at most 5 seconds. Returns the names of those that have not: none, when all
have. One that lost touch counts until its lease ends; then it trusts nothing it remembers.
Raises 25001 in a transaction that has written something, or above read committed.';

revoke all on function fluxbase.await(pg_lsn, interval) from public;
grant execute on function fluxbase.await(pg_lsn, interval) to service_role;
