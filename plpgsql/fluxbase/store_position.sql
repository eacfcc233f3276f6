create or replace function fluxbase.store_position(name text, fence bigint, "position" text)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- Once others see the place, the log before it goes: a crash must not take it back.
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'local', true);
  end if;

  update fluxbase.consumers as c
  set position = store_position.position,
      stored_at = now()
  where c.name = store_position.name
  and c.fence = store_position.fence;

  if not found then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('another process does the work of %s now', store_position.name);
  end if;
end;
$$;

comment on function fluxbase.store_position(text, bigint, text) is
  'Stores up to which position the work of a name is done. In the transaction of the work, and last
in it, because it locks the consumer: then each change is worked on exactly once. Raises 55000, so
that the work is undone, if another process has taken over.';

revoke all on function fluxbase.store_position(text, bigint, text) from public;
grant execute on function fluxbase.store_position(text, bigint, text)
  to fluxbase_replication, service_role;
