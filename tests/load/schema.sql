-- 100,000 items with a category and ten reviews each, the same behind a policy
-- that reads a claim, and a table to write to.
create role load_user nologin;
grant load_user to authenticator;
create schema api;
grant usage on schema api to load_user;

create table api.categories (id integer primary key, name text not null);
insert into api.categories select i, 'category ' || i from generate_series(1, 100) as i;

create table api.items (
  id bigint generated always as identity primary key,
  category_id integer not null references api.categories (id),
  tenant integer not null,
  name text not null,
  price numeric(10, 2) not null,
  tags text[] not null,
  meta jsonb not null,
  created_at timestamptz not null default now()
);
insert into api.items (category_id, tenant, name, price, tags, meta)
select 1 + i % 100, 1 + i % 2, 'item number ' || i, i / 20.0, array['red', 'tag' || i % 10],
  jsonb_build_object('weight', i, 'origin', 'plant ' || i % 50)
from generate_series(1, 100000) as i;

create table api.reviews (
  id bigint generated always as identity primary key,
  item_id bigint not null references api.items (id),
  rating integer not null,
  body text not null,
  created_at timestamptz not null default now()
);
insert into api.reviews (item_id, rating, body)
select i, 1 + (i + r) % 5, 'review ' || r || ' of item ' || i || ': works as it says'
from generate_series(1, 100000) as i, generate_series(1, 10) as r;
create index on api.reviews (item_id);

create table api.items_of_tenants (like api.items including all);
insert into api.items_of_tenants overriding system value select * from api.items;
alter table api.items_of_tenants enable row level security;
create policy own_tenant on api.items_of_tenants
  for select to load_user
  using (tenant = (current_setting('request.jwt.claims', true)::json ->> 'tenant')::integer);

create table api.written (
  id bigint generated always as identity primary key,
  name text not null,
  price numeric(10, 2),
  tags text[],
  meta jsonb
);

-- What the bulk insert sends, for pgbench.
create table api.body (rows json);
insert into api.body
select json_agg(json_build_object(
  'name', 'item ' || i, 'price', i + 0.5, 'tags', json_build_array('red', 'bulk'), 'meta', json_build_object('weight', i)))
from generate_series(1, 1000) as i;

create function api.price_of(id bigint)
  returns numeric
  language sql
  stable
as $$
  select i.price from api.items as i where i.id = price_of.id
$$;

grant select on all tables in schema api to load_user;
grant insert on api.written to load_user;
