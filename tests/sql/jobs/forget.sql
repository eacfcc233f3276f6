select plan(5);

insert into jobs.specials (id, namespace, unique_key)
select -i, 'n', 'k' || i
from generate_series(1, 5) as i;
insert into jobs.progress (id, token, started_at, updated_at)
select -i, 1, now(), now()
from generate_series(1, 5) as i;
insert into jobs.cancelled (id, reason)
select -i, 'no'
from generate_series(1, 5) as i;
insert into jobs.waiting (
  id, run_at, enqueued_at, lane, attempt, max_attempts, special, kind, args
)
select -i, case when i < 5 then 'infinity' else 'tomorrow' end::timestamptz, now(), 1, 0, 1, true,
  'a', '1'
from generate_series(1, 5) as i;

select jobs.forget('{[-5,-3),[-2,-1)}');
select results_eq(
  $$
    select s.id, p.id, c.id
    from jobs.specials as s
    join jobs.progress as p on p.id = s.id
    join jobs.cancelled as c on c.id = s.id
    where s.id < 0
    order by s.id
  $$,
  $$ values (-3::bigint, -3::bigint, -3::bigint), (-1, -1, -1) $$,
  'what was kept of them is gone'
);
select results_eq(
  $$ select w.id from jobs.waiting as w where w.id < 0 order by w.id $$,
  $$ values (-5::bigint), (-3), (-1) $$,
  'but for those that wait to be tried again'
);
select lives_ok($$ select jobs.forget('{}') $$, 'none are none');
select lives_ok($$ select jobs.forget(null) $$, 'null is none');

set local role service_role;
select throws_ok($$ select jobs.forget('{}') $$, '42501', null, 'not for callers');

select * from finish();
