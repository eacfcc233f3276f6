select plan(12);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane, '00000000-0000-4000-8000-000000000001'::uuid as worker;
create function pg_temp.store(progress text)
  returns setof text
  language sql
as $$
  select concat_ws(' ', p.event, p.id, p.token)
  from made as m, jobs.store_progress(m.worker, progress::jsonb) as p
  order by p.id
$$;
select jobs.add_ready(array(
  select row(
    -i, now(), now(), '00000000-0000-4000-8000-00000000000a', m.lane, 0, 5, false, 'a', '1', null
  )::jobs.waiting
  from made as m, generate_series(1, 3) as i
));
insert into jobs.batches (token, worker, lane, kind, size, jobs, done, special, claimed_at)
overriding system value
select -5, m.worker, m.lane, 'a', 3, '{[-3,0)}', '{[-3,-2)}', false, now() - interval '1 min'
from made as m;

select is_empty(
  $$
    select pg_temp.store(
      '[{"id": -1, "token": -5, "percent": 12.5, "message": "so far", "data": [1]}]'
    )
  $$,
  'a job of its own'
);
select results_eq(
  $$
    select p.token, p.percent, p.message, p.data, right(p.owner::text, 1),
      p.started_at = now() - interval '1 min', p.updated_at > now()
    from jobs.progress as p
    where p.id = -1
  $$,
  $$ values (-5::bigint, 12.5::real, 'so far', '[1]'::jsonb, 'a', true, true) $$,
  'has come so far'
);
select is(b.special, true, 'its batch knows that there is more') from jobs.batches as b
where b.token = -5;
select results_eq(
  $$
    select pg_temp.store(
      '[{"id": -1, "token": -6}, {"id": -3, "token": -5}, {"id": -9, "token": -5}]'
    )
  $$,
  array['lost -9 -5', 'lost -3 -5', 'lost -1 -6'],
  'another token, one that has ended, or never was, is lost'
);
select is(p.percent, 12.5::real, 'and changes nothing') from jobs.progress as p
where p.id = -1;
select is_empty(
  $$
    select pg_temp.store(
      '[{"id": -1, "token": -5, "percent": 101}, {"id": -2, "token": -5, "percent": -1}]'
    )
  $$,
  'what is out of range'
);
select results_eq(
  $$ select p.percent, p.message from jobs.progress as p where p.id < 0 order by p.id desc $$,
  $$ values (100::real, null::text), (0, null) $$,
  'is brought into it; the last word counts as a whole'
);
-- A later attempt has said something.
update jobs.progress
set token = -4
where id = -1;
select pg_temp.store('[{"id": -1, "token": -5, "percent": 1}]');
select is(p.percent, 100::real, 'an earlier attempt never takes it over') from jobs.progress as p
where p.id = -1;
select pg_temp.store(
  format('[{"id": -2, "token": -5, "message": "%s"}]', repeat('m', 5000))
);
select is(length(p.message), 2000, 'a message is no novel') from jobs.progress as p
where p.id = -2;
select is_empty($$ select pg_temp.store('[]') $$, 'nothing is nothing');
select throws_ok($$ select pg_temp.store('{}') $$, '22023', null, 'no array');

set local role service_role;
select throws_ok(
  $$ select jobs.store_progress(gen_random_uuid(), '[]') $$, '42501', null, 'not for callers'
);

select * from finish();
