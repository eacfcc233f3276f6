-- No search_path of its own: functions in the application's policies find what they
-- find in a request. Not security definer either, because it becomes the caller.
create or replace function realtime.authorize(topic text, role text, claims text)
  returns table (
    read_broadcast boolean,
    write_broadcast boolean,
    read_presence boolean,
    write_presence boolean
  )
  language plpgsql
  volatile
as $$
begin
  perform realtime.insert_probes(authorize.topic);
  perform
    pg_catalog.set_config('realtime.topic', authorize.topic, true),
    pg_catalog.set_config('request.jwt.claims', authorize.claims, true),
    pg_catalog.set_config('role', authorize.role, true);

  begin
    select
      coalesce(pg_catalog.bool_or(m.extension operator(pg_catalog.=) 'broadcast'), false),
      coalesce(pg_catalog.bool_or(m.extension operator(pg_catalog.=) 'presence'), false)
    into read_broadcast, read_presence
    from realtime.messages as m
    where m.topic operator(pg_catalog.=) authorize.topic;
  exception
    when insufficient_privilege then
      read_broadcast := false;
      read_presence := false;
  end;

  begin
    insert into realtime.messages (topic, extension)
    values (authorize.topic, 'broadcast');
    write_broadcast := true;
  exception
    when insufficient_privilege then
      write_broadcast := false;
  end;

  begin
    insert into realtime.messages (topic, extension)
    values (authorize.topic, 'presence');
    write_presence := true;
  exception
    when insufficient_privilege then
      write_presence := false;
  end;

  return next;
end;
$$;

comment on function realtime.authorize(text, text, text) is
  'What a role with the claims of a token may do in a private channel, by the policies on
realtime.messages. It leaves the role set and probe rows behind: call it in a transaction that is
rolled back. Raises what a policy raises.';

revoke all on function realtime.authorize(text, text, text) from public;
grant execute on function realtime.authorize(text, text, text)
  to authenticator, fluxbase_service;
