create or replace function realtime.release_claims(proxy uuid, ids bigint[])
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from realtime.claim_set as c
  where c.id = any (release_claims.ids)
  and c.proxy = release_claims.proxy;
end;
$$;

comment on function realtime.release_claims(uuid, bigint[]) is
  'Forgets claims of a process that nobody listens with any more.';

revoke all on function realtime.release_claims(uuid, bigint[]) from public;
grant execute on function realtime.release_claims(uuid, bigint[]) to fluxbase_replication;
