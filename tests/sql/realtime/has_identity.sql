select plan(8);

create table public.keyed (id integer primary key, code text not null, note text);
create table public.bare (id integer);
create table public.deferred (id integer primary key deferrable);
create unique index keyed_code_idx on public.keyed (code);

select ok(realtime.has_identity('public.keyed'), 'a primary key is one');
select ok(not realtime.has_identity('public.bare'), 'no key is none');
select ok(not realtime.has_identity('public.deferred'), 'a deferrable key is none to Postgres');

alter table public.bare replica identity full;
select ok(realtime.has_identity('public.bare'), 'the full row is one');

alter table public.keyed replica identity nothing;
select ok(not realtime.has_identity('public.keyed'), 'nothing is none');

alter table public.keyed replica identity using index keyed_code_idx;
select ok(realtime.has_identity('public.keyed'), 'a chosen index is one');

drop index public.keyed_code_idx;
select ok(not realtime.has_identity('public.keyed'), 'until it is dropped');

set local role authenticated;

select throws_ok(
  $$ select realtime.has_identity('public.bare') $$,
  '42501', null,
  'a user may not ask'
);

select * from finish();
