create or replace function realtime.broadcast_changes(
  topic_name text,
  event_name text,
  operation text,
  table_name text,
  table_schema text,
  new record,
  old record,
  level text default 'ROW'
)
  returns void
  language plpgsql
  volatile
as $$
begin
  if broadcast_changes.level = 'STATEMENT' then
    raise exception using
      errcode = 'feature_not_supported',
      message = 'a statement has no row to broadcast',
      hint = 'Call realtime.broadcast_changes in a trigger for each row.';
  end if;

  perform realtime.send(
    pg_catalog.jsonb_build_object(
      'schema', broadcast_changes.table_schema,
      'table', broadcast_changes.table_name,
      'operation', broadcast_changes.operation,
      'record', pg_catalog.to_jsonb(broadcast_changes.new),
      'old_record', pg_catalog.to_jsonb(broadcast_changes.old)
    ),
    broadcast_changes.event_name,
    broadcast_changes.topic_name
  );
end;
$$;

comment on function realtime.broadcast_changes(
  text, text, text, text, text, record, record, text
) is
  'For row triggers: sends the change that the trigger was called for to a private channel, as
{schema, table, operation, record, old_record}. Raises 0A000 for statement triggers, and what
realtime.send raises.';

revoke all on function realtime.broadcast_changes(
  text, text, text, text, text, record, record, text
) from public;
grant execute on function realtime.broadcast_changes(
  text, text, text, text, text, record, record, text
) to anon, authenticated, service_role;
