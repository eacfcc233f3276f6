create or replace function realtime.emit_presences(changes jsonb)
  returns pg_lsn
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select fluxbase.emit('presence', jsonb_build_object(
    -- By it a process knows whether the members it has read show this already.
    'xid', pg_current_xact_id()::text,
    'changes', emit_presences.changes
  ))
$$;

comment on function realtime.emit_presences(jsonb) is
  'Tells all processes who came and went: an array of {topic, private, key, ref and meta of a new
member, left (the ref of one that is gone, or that it replaces)}.';

revoke all on function realtime.emit_presences(jsonb) from public;
