select plan(2);

create collation public.no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create table public.things (
  id bigint,
  name text,
  city text collate public.no_case,
  gone text collate public.no_case,
  code text collate "C"
);
alter table public.things drop column gone;

select is(
  realtime.loose_columns('public.things'::regclass), array['city'], 'those of a loose collation'
);

set local role authenticated;
select throws_ok(
  $$ select realtime.loose_columns('public.things'::regclass) $$,
  '42501', null,
  'a user may not call it'
);

select * from finish();
