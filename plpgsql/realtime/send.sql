create or replace function realtime.send(
  payload jsonb,
  event text,
  topic text,
  private boolean default true
)
  returns void
  language plpgsql
  volatile
as $$
begin
  perform pg_catalog.set_config('realtime.topic', send.topic, true);
  insert into realtime.messages (topic, extension, event, payload, private)
  values (
    send.topic,
    'broadcast',
    coalesce(send.event, ''),
    send.payload,
    coalesce(send.private, true)
  );
end;
$$;

comment on function realtime.send(jsonb, text, text, boolean) is
  'Sends payload as an event to all who listen to the channel topic, if and when the transaction
commits. private chooses between those who joined it as a private channel and the others. Raises
42501 unless a policy on realtime.messages lets the caller insert.';

revoke all on function realtime.send(jsonb, text, text, boolean) from public;
grant execute on function realtime.send(jsonb, text, text, boolean)
  to anon, authenticated, service_role;
