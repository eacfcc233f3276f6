select plan(8);

set local role fluxbase_admin;
create temporary table lane as
select jobs.lane('default', 'q', 2) as q, jobs.lane('n', 'r', 2) as r;
insert into jobs.failures (job, attempt, outcome, kind, lane, error, stack)
select
  n, 1, case n when 3 then 'timeout' else 'failed' end, 'a', case when n < 10 then q else r end,
  repeat('x', 3000), 'here'
from lane
cross join generate_series(1, 10) as n
order by n;
-- Far more than are looked at.
insert into jobs.failures (job, attempt, outcome, kind, lane, error)
select 0, 1, 'lost', 'b', r, 'x' from lane cross join generate_series(1, 10000);
grant select on lane to service_role;

set local role service_role;
select is(
  jobs.list_failures('q'), jobs.list_failures('none'), 'what is rare is not looked for on one page'
);
create temporary table page as
select jobs.list_failures(
  'q', before => (jobs.list_failures('q') ->> 'next')::bigint, most => 8
) as page;
select is(
  (select string_agg(f ->> 'job', ' ') from page, jsonb_array_elements(page -> 'failures') as f),
  '9 8 7 6 5 4 3 2',
  'but on the next, the newest first'
);
select is(
  page #- '{failures,0,id}' #- '{failures,0,at}' #> '{failures,0}',
  jsonb_build_object(
    'job', 9, 'attempt', 1, 'outcome', 'failed', 'kind', 'a', 'namespace', 'default', 'queue', 'q',
    'error', repeat('x', 2000), 'stack', 'here'
  ),
  'what is told of one'
)
from page;
select is(
  jobs.list_failures('q', before => (page ->> 'next')::bigint) #>> '{failures,0,job}', '1',
  'and one more'
)
from page;
select is(
  (
    select string_agg(f ->> 'job', ' ')
    from page
    cross join jsonb_array_elements(
      jobs.list_failures(
        kind => 'a', namespace => 'default', outcome => 'timeout',
        before => (jobs.list_failures('q') ->> 'next')::bigint
      ) -> 'failures'
    ) as f
  ),
  '3',
  'by kind, namespace and outcome'
);
select throws_ok($$ select jobs.list_failures(most => 0) $$, '22023', null, 'no page');

set local role authenticated;
select throws_ok($$ select jobs.list_failures() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.list_failures() $$, '42501', null, 'not for anon');

select * from finish();
