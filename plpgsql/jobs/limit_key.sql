create or replace function jobs.limit_key(
  key text,
  concurrency integer default null,
  rate double precision default null,
  burst double precision default null,
  namespace text default 'default'
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if concurrency is null and rate is null then
    delete from jobs.limits as l
    where l.namespace = limit_key.namespace
    and l.key = limit_key.key;
  else
    insert into jobs.limits as l (namespace, key, concurrency, rate, burst)
    values (
      limit_key.namespace, limit_key.key, limit_key.concurrency, limit_key.rate,
      case when limit_key.rate is not null then coalesce(limit_key.burst, 1) end
    )
    on conflict on constraint limits_pkey do update
    set concurrency = excluded.concurrency,
        rate = excluded.rate,
        burst = excluded.burst;
  end if;

  -- A higher limit may make it somebody's turn.
  insert into jobs.knocks (namespace, key, at)
  select b.namespace, b.key, clock_timestamp()
  from jobs.blocked as b
  where b.namespace = limit_key.namespace
  and (
    b.key = limit_key.key
    or (limit_key.key like '%*' and starts_with(b.key, left(limit_key.key, -1)))
  )
  group by b.namespace, b.key;
end;
$$;

comment on function jobs.limit_key(text, integer, double precision, double precision, text) is
  'Sets how many jobs of a concurrency key run at once (null: any number), how many begin in a
second (null: any number) and how many at once after a pause (null: one). A key that ends in *
means all that begin so; the longest that fits counts. With neither, the limit is taken away: one
job at a time. What runs already goes on. Raises 23514 for limits that are not positive.';

revoke all on function jobs.limit_key(text, integer, double precision, double precision, text)
  from public;
grant execute on function jobs.limit_key(text, integer, double precision, double precision, text)
  to service_role;
