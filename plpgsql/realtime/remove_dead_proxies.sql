create or replace function realtime.remove_dead_proxies(at_most integer default 1000)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dead text[];
  v_members jsonb;
  v_told jsonb;
begin
  -- While the rows are locked, none of them comes back to life; one that another
  -- call works on is left to it.
  select array_agg(d.id) into v_dead
  from (
    select p.id
    from realtime.proxies as p
    where p.live_until < clock_timestamp()
    for update skip locked
  ) as d;

  if v_dead is null then
    return 0;
  end if;

  select coalesce(jsonb_agg(to_jsonb(m)), '[]') into v_members
  from (
    select p.channel, p.topic, p.private
    from realtime.presences as p
    where p.proxy = any (v_dead)
    limit remove_dead_proxies.at_most
  ) as m;

  perform realtime.lock_rooms(v_members, true);

  with removed as (
    delete from realtime.presences as p
    using jsonb_to_recordset(v_members) as m (channel text)
    where p.channel = m.channel
    returning p.*
  )
  select jsonb_agg(jsonb_build_object('topic', d.topic, 'private', d.private, 'key', d.key,
    'left', d.ref)) into v_told
  from removed as d;

  if v_told is not null then
    perform realtime.emit_presences(v_told);
  end if;

  delete from realtime.connections as c
  where c.proxy = any (v_dead);

  delete from realtime.proxies as p
  where p.id = any (v_dead)
  and not exists (select from realtime.presences as m where m.proxy = p.id);

  return coalesce(jsonb_array_length(v_told), 0);
end;
$$;

comment on function realtime.remove_dead_proxies(integer) is
  'Removes the connections of processes whose lease has ended, and at_most so many of their members,
of which it tells all others that they left. Returns how many; while it is at_most, more may be
left.';

revoke all on function realtime.remove_dead_proxies(integer) from public;
grant execute on function realtime.remove_dead_proxies(integer) to fluxbase_replication;
