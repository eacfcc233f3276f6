-- 100,000 rows behind a policy that reads a claim, and a table to write to.
create role load_user nologin;
grant load_user to authenticator;
create schema api;
grant usage on schema api to load_user;

create table api.items (
  id bigint generated always as identity primary key,
  tenant integer not null,
  name text not null,
  price numeric(10, 2) not null,
  tags text[] not null,
  meta jsonb not null,
  created_at timestamptz not null default now()
);

insert into api.items (tenant, name, price, tags, meta)
select 1 + i % 2, 'item number ' || i, i / 20.0, array['red', 'tag' || i % 10],
  jsonb_build_object('weight', i, 'origin', 'plant ' || i % 50)
from generate_series(1, 100000) as i;

alter table api.items enable row level security;
create policy own_tenant on api.items
  for select to load_user
  using (tenant = (current_setting('request.jwt.claims', true)::json ->> 'tenant')::integer);

create table api.written (
  id bigint generated always as identity primary key,
  name text not null,
  price numeric(10, 2),
  tags text[],
  meta jsonb
);

create function api.price_of(id bigint)
  returns numeric
  language sql
  stable
as $$
  select i.price from api.items as i where i.id = price_of.id
$$;

grant select on api.items to load_user;
grant select, insert on api.written to load_user;
