set local role fluxbase_admin;

alter table auth.one_time_tokens
  -- squawk-ignore prefer-bigint-over-int
  add column guesses integer not null default 0;

comment on column auth.one_time_tokens.guesses is
  'How many codes were tried for it, counted before they are compared.';

-- squawk-ignore require-concurrent-index-creation
create index one_time_tokens_relates_to_idx on auth.one_time_tokens (relates_to);

---- create above / drop below ----

set local role fluxbase_admin;

drop index auth.one_time_tokens_relates_to_idx;

alter table auth.one_time_tokens
  drop column guesses;
