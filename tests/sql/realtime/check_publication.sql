-- Files that replace the publications or event triggers wait for each other.
select pg_advisory_xact_lock(4);

select plan(5);

select ok(not realtime.check_publication(), 'the publication is there');

grant usage on schema realtime to authenticated;
grant execute on function realtime.check_publication() to authenticated;
set local role authenticated;

select throws_ok(
  $$ select realtime.check_publication() $$,
  '42501', 'the publication supabase_realtime belongs to fluxbase_admin',
  'who does not own it is told who does'
);

reset role;
drop publication supabase_realtime;

select ok(not realtime.check_publication(), 'one that was dropped');
select is(
  (select p.pubowner::regrole::text from pg_publication as p where p.pubname = 'supabase_realtime'),
  'fluxbase_admin',
  'is made anew'
);

drop publication supabase_realtime;
create publication supabase_realtime for all tables;

select ok(realtime.check_publication(), 'one of all tables is told');

select * from finish();
