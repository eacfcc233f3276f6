create or replace function realtime.keep_proxy(id text, name text, lease interval)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- What another does with the row of a dead process it does under a lock of it.
  update realtime.proxies as p
  set live_until = clock_timestamp() + keep_proxy.lease
  where p.id = keep_proxy.id
  and p.live_until >= clock_timestamp();

  if found then
    return true;
  end if;

  insert into realtime.proxies as p (id, name, live_until)
  values (keep_proxy.id, keep_proxy.name, clock_timestamp() + keep_proxy.lease)
  on conflict on constraint proxies_pkey do update
  set live_until = excluded.live_until;
  return false;
end;
$$;

comment on function realtime.keep_proxy(text, text, interval) is
  'Renews the lease of a process that holds connections, for lease from now on. False says that it
had none, because it is new, was taken for dead or the server crashed: then what it holds may be
missing from the tables, and it has to enter all of it again.';

revoke all on function realtime.keep_proxy(text, text, interval) from public;
grant execute on function realtime.keep_proxy(text, text, interval) to fluxbase_replication;
