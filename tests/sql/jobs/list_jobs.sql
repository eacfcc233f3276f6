select plan(23);

-- Their ids, and whether there is a next page.
create function pg_temp.ids(page jsonb) returns text language sql as $$
  select concat(
    (
      select string_agg(j.job ->> 'id', ' ' order by j.n)
      from jsonb_array_elements(page -> 'jobs') with ordinality as j (job, n)
    ),
    case when page ->> 'next' is not null then ' …' end
  );
$$;

set local role service_role;
create temporary table made as
select
  jobs.enqueue('a', '{"n": 1}') as one, jobs.enqueue('b', queue => 'q', priority => 1) as two,
  jobs.enqueue('a') as three, jobs.enqueue('a', run_at => 'tomorrow') as later,
  jobs.enqueue('a', run_at => '9999-12-31') as latest, jobs.enqueue('a', run_at => 'yesterday',
    concurrency_key => 'k') as blocked, jobs.enqueue('a', namespace => 'n') as elsewhere,
  jobs.enqueue('c') as gone;
select jobs.cancel(m.gone) from made as m;

select is(
  pg_temp.ids(jobs.list_jobs('ready')), concat_ws(' ', one, two, three, elsewhere), 'ready'
)
from made;
select is(pg_temp.ids(jobs.list_jobs('ready', 'q')), two::text, 'of a queue') from made;
select is(
  pg_temp.ids(jobs.list_jobs('ready', kind => 'a', namespace => 'default')),
  concat_ws(' ', one, three),
  'of a kind and a namespace'
)
from made;
select is(
  jobs.list_jobs('ready', most => 1) #- '{jobs,0,enqueued_at}' #- '{jobs,0,id}' -> 'jobs',
  '[{
    "kind": "a", "args": {"n": 1}, "queue": "default", "namespace": "default", "priority": 2,
    "attempt": 0, "max_attempts": 25
  }]',
  'what is told of one'
);
select is(
  pg_temp.ids(
    jobs.list_jobs('ready', most => 2, after => jobs.list_jobs('ready', most => 2) ->> 'next')
  ),
  concat(three, ' ', elsewhere, ' …'),
  'the second page'
)
from made;
select is(
  jobs.list_jobs('ready', most => 2, after => jobs.list_jobs('ready', most => 4) ->> 'next'),
  '{"jobs": [], "next": null}',
  'and the last'
);
select is(pg_temp.ids(jobs.list_jobs('scheduled')), concat_ws(' ', later, latest), 'for later')
from made;
select is(
  pg_temp.ids(
    jobs.list_jobs('scheduled', after => jobs.list_jobs('scheduled', most => 1) ->> 'next')
  ),
  latest::text,
  'and its next page'
)
from made;
select is(pg_temp.ids(jobs.list_jobs('blocked')), blocked::text, 'blocked') from made;
select is(pg_temp.ids(jobs.list_jobs('retrying')), '', 'none is tried again yet');

-- What was claimed in the transaction that added it is not handed out, so it is said so here.
reset role;
insert into jobs.batches (worker, lane, kind, size, jobs, done, special, claimed_at)
select
  '00000000-0000-4000-8000-000000000001', r.lane, 'a', 2,
  int8multirange(int8range(m.one, m.one + 1), int8range(m.three, m.three + 1)), '{}', false, now()
from made as m
join jobs.ready as r on r.id = m.one;
set local role service_role;
select is(pg_temp.ids(jobs.list_jobs('running')), concat_ws(' ', one, three), 'running') from made;
select is(
  pg_temp.ids(
    jobs.list_jobs('running', after => jobs.list_jobs('running', most => 1) ->> 'next')
  ),
  three::text,
  'and the next page'
)
from made;
select is(
  pg_temp.ids(jobs.list_jobs('running', worker => '00000000-0000-4000-8000-000000000002')), '',
  'of another worker'
);
reset role;
update jobs.batches as b set done = int8multirange(int8range(m.one, m.one + 1)) from made as m;
insert into jobs.cursors (lane, seq, first, past, past_open)
select l.id, 1, 1, (pg_current_xact_id()::text::bigint + 1)::text::xid8, '{}'
from jobs.lanes as l;
insert into jobs.dead (id, died_at, enqueued_at, lane, attempt, max_attempts, kind, args)
select m.two, now(), now(), r.lane, 1, 1, 'b', '{}'
from made as m
join jobs.ready as r on r.id = m.two;
insert into jobs.failures (job, attempt, outcome, kind, lane, error)
select d.id, 1, 'failed', 'b', d.lane, repeat('x', 600) from jobs.dead as d;
set local role service_role;
select is(
  pg_temp.ids(jobs.list_jobs('completed', namespace => 'default')), concat_ws(' ', gone, one),
  'completed'
)
from made;
select is(pg_temp.ids(jobs.list_jobs('dead')), two::text, 'dead') from made;
select is(length(jobs.list_jobs('dead') #>> '{jobs,0,error}'), 500, 'with the error');
select is(
  jobs.list_jobs('dead', after => jobs.list_jobs('dead', most => 1) ->> 'next'),
  '{"jobs": [], "next": null}', 'no second page'
);
select throws_ok($$ select jobs.list_jobs('lost') $$, '22023', null, 'no state');
select throws_ok($$ select jobs.list_jobs(null) $$, '22023', null, 'none');
select throws_ok($$ select jobs.list_jobs('dead', after => 'x') $$, '22023', null, 'no place');
select throws_ok($$ select jobs.list_jobs('dead', most => 0) $$, '22023', null, 'no page');

set local role authenticated;
select throws_ok($$ select jobs.list_jobs('dead') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.list_jobs('dead') $$, '42501', null, 'not for anon');

select * from finish();
