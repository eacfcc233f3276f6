create or replace function ratelimit.take(
  key text,
  rate double precision,
  burst double precision,
  cost integer default 1
)
  returns table (
    allowed boolean,
    remaining bigint,
    retry_after double precision,
    reset_after double precision
  )
  language sql
  volatile
  security definer
  rows 1
  set search_path = pg_catalog, pg_temp
as $$
  select t.allowed, t.remaining, t.retry_after, t.reset_after
  from ratelimit.take_many(
    array[take.key], array[take.rate], array[take.burst], array[take.cost::bigint]
  ) as t
$$;

comment on function ratelimit.take(text, double precision, double precision, integer) is
  'Takes cost from the budget of a key, of which rate come back each second, up to burst. Returns
whether it was there, how much is left, and in how many seconds that much will be there (0 when it
was, infinity when it is more than burst) and the budget will be full. Nothing is taken when it was
not there. Exact to the microsecond, whoever else takes meanwhile. The budgets are full after a
crash of the database. Raises as ratelimit.take_many does.';

revoke all on function ratelimit.take(text, double precision, double precision, integer)
  from public;
grant execute on function ratelimit.take(text, double precision, double precision, integer)
  to service_role, authenticator;
