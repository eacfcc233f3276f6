select plan(5);

create table public.notes (id integer primary key);
create table public.whole (id integer primary key) partition by range (id);
create table public.part partition of public.whole for values from (0) to (10);

select is(realtime.is_enabled('public.notes'::regclass), false, 'a table is not enabled by itself');
select realtime.enable('public.notes');
select realtime.enable('public.whole');
select is(realtime.is_enabled('public.notes'::regclass), true, 'once it is enabled');
select is(realtime.is_enabled('public.part'::regclass), true, 'with the whole its partitions are');
alter publication fluxbase_system add table public.part;
select realtime.disable('public.whole');
select is(
  realtime.is_enabled('public.part'::regclass), false, 'what Fluxbase follows for itself is not'
);
select is(realtime.is_enabled(1), false, 'nor is what does not exist');

select * from finish();
