set local role fluxbase_admin;

create table fluxbase.guards (
  id bigint primary key generated always as identity,
  role regrole,
  relation regclass,
  operators text[],
  filterable text[],
  orderable text[],
  embed_depth bigint,
  embed_breadth bigint,
  max_rows bigint,
  statement_timeout interval,
  max_cost double precision,
  changed_at timestamptz not null default now(),
  constraint one_guard_for_each unique nulls not distinct (role, relation),
  constraint operators_are_known check (
    operators <@ array[
      'eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'match', 'imatch', 'in', 'is',
      'isdistinct', 'cs', 'cd', 'ov', 'sl', 'sr', 'nxr', 'nxl', 'adj', 'fts', 'plfts', 'phfts',
      'wfts'
    ]
  ),
  constraint bounds_are_not_negative check (
    embed_depth >= 0 and embed_breadth >= 0 and max_rows >= 0
  ),
  constraint statement_timeout_is_1_ms_to_1_day check (
    statement_timeout between interval '1 ms' and interval '1 day'
  ),
  constraint max_cost_is_positive check (max_cost > 0 and max_cost < 'infinity')
);

comment on table fluxbase.guards is
  'What requests of the REST API may ask for, by role and relation; fluxbase.set_guard sets one.
Of each limit the guard for role and relation counts, else that for the relation, else that for the
role, else that for all.';
comment on column fluxbase.guards.role is
  'Whose requests; null: those of every role.';
comment on column fluxbase.guards.relation is
  'The table or view, wherever in a request it stands; null: every one, and functions.';
comment on column fluxbase.guards.operators is
  'The operators of filters that are allowed; here and below null says nothing.';
comment on column fluxbase.guards.filterable is
  'The columns that may be filtered by.';
comment on column fluxbase.guards.orderable is
  'The columns that may be ordered by.';
comment on column fluxbase.guards.embed_depth is
  'Most levels of embeds below the relation; 0 lets nothing be embedded in it.';
comment on column fluxbase.guards.embed_breadth is
  'Most embeds side by side in the relation.';
comment on column fluxbase.guards.max_rows is
  'Most rows of a read or of an embed, which are cut off, and of one write, which is undone.';
comment on column fluxbase.guards.statement_timeout is
  'Longest time of the statement.';
comment on column fluxbase.guards.max_cost is
  'Highest cost of the whole statement, in the units in which Postgres estimates it.';
comment on column fluxbase.guards.changed_at is
  'When it was set.';

-- Its policy lets whoever has the grant read. authenticator reads it with the schema.
alter table fluxbase.guards enable row level security;
grant select on fluxbase.guards to service_role, authenticator;
grant usage on schema fluxbase to authenticator;

---- create above / drop below ----

set local role fluxbase_admin;

drop function if exists fluxbase.set_guard(
  regrole, regclass, text[], text[], text[], bigint, bigint, bigint, interval, double precision
);
drop function if exists fluxbase.drop_guard(regrole, regclass);
drop function if exists fluxbase.announce_guards();
revoke usage on schema fluxbase from authenticator;
drop table fluxbase.guards;
