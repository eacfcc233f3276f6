create or replace function jobs.store_progress(worker uuid, progress jsonb)
  returns setof jobs.claimed
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
begin
  return query
  with told as (
    select distinct on (p.id) p.id, p.token, greatest(0, least(p.percent, 100)) as percent,
      left(p.message, 2000) as message, p.data, b.claimed_at
    from jsonb_to_recordset(store_progress.progress) as p (
      id bigint, token bigint, percent real, message text, data jsonb
    )
    left join lateral (
      select c.*
      from jobs.batches as c
      where c.token = p.token
      limit 1
    ) as b on b.worker = store_progress.worker and b.jobs @> p.id and not b.done @> p.id
    order by p.id, p.token desc
  ),
  marked as (
    update jobs.batches as b
    set special = true
    from told as t
    where b.token = t.token
    and t.claimed_at is not null
    and not b.special
  ),
  stored as (
    insert into jobs.progress as p (
      id, token, percent, message, data, started_at, updated_at, owner
    )
    select
      t.id, t.token, t.percent, t.message, t.data, t.claimed_at, clock_timestamp(), (
        select r.owner
        from jobs.ready as r
        where r.id = t.id
        order by r.xid desc
        limit 1
      )
    from told as t
    where t.claimed_at is not null
    on conflict on constraint progress_pkey do update
    set token = excluded.token,
        percent = excluded.percent,
        message = excluded.message,
        data = excluded.data,
        started_at = excluded.started_at,
        updated_at = excluded.updated_at
    where p.token <= excluded.token
  )
  select 'lost', t.id, t.token, null::text, null::jsonb, null::integer, null::integer, null::text,
    null::text, null::integer, null::timestamptz, null::jsonb
  from told as t
  where t.claimed_at is null;
end;
$$;

comment on function jobs.store_progress(uuid, jsonb) is
  'Stores how far jobs of a worker have come, as jobs.finish is told, and returns rows of the event
lost for those that are not its own any more.';

revoke all on function jobs.store_progress(uuid, jsonb) from public;
