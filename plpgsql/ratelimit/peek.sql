create or replace function ratelimit.peek(
  key text,
  rate double precision,
  burst double precision
)
  returns table (remaining bigint, reset_after double precision)
  language sql
  volatile
  security definer
  rows 1
  set search_path = pg_catalog, pg_temp
as $$
  select
    greatest(ceil((floor(peek.burst * 1e6 / peek.rate) - w.micros + 1) * peek.rate / 1e6) - 1, 0),
    w.micros / 1e6
  from (
    select coalesce(
      (
        select greatest(extract(epoch from s.full_at - clock_timestamp()) * 1e6, 0)
        from ratelimit.states as s
        where s.key = peek.key
      ),
      0
    )::double precision as micros
  ) as w
$$;

comment on function ratelimit.peek(text, double precision, double precision) is
  'Returns how much is left in the budget of a key, of which rate come back each second, up to
burst, and in how many seconds it is full; takes nothing. Of a rule the key is its name, a colon and
who shares it: ip:203.0.113.7, user:SUBJECT, key:ID, role:ROLE, all, or for any caller user:SUBJECT,
key:ID or ROLE@ADDRESS.';

revoke all on function ratelimit.peek(text, double precision, double precision) from public;
grant execute on function ratelimit.peek(text, double precision, double precision) to service_role;
