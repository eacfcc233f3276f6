create or replace function fluxbase.emit(kind text, data jsonb)
  returns pg_lsn
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_prefix constant text := 'fluxbase.' || emit.kind;
  -- The transaction's id makes the message worthless in any other transaction, so
  -- that who has seen one can't send it again.
  v_body constant text := jsonb_build_object('xid', pg_current_xact_id()::text, 'data', emit.data);
  v_key fluxbase.message_keys;
begin
  -- Decoding sees only what is flushed, which without this would take until the next
  -- round of the log's writer.
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'local', true);
  end if;

  select k.* into strict v_key
  from fluxbase.message_keys as k
  order by k.id desc
  limit 1;

  return pg_logical_emit_message(true, v_prefix, convert_to(
    encode(fluxbase.hmac(v_key.key, convert_to(v_prefix || e'\n' || v_body, 'UTF8')), 'hex')
      || ' ' || v_key.id || ' ' || v_body,
    'UTF8'
  ));
end;
$$;

comment on function fluxbase.emit(text, jsonb) is
  'Sends a message to every process that follows the changes of this database, if and when the
transaction commits. Its prefix is fluxbase.KIND; it reads MAC, key id and {"xid", "data"},
separated by blanks. MAC is HMAC-SHA-256, in hexadecimal, of prefix, newline and the last part.';

revoke all on function fluxbase.emit(text, jsonb) from public;
