create or replace function idempotency.finish(
  scope text,
  key text,
  fence bigint,
  status integer default null,
  headers jsonb default null,
  body bytea default null
)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if idempotency.is_kept(finish.status, finish.headers) then
    update idempotency.keys as k
    set status = finish.status,
        headers = finish.headers,
        body = finish.body,
        leased_until = null
    where k.scope = finish.scope
    and k.key = finish.key
    and k.fence = finish.fence
    and k.status is null;
  else
    delete from idempotency.keys as k
    where k.scope = finish.scope
    and k.key = finish.key
    and k.fence = finish.fence
    and k.status is null;
  end if;
  return found;
end;
$$;

comment on function idempotency.finish(text, text, bigint, integer, jsonb, bytea) is
  'Keeps the answer to a request that holds a key by idempotency.lease, as idempotency.store does.
Without a status, the request has failed and gives the key back. False, and nothing is changed, if
another has taken the key over since.';

revoke all on function idempotency.finish(text, text, bigint, integer, jsonb, bytea) from public;
grant execute on function idempotency.finish(text, text, bigint, integer, jsonb, bytea)
  to authenticator, fluxbase_service;
