select plan(4);

create table public.t (id integer primary key, a integer);

select is(realtime.is_followed('public.t'::regclass), false, 'a table that nobody wants');
alter publication fluxbase_system add table public.t (id);
select is(realtime.is_followed('public.t'::regclass), false, 'a part is not all');
alter publication fluxbase_system drop table public.t;
alter publication fluxbase_system add table public.t;
select is(realtime.is_followed('public.t'::regclass), true, 'by Fluxbase');
alter publication fluxbase_system drop table public.t;
select realtime.enable('public.t');
select is(realtime.is_followed('public.t'::regclass), true, 'for clients');

select * from finish();
