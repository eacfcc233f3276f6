create or replace function jobs.list_limits(
  namespace text default null,
  after text default null,
  most integer default 100
)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
as $$
  with page as (
    select l.*, concat(l.namespace, ' ', l.key) as place
    from jobs.limits as l
    where (list_limits.namespace is null or l.namespace = list_limits.namespace)
    and (
      list_limits.after is null
      or (l.namespace, l.key) > (
        split_part(list_limits.after, ' ', 1),
        substr(list_limits.after, length(split_part(list_limits.after, ' ', 1)) + 2)
      )
    )
    order by l.namespace, l.key
    limit least(greatest(list_limits.most, 1), 1000)
  ),
  used as materialized (
    select
      u.namespace, u.key, count(*) filter (where u.runs) as running,
      count(*) filter (where not u.runs) as blocked
    from (
      (select s.namespace, s.key, true as runs from jobs.slots as s order by s.id limit 10000)
      union all
      (select b.namespace, b.key, false from jobs.blocked as b order by b.id limit 10000)
    ) as u
    group by u.namespace, u.key
  )
  select jsonb_build_object(
    'limits', coalesce(jsonb_agg(
      jsonb_build_object(
        'namespace', p.namespace, 'key', p.key, 'concurrency', p.concurrency, 'rate', p.rate,
        'burst', p.burst, 'running', n.running, 'blocked', n.blocked
      )
      order by p.namespace, p.key
    ), '[]'),
    'next', case
      when count(*) = least(greatest(list_limits.most, 1), 1000)
      then (array_agg(p.place order by p.namespace desc, p.key desc))[1]
    end
  )
  from page as p
  cross join lateral (
    select coalesce(sum(u.running), 0) as running, coalesce(sum(u.blocked), 0) as blocked
    from used as u
    where u.namespace = p.namespace
    and starts_with(u.key, left(p.key, -1))
    having p.key like '%*'
    union all
    select count(*) filter (where u.runs), count(*) filter (where not u.runs)
    from (
      (
        select true as runs
        from jobs.slots as s
        where s.namespace = p.namespace
        and s.key = p.key
        limit 10000
      )
      union all
      (
        select false
        from jobs.blocked as b
        where b.namespace = p.namespace
        and b.key = p.key
        limit 10000
      )
    ) as u
    having p.key not like '%*'
  ) as n;
$$;

comment on function jobs.list_limits(text, text, integer) is
  'The limits of concurrency keys, and their use: how many jobs have their turn, and how many wait
for it, counted up to 10,000: of a key that ends in * among the first 10,000 of all. Returns
{"limits", "next"}: next, given as after, is the next page of at most so many and 1000, and null at
the end.';

revoke all on function jobs.list_limits(text, text, integer) from public;
grant execute on function jobs.list_limits(text, text, integer) to service_role;
