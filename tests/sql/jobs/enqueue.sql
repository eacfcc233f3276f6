select plan(27);

create function pg_temp.jobs()
  returns setof text
  language sql
as $$
  select concat_ws(
    ' ', j.kind, j.args, j.namespace, j.queue, j.priority, j.state, j.attempt, j.max_attempts,
    j.meta, j.owner
  )
  from jobs.jobs as j
  order by j.id
$$;
grant execute on function pg_temp.jobs() to service_role;

set local role service_role;

select ok(jobs.enqueue('mail') > 0, 'a kind is enough');
select results_eq(
  'select pg_temp.jobs()', array['mail {} default default 2 ready 0 25'], 'the rest has defaults'
);
select jobs.enqueue(
  'mail', '[1]', 'q', 'n', 9, now() + interval '1 hour', max_attempts => 3, timeout => '1 min',
  owner => '00000000-0000-4000-8000-00000000000a'
);
select results_eq(
  'select pg_temp.jobs() offset 1',
  array['mail [1] n q 9 scheduled 0 3 {"timeout": 60.000000} '
    '00000000-0000-4000-8000-00000000000a'],
  'one for later waits'
);
select is(
  (select w.run_at from jobs.waiting as w), now() + interval '1 hour', 'until its time has come'
);
select jobs.enqueue('old', run_at => '-infinity');
select is(
  (select j.state from jobs.jobs as j where j.kind = 'old'), 'ready', 'a time that is past is now'
);

select set_config(
  'request.jwt.claims', '{"sub": "00000000-0000-4000-8000-00000000000b"}', true
);
select jobs.enqueue('owned');
select is(
  (select j.owner from jobs.jobs as j where j.kind = 'owned'),
  '00000000-0000-4000-8000-00000000000b', 'who asks owns it'
);

-- Keys.
create temporary table keyed as
select jobs.enqueue('sync', '1', unique_key => 'k') as id;
select is(jobs.enqueue('sync', '2', unique_key => 'k'), k.id, 'a key is held') from keyed as k;
select is(jobs.enqueue('sync', '3', unique_key => 'k', on_conflict => 'replace'), k.id, 'as well')
from keyed as k;
select isnt(jobs.enqueue('sync', '2', unique_key => 'l'), k.id, 'another is free') from keyed as k;
select isnt(jobs.enqueue('sync', namespace => 'n', unique_key => 'k'), k.id, 'elsewhere too')
from keyed as k;
select is(
  (select count(*) from jobs.jobs as j where j.kind = 'sync'), 3::bigint, 'so there are three'
);
select is(
  (select s.args from jobs.specials as s join keyed as k on k.id = s.id), '3'::jsonb,
  'replaced arguments stand beside the job'
);

select throws_ok($$ select jobs.enqueue(null) $$, '22023', null, 'no kind');
select throws_ok($$ select jobs.enqueue('mail', null) $$, '22004', null, 'no arguments');
select throws_ok($$ select jobs.enqueue('mail', queue => 'a/b') $$, '22023', null, 'no queue');
select throws_ok($$ select jobs.enqueue('mail', namespace => null) $$, '22023', null, 'nowhere');
select throws_ok($$ select jobs.enqueue('mail', priority => 10) $$, '22023', null, 'no priority');
select throws_ok($$ select jobs.enqueue('mail', max_attempts => 0) $$, '22023', null, 'never');
select throws_ok($$ select jobs.enqueue('mail', timeout => '-1 s') $$, '22023', null, 'no time');
select throws_ok(
  $$ select jobs.enqueue('mail', unique_key => 'k', on_conflict => 'ignore') $$, '22023', null,
  'no such way'
);
select throws_ok(
  $$ select jobs.enqueue('mail', unique_key => 'k', on_conflict => null) $$, '22023', null, 'no way'
);
select throws_ok($$ select jobs.enqueue('mail', unique_key => '') $$, '23514', null, 'no key');
select throws_ok(
  $$ select jobs.enqueue('mail', unique_key => repeat('k', 501)) $$, '23514', null, 'too long a key'
);
select lives_ok(
  $$ select jobs.enqueue('mail', jsonb_build_array(repeat('x', 1000000))) $$, 'a megabyte'
);
select throws_ok($$ delete from jobs.ready $$, '42501', null, 'the function is the only way');

set local role authenticated;
select throws_ok($$ select jobs.enqueue('mail') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.enqueue('mail') $$, '42501', null, 'not for anon');

select * from finish();
