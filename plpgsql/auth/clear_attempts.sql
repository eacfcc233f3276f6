create or replace function auth.clear_attempts(
  account text,
  address inet,
  kind text default 'password',
  was_right boolean default true
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_here constant text := clear_attempts.kind || '_here';
  v_counted record;
begin
  -- In the order in which auth.begin_attempt locks them.
  for v_counted in
    select c.counter, c.key
    from auth.attempt_counters(
      clear_attempts.account, clear_attempts.address, clear_attempts.kind
    ) as c
    order by c.counter
  loop
    -- At the account and the address only this attempt is given back: who knows one password gets
    -- no new tries at others, and strangers get none because the owner came in.
    update auth.attempts as a
    set failures = case
          when clear_attempts.was_right and a.kind = v_here then 0
          else greatest(a.failures - 1, 0)
        end,
        blocked_until = null
    where a.kind = v_counted.counter
    and a.key = v_counted.key;

    if clear_attempts.was_right and v_counted.counter = v_here
      and clear_attempts.address is not null
    then
      insert into auth.known_addresses as k (account, network)
      values (split_part(v_counted.key, ' ', 1), split_part(v_counted.key, ' ', 2))
      on conflict on constraint known_addresses_pkey do update
      set signed_in_at = excluded.signed_in_at
      -- Once a day is often enough.
      where k.signed_in_at < excluded.signed_in_at - interval '1 day';
    end if;
  end loop;
end;
$$;

comment on function auth.clear_attempts(text, inet, text, boolean) is
  'Takes back what auth.begin_attempt counted, with the same arguments, when the attempt was right:
all failures of this address at this account, and of the others this attempt. From then on the
address (or its /64) is known to be one of the account, until 180 days after the last time. With
was_right false only this attempt is taken back, since nothing could be checked.';

revoke all on function auth.clear_attempts(text, inet, text, boolean) from public;
grant execute on function auth.clear_attempts(text, inet, text, boolean) to service_role;
