create or replace function auth.begin_attempt(
  account text,
  address inet,
  kind text default 'password'
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_pause constant integer := auth.setting('attempts_pause')::integer;
  v_kinds text[];
  v_keys text[];
  v_free integer[];
  v_longest integer[];
  v_locked integer;
  v_blocked_until timestamptz;
  v_now timestamptz;
begin
  -- Locked in the order of their kinds, here and in auth.clear_attempts, so that no two can wait
  -- for each other.
  select array_agg(c.counter order by c.counter), array_agg(c.key order by c.counter),
    array_agg(c.free order by c.counter), array_agg(c.longest order by c.counter)
  into v_kinds, v_keys, v_free, v_longest
  from auth.attempt_counters(
    begin_attempt.account, begin_attempt.address, begin_attempt.kind
  ) as c;

  loop
    insert into auth.attempts (kind, key)
    select c.kind, c.key
    from unnest(v_kinds, v_keys) as c (kind, key)
    on conflict do nothing;

    select count(*), max(l.blocked_until) into v_locked, v_blocked_until
    from (
      select a.blocked_until
      from auth.attempts as a
      join unnest(v_kinds, v_keys) as c (kind, key) on a.kind = c.kind and a.key = c.key
      order by a.kind
      for update of a
    ) as l;
    -- Fewer if one was deleted in between.
    exit when v_locked = cardinality(v_kinds);
  end loop;

  -- now() is when this began to wait.
  v_now := clock_timestamp();
  if v_blocked_until > v_now then
    return jsonb_build_object(
      'error', 'over_request_rate_limit',
      'retry_after', ceil(extract(epoch from v_blocked_until - v_now))
    );
  end if;

  update auth.attempts as a
  set failures = n.failures,
      first_failed_at = case n.failures when 1 then v_now else a.first_failed_at end,
      last_failed_at = v_now,
      blocked_until = case
        when n.failures >= n.free
        then v_now
          + make_interval(secs => least(v_pause * 2 ^ least(n.failures - n.free, 30), n.longest))
      end
  from (
    select b.kind, b.key, c.free, c.longest,
      case
        when b.last_failed_at < v_now - interval '1 day' then 1
        -- Many share an address, so that there is always one who fails: each hour is for itself.
        when b.kind = begin_attempt.kind || '_address'
          and b.first_failed_at < v_now - interval '1 hour' then 1
        else b.failures + 1
      end as failures
    from unnest(v_kinds, v_keys, v_free, v_longest) as c (kind, key, free, longest)
    join auth.attempts as b on b.kind = c.kind and b.key = c.key
  ) as n
  where a.kind = n.kind
  and a.key = n.key;
  return null;
end;
$$;

comment on function auth.begin_attempt(text, inet, text) is
  'Counts an attempt of someone at an address (null if not known) to show that an account is theirs,
before anything is checked, so that many at once get no more tries than one after the other. account
is what names it: the id of the user, or what was typed where there is none; only its SHA-256 is
kept. kind is what is tried: each has its own counts. Returns null, or, when there were too many
failures, {"error": "over_request_rate_limit", "retry_after": seconds}; that is not counted. Call it
in a transaction of its own, and auth.clear_attempts when the attempt was right. An account that was
signed in to from this address before (or this /64) has a count of its own there, which nobody
elsewhere can raise.';

revoke all on function auth.begin_attempt(text, inet, text) from public;
grant execute on function auth.begin_attempt(text, inet, text) to service_role;
