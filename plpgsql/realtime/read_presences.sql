create or replace function realtime.read_presences(rooms jsonb)
  returns table (snapshot pg_snapshot, members jsonb)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- A commit is streamed a moment before it is seen. Who has heard of it and asks
  -- here waits for that moment, and the next statement takes a new snapshot.
  perform realtime.lock_rooms(read_presences.rooms, false);

  return query
  select
    pg_current_snapshot(),
    (
      select coalesce(jsonb_agg(jsonb_build_object('topic', p.topic, 'private', p.private,
        'key', p.key, 'ref', p.ref, 'meta', p.meta)), '[]')
      from (
        select distinct r.topic, r.private
        from jsonb_to_recordset(read_presences.rooms) as r (topic text, private boolean)
      ) as r
      join realtime.presences as p on p.topic = r.topic and p.private = r.private
    );
end;
$$;

comment on function realtime.read_presences(jsonb) is
  'The members of channels, an array of {topic, private}, as an array of {topic, private, key, ref,
meta}, and the snapshot that shows them. Of the messages of realtime.emit_presences, those whose xid
is visible in it are in the answer, and all others come after it. To be called read committed.';

revoke all on function realtime.read_presences(jsonb) from public;
grant execute on function realtime.read_presences(jsonb) to fluxbase_replication;
