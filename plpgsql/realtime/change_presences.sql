create or replace function realtime.change_presences(
  proxy text,
  name text,
  lease interval,
  max_members integer,
  changes jsonb
)
  returns table (kept boolean, refused text[])
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_told jsonb;
begin
  -- No member without a lease, else nobody would ever remove it.
  kept := realtime.keep_proxy(
    change_presences.proxy, change_presences.name, change_presences.lease
  );
  perform realtime.lock_rooms(change_presences.changes, true);

  with asked as materialized (
    select
      c.*,
      p.channel is not null as is_known,
      p.ref as old_ref,
      p.meta is distinct from c.meta as is_new
    from jsonb_to_recordset(change_presences.changes) as c (
      channel text, topic text, private boolean, key text, ref text, meta text
    )
    left join realtime.presences as p on p.channel = c.channel
  ),
  rooms as (
    select
      a.topic,
      a.private,
      (
        select count(*)
        from realtime.presences as p
        where p.topic = a.topic
        and p.private = a.private
      ) - count(*) filter (where a.is_known and a.meta is null) as members
    from asked as a
    group by a.topic, a.private
    having bool_or(not a.is_known)
  ),
  entered as (
    select
      a.*,
      r.members + row_number() over (partition by a.topic, a.private order by a.channel)
        > change_presences.max_members as is_refused
    from asked as a
    join rooms as r on r.topic = a.topic and r.private = a.private
    where a.meta is not null
    and not a.is_known
  ),
  added as (
    insert into realtime.presences (channel, proxy, topic, private, key, ref, meta)
    select e.channel, change_presences.proxy, e.topic, e.private, e.key, e.ref, e.meta
    from entered as e
    where not e.is_refused
    returning *
  ),
  changed as (
    update realtime.presences as p
    set ref = a.ref,
        meta = a.meta,
        since = now()
    from asked as a
    where p.channel = a.channel
    and a.meta is not null
    and a.is_new
    returning p.*, a.old_ref
  ),
  removed as (
    delete from realtime.presences as p
    using asked as a
    where p.channel = a.channel
    and a.meta is null
    returning p.*
  )
  select
    (
      select jsonb_agg(t.change)
      from (
        select jsonb_build_object('topic', d.topic, 'private', d.private, 'key', d.key,
          'ref', d.ref, 'meta', d.meta) as change
        from added as d
        union all
        select jsonb_build_object('topic', d.topic, 'private', d.private, 'key', d.key,
          'ref', d.ref, 'meta', d.meta, 'left', d.old_ref)
        from changed as d
        union all
        select jsonb_build_object('topic', d.topic, 'private', d.private, 'key', d.key,
          'left', d.ref)
        from removed as d
      ) as t
    ),
    (select coalesce(array_agg(e.channel), '{}') from entered as e where e.is_refused)
  into v_told, refused;

  if v_told is not null then
    perform realtime.emit_presences(v_told);
  end if;
  return next;
end;
$$;

comment on function realtime.change_presences(text, text, interval, integer, jsonb) is
  'Enters, changes and removes members of channels and tells all processes, for a process whose
lease it renews as realtime.keep_proxy does; kept is what that returned. changes is an array of
{channel, topic, private, key, ref, meta}, each channel once; without meta the member is removed.
A member that is there already with the same meta stays as it is, and nothing is told. refused are
the channels that did not get in because max_members are present in theirs.';

revoke all on function realtime.change_presences(text, text, interval, integer, jsonb) from public;
grant execute on function realtime.change_presences(text, text, interval, integer, jsonb)
  to fluxbase_replication;
