create or replace function realtime.lock_rooms(rooms jsonb, exclusively boolean)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- Nobody else has a reason to lock under the number of this table.
  v_class constant integer := 'realtime.presences'::regclass::oid::integer;
  v_room integer;
begin
  -- In one order, so that two callers never wait for each other.
  for v_room in
    select distinct hashtext(r.private || r.topic)
    from jsonb_to_recordset(lock_rooms.rooms) as r (topic text, private boolean)
    order by 1
  loop
    if lock_rooms.exclusively then
      perform pg_advisory_xact_lock(v_class, v_room);
    else
      perform pg_advisory_xact_lock_shared(v_class, v_room);
    end if;
  end loop;
end;
$$;

comment on function realtime.lock_rooms(jsonb, boolean) is
  'Locks channels, an array of {topic, private}, until the transaction ends: exclusively to change
who is present in them, else to read it. The lock of a writer outlives the moment from which others
see what it has done, so a reader who had to wait misses nothing.';

revoke all on function realtime.lock_rooms(jsonb, boolean) from public;
