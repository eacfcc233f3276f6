select plan(6);

create role owning;
create role member;
grant owning to member;
create table public.t (id integer);
alter table public.t owner to owning;

create function pg_temp.passes(role text) returns boolean
language sql as $$ select realtime.passes_policies('public.t'::regclass, role::regrole) $$;

select is(pg_temp.passes('anon'), true, 'without row level security there are none');
alter table public.t enable row level security;
select is(pg_temp.passes('anon'), false, 'with it there are');
select is(pg_temp.passes('member'), true, 'not for the owner and whoever has its rights');
alter table public.t force row level security;
select is(pg_temp.passes('owning'), false, 'unless it is forced');
select is(pg_temp.passes('service_role'), true, 'nor for who may pass them');
select is(pg_temp.passes('postgres'), true, 'nor for a superuser');

select * from finish();
