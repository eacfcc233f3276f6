create or replace function realtime.change_connections(
  proxy text,
  name text,
  lease interval,
  in_all integer,
  per_user integer,
  per_ip integer,
  changes jsonb
)
  returns table (kept boolean, refused jsonb)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_change record;
  v_count bigint;
  v_reason text;
begin
  -- No connection without a lease, else it would count for ever.
  kept := realtime.keep_proxy(
    change_connections.proxy, change_connections.name, change_connections.lease
  );
  -- One caller counts at a time. To commit costs no flush: nothing here is logged.
  perform pg_advisory_xact_lock('realtime.connections'::regclass::oid::integer, 0);

  select
    coalesce(max(s.value::integer)
      filter (where s.name = 'realtime.max_connections'), in_all),
    coalesce(max(s.value::integer)
      filter (where s.name = 'realtime.max_connections_per_user'), per_user),
    coalesce(max(s.value::integer)
      filter (where s.name = 'realtime.max_connections_per_ip'), per_ip)
  into in_all, per_user, per_ip
  from fluxbase.settings as s;

  delete from realtime.connections as c
  using jsonb_to_recordset(change_connections.changes) as d (id text, closed boolean)
  where c.id = d.id
  and d.closed;

  select count(*) into v_count
  from realtime.connections as c;

  refused := '{}';
  for v_change in
    select
      d.*,
      exists (select from realtime.connections as c where c.id = d.id) as is_known
    from rows from (
      jsonb_to_recordset(change_connections.changes)
        as (id text, role text, user_id text, ip text, closed boolean, admitted boolean)
    ) with ordinality as d (id, role, user_id, ip, closed, admitted, place)
    where d.closed is not true
    order by d.place
  loop
    v_reason := case
      when v_change.admitted then null
      when not v_change.is_known and v_count >= in_all then 'max_connections'
      when v_change.role = 'service_role' then null
      when v_change.user_id is not null and per_user <= (
        select count(*)
        from realtime.connections as c
        where c.user_id = v_change.user_id
        and c.id <> v_change.id
      ) then 'max_connections_per_user'
      when v_change.user_id is null and per_ip <= (
        select count(*)
        from realtime.connections as c
        where c.ip = v_change.ip
        and c.user_id is null
        and c.role <> 'service_role'
        and c.id <> v_change.id
      ) then 'max_connections_per_ip'
    end;
    if v_reason is not null then
      refused := refused || jsonb_build_object(v_change.id, v_reason);
      continue;
    end if;

    insert into realtime.connections as c (id, proxy, role, user_id, ip)
    values (
      v_change.id, change_connections.proxy, v_change.role, v_change.user_id, v_change.ip
    )
    on conflict on constraint connections_pkey do update
    set role = excluded.role,
        user_id = excluded.user_id;
    v_count := v_count + (not v_change.is_known)::integer;
  end loop;
  return next;
end;
$$;

comment on function realtime.change_connections(
  text, text, interval, integer, integer, integer, jsonb
) is
  'Admits and releases connections of clients for a process whose lease it renews as
realtime.keep_proxy does; kept is what that returned. changes is an array of
{id, role, user_id, ip}, each connection once; with closed it is released, with admitted it was let
in before and is not refused, and one that is in may take another user. Limits are those of
fluxbase.settings, else the arguments: of all processes together, of a user, and of an address that
has shown no user; service_role counts in the first alone. refused tells for each connection that
did not get in which limit it met.';

revoke all on function realtime.change_connections(
  text, text, interval, integer, integer, integer, jsonb
) from public;
grant execute on function realtime.change_connections(
  text, text, interval, integer, integer, integer, jsonb
) to fluxbase_replication;
