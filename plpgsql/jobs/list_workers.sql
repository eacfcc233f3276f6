create or replace function jobs.list_workers(after uuid default null, most integer default 100)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
  with page as (
    select w.*
    from jobs.workers as w
    where list_workers.after is null
    or w.id > list_workers.after
    order by w.id
    limit least(greatest(list_workers.most, 1), 1000)
  )
  select jsonb_build_object(
    'workers', coalesce(jsonb_agg(
      jsonb_build_object(
        'id', p.id, 'name', p.name, 'started_at', p.started_at, 'draining_at', p.draining_at,
        'lease_seconds', extract(epoch from p.lease), 'is_live', p.live_until >= clock_timestamp(),
        'running', coalesce(h.jobs, 0), 'kinds', coalesce(h.kinds, '[]'), 'oldest_at', h.oldest_at
      )
      order by p.id
    ), '[]'),
    'next', case
      when count(*) = least(greatest(list_workers.most, 1), 1000)
      then (array_agg(p.id order by p.id desc))[1]
    end
  )
  from page as p
  left join lateral (
    select
      sum(b.size - coalesce(e.ended, 0)) as jobs, min(b.claimed_at) as oldest_at,
      to_jsonb((array_agg(distinct b.kind))[:20]) as kinds
    from jobs.batches as b
    cross join lateral (
      select sum(upper(r.ids) - lower(r.ids)) as ended
      from unnest(b.done) as r (ids)
    ) as e
    where b.worker = p.id
  ) as h on true;
$$;

comment on function jobs.list_workers(uuid, integer) is
  'Who works on jobs, and how many each has, of which kinds (the first 20), the oldest claimed when.
Returns {"workers", "next"}: next, given as after, is the next page of at most so many and 1000, and
null at the end.';

revoke all on function jobs.list_workers(uuid, integer) from public;
grant execute on function jobs.list_workers(uuid, integer) to service_role;
