select plan(3);

create temp table said as
select col_description('fluxbase.guards'::regclass, a.attnum) as comment
from pg_attribute as a
where a.attrelid = 'fluxbase.guards'::regclass
and a.attname = 'changed_at';

select fluxbase.announce_guards();
select isnt(
  (
    select col_description('fluxbase.guards'::regclass, a.attnum)
    from pg_attribute as a
    where a.attrelid = 'fluxbase.guards'::regclass
    and a.attname = 'changed_at'
  ),
  (select s.comment from said as s), 'a comment has changed, which processes look for'
);

set local role service_role;

select throws_ok($$ select fluxbase.announce_guards() $$, '42501', null, 'not for the service');

set local role anon;

select throws_ok($$ select fluxbase.announce_guards() $$, '42501', null, 'nor for anyone');

select * from finish();
