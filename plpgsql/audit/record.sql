create or replace function audit.record(action text, target text, details jsonb default '{}')
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into audit.events (actor, action, target, origin, request_id, details)
  select
    audit.actor(),
    record.action,
    -- The index takes no more.
    left(record.target, 500),
    -- Of a request the session's address is that of the process which took it.
    case
      when r.id is null then inet_client_addr()
      else nullif(current_setting('request.address', true), '')::inet
    end,
    r.id,
    coalesce(record.details, '{}')
  from (select nullif(current_setting('request.id', true), '') as id) as r;
end;
$$;

comment on function audit.record(text, text, jsonb) is
  'Adds an event to audit.events in the transaction of what it tells of: what was done, to what, and
more. Who did it, from where and in which request come from the settings request.jwt.claims,
request.address and request.id. For functions of ours.';

revoke all on function audit.record(text, text, jsonb) from public;
