create or replace function ratelimit.set_rule(
  name text,
  routes text,
  per text,
  rate double precision,
  period interval default '1 s',
  burst bigint default null,
  methods text[] default null,
  role regrole default null,
  strict boolean default false
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if left(set_rule.routes, 1) <> '/' and set_rule.routes <> all (array[
    'all', 'rest', 'rpc', 'realtime', 'auth', 'storage', 'functions', 'graphql', 'jobs', 'admin'
  ]) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('there is no class of routes %L', set_rule.routes),
      hint = 'Give all, rest, rpc, realtime, auth, storage, functions, graphql, jobs or admin, or '
        'a path such as /rest/v1/notes or /auth/v1/**.';
  end if;

  insert into ratelimit.rules as r (
    name, routes, per, rate, period, burst, methods, role, strict
  )
  values (
    set_rule.name, set_rule.routes, set_rule.per, set_rule.rate, set_rule.period,
    coalesce(set_rule.burst, ceil(set_rule.rate)::bigint), set_rule.methods, set_rule.role,
    set_rule.strict
  )
  on conflict on constraint rules_pkey do update
  set routes = excluded.routes,
      per = excluded.per,
      rate = excluded.rate,
      period = excluded.period,
      burst = excluded.burst,
      methods = excluded.methods,
      role = excluded.role,
      strict = excluded.strict,
      changed_at = now();
end;
$$;

comment on function ratelimit.set_rule(
  text, text, text, double precision, interval, bigint, text[], regrole, boolean
) is
  'Limits requests to rate in each period, and to burst (rate, if not given) at once: those to a
class of routes (all, rest, rpc, realtime, auth, storage, functions, graphql, jobs, admin) or to a
path, in which * stands for one part and ** for the rest; of given methods and of a database role,
if these are given. per says who shares one budget: ip (counted before anything else is looked at,
so that wrong tokens count too), user, key (a service key), caller (whoever it is: a key, a user, or
a role from one address), role, or all. strict is for what must be exact at each moment, such as
sign-in. What was set under the name before is replaced. Holds in every process from the commit on,
and within a second where no stream is followed. Raises 22023 for a class that does not exist, 42704
for a role that does not, 23514 for what else can''t be.';

revoke all on function ratelimit.set_rule(
  text, text, text, double precision, interval, bigint, text[], regrole, boolean
) from public;
grant execute on function ratelimit.set_rule(
  text, text, text, double precision, interval, bigint, text[], regrole, boolean
) to service_role;

drop policy if exists granted_may_read on ratelimit.rules;
create policy granted_may_read on ratelimit.rules
  for select
  using (true);
