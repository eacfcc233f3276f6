create or replace function ratelimit.take_many(
  keys text[],
  rates double precision[],
  bursts double precision[],
  costs bigint[] default null,
  partial boolean default false
)
  returns table (
    item integer,
    allowed boolean,
    granted bigint,
    remaining bigint,
    retry_after double precision,
    reset_after double precision
  )
  language plpgsql
  volatile
  security definer
  rows 100
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key text;
  v_cost bigint;
  -- In microseconds, as full_at: the time that one takes to come back, and all of them.
  v_unit double precision;
  v_capacity double precision;
  v_full_at timestamptz;
  v_wait double precision;
begin
  if cardinality(keys) is distinct from cardinality(rates)
  or cardinality(keys) is distinct from cardinality(bursts)
  or cardinality(keys) <> cardinality(costs)
  or cardinality(keys) is null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'keys, rates, bursts and costs must have the same length';
  end if;

  -- In the order of the keys, whatever that of the call: two calls that lock some of the same
  -- rows in two orders would wait for each other.
  for item, v_key, v_unit, v_capacity, v_cost in
    select
      i.nr, i.key, 1e6 / nullif(i.rate, 0), floor(i.burst * 1e6 / nullif(i.rate, 0)),
      coalesce(i.cost, 1)
    from unnest(keys, rates, bursts, costs) with ordinality as i (key, rate, burst, cost, nr)
    order by i.key collate "C", i.nr
  loop
    if v_key is null or v_cost < 0 or not coalesce(
      v_unit > 0 and v_unit < 'infinity' and v_capacity >= 0 and v_capacity < 1e18, false
    ) then
      raise exception using
        errcode = 'invalid_parameter_value',
        message = 'a key is null, or its rate, burst or cost is not a positive number';
    end if;

    -- The clock is read once the row is locked: who had to wait for it must not decide by the
    -- time before. How many fit is the greatest n with floor(n * unit) <= room.
    insert into ratelimit.states as s (key, full_at, granted)
    select
      v_key,
      clock_timestamp() + make_interval(secs => floor(n.fits * v_unit) / 1e6),
      n.fits
    from (
      select case
        when v_cost <= ceil((v_capacity + 1) / v_unit) - 1 then v_cost
        when partial then (ceil((v_capacity + 1) / v_unit) - 1)::bigint
        else 0
      end as fits
    ) as n
    on conflict on constraint states_pkey do update
    set (full_at, granted) = (
      select
        c.base + make_interval(secs => floor(n.fits * v_unit) / 1e6),
        n.fits
      from (
        select
          greatest(s.full_at, t.at) as base,
          ceil(
            (v_capacity - extract(epoch from greatest(s.full_at, t.at) - t.at) * 1e6 + 1) / v_unit
          ) - 1 as most
        from (select clock_timestamp() as at) as t
      ) as c
      cross join lateral (
        select case
          when v_cost <= c.most then v_cost
          when partial then greatest(c.most, 0)::bigint
          else 0
        end as fits
      ) as n
    )
    returning s.full_at, s.granted
    into v_full_at, granted;

    v_wait := greatest(extract(epoch from v_full_at - clock_timestamp()) * 1e6, 0);
    allowed := granted = v_cost;
    remaining := greatest(ceil((v_capacity - v_wait + 1) / v_unit) - 1, 0);
    retry_after := case
      when allowed then 0
      when partial then greatest(v_wait + floor(v_unit) - v_capacity, 0) / 1e6
      when floor(v_cost * v_unit) > v_capacity then 'infinity'
      else greatest(v_wait + floor(v_cost * v_unit) - v_capacity, 0) / 1e6
    end;
    reset_after := v_wait / 1e6;
    return next;
  end loop;
end;
$$;

comment on function ratelimit.take_many(
  text[], double precision[], double precision[], bigint[], boolean
) is
  'Takes from many budgets at once, of which a key may be named more than once: each as
ratelimit.take does, in the order of their keys, so that no two calls can wait for each other for
ever. partial takes what is there of a cost that is not covered. Returns for each item, by its place
from 1, whether all of the cost was covered, how much was taken, and what ratelimit.take tells.
Raises 22023 for a key that is null, a rate, burst or cost that can''t be, and arrays of different
lengths, 23514 for a key over 512 bytes.';

revoke all on function ratelimit.take_many(
  text[], double precision[], double precision[], bigint[], boolean
) from public;
grant execute on function ratelimit.take_many(
  text[], double precision[], double precision[], bigint[], boolean
) to service_role, authenticator;
