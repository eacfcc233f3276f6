select plan(9);

set local role service_role;
create temporary table made as
select
  jobs.enqueue('a') as ready,
  jobs.enqueue('b', queue => 'q') as other,
  jobs.enqueue('a', run_at => 'tomorrow') as scheduled,
  jobs.enqueue('a', namespace => 'n') as elsewhere;
select results_eq(
  $$ select jobs.find_jobs() $$,
  $$
  select u.id
  from made as m
  cross join lateral unnest(array[m.ready, m.other, m.scheduled]) as u (id)
  order by u.id desc
  $$,
  'all of the namespace, the highest first'
);
select is(jobs.find_jobs('ready', 'q'), m.other, 'by state and queue') from made as m;
select is(jobs.find_jobs('scheduled'), m.scheduled, 'for later') from made as m;
select is(jobs.find_jobs(kind => 'b'), m.other, 'by kind') from made as m;
select is(jobs.find_jobs(before => m.scheduled, most => 1), m.other, 'a page') from made as m;
select is_empty($$ select jobs.find_jobs('running') $$, 'none runs');
select throws_ok($$ select jobs.find_jobs('lost') $$, '22023', null, 'no state');

set local role authenticated;
select throws_ok($$ select jobs.find_jobs() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.find_jobs() $$, '42501', null, 'not for anon');

select * from finish();
