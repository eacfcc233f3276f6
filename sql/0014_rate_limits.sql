create schema ratelimit authorization fluxbase_admin;

comment on schema ratelimit is
  'Fluxbase: how many requests are answered, of whom, and how many came.';

-- Their functions are granted one by one. The login counts requests before they are anyone's.
grant usage on schema ratelimit to service_role, authenticator;

set local role fluxbase_admin;

create table ratelimit.rules (
  name text primary key,
  routes text not null,
  per text not null,
  rate double precision not null,
  period interval not null,
  burst bigint not null,
  methods text[],
  role regrole,
  strict boolean not null,
  changed_at timestamptz not null default now(),
  -- It stands in headers and names metrics.
  constraint name_is_short_and_plain check (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
  constraint routes_are_a_class_or_a_path check (
    routes ~ '^([a-z]+|/[^[:space:]?#]*)$' and length(routes) <= 1000
  ),
  constraint per_is_known check (per in ('ip', 'user', 'key', 'caller', 'role', 'all')),
  constraint rate_is_positive check (rate > 0 and rate < 'infinity'),
  constraint period_is_1_ms_to_366_days check (
    period between interval '1 ms' and interval '366 days'
  ),
  constraint burst_is_1_to_a_billion check (burst between 1 and 1000000000),
  constraint methods_are_known check (
    methods <@ array['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY']
  )
);

comment on table ratelimit.rules is
  'How many requests are answered: every rule that a request fits holds. ratelimit.set_rule sets
one. Published in fluxbase_system, so that each process hears of it.';
comment on column ratelimit.rules.name is
  'Names it in headers of answers, in metrics and in the keys of ratelimit.states.';
comment on column ratelimit.rules.routes is
  'The class of routes, such as rest, rpc or all; or a path with * for a part and ** for the rest.';
comment on column ratelimit.rules.per is
  'Who shares one budget: an address (ip), a user, a service key, a caller of any kind, all of a
role, or all.';
comment on column ratelimit.rules.rate is
  'Requests in each period.';
comment on column ratelimit.rules.period is
  'Time for which rate is given.';
comment on column ratelimit.rules.burst is
  'Most requests at once, after a pause.';
comment on column ratelimit.rules.methods is
  'The methods that it counts; null: all but OPTIONS.';
comment on column ratelimit.rules.role is
  'The database role whose requests it counts; null: those of every role.';
comment on column ratelimit.rules.strict is
  'Whether it is exact at each moment, and closed when the counts cannot be reached.';
comment on column ratelimit.rules.changed_at is
  'When it was set.';

-- Its policy lets whoever has the grant read.
alter table ratelimit.rules enable row level security;
grant select on ratelimit.rules to service_role, authenticator;

-- Unlogged: after a crash every budget is full again, which harms nobody, and to write each
-- request to the log would cost more than the request. Half of each page is free and full_at has
-- no index, so that an update is made within the page.
create unlogged table ratelimit.states (
  key text primary key,
  full_at timestamptz not null,
  granted bigint not null,
  constraint key_is_short check (octet_length(key) <= 512)
)
with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.05
);

comment on table ratelimit.states is
  'The budgets that are not full, by the generic cell rate algorithm. One that is missing is full.';
comment on column ratelimit.states.key is
  'Whose: the rule, and who shares it; or what ratelimit.take was called with.';
comment on column ratelimit.states.full_at is
  'When it is full again, if nothing more is taken.';
comment on column ratelimit.states.granted is
  'How much the last call got.';

-- No policy: only security definer functions of ours use this table.
alter table ratelimit.states enable row level security;

---- create above / drop below ----

drop schema ratelimit cascade;
