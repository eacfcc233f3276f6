select plan(11);

create temp table queued as
  select
    n.n,
    auth.queue_mail(
      'invite', null, n.n || '@example.com', '{"redirect_to": "x"}',
      jsonb_build_object('id', gen_random_uuid(), 'secrets', 'fbs1.k.x')
    ) as id
  from generate_series(1, 2) as n (n);
grant select on queued to service_role;
create function pg_temp.id(n integer) returns uuid language sql
as $$ select q.id from queued as q where q.n = id.n $$;

set local role service_role;
create temp table claimed as select auth.claim_mails('one', 5);
select is(auth.finish_mail(pg_temp.id(1), 0), null, 'an earlier claim says nothing');
select is(auth.finish_mail(pg_temp.id(1), 2), null, 'nor does one that is not yet');
select is(auth.finish_mail(pg_temp.id(1), 1), 'sent', 'the last one does');
select is(auth.finish_mail(pg_temp.id(1), 1, '550'), null, 'once');
select is(
  auth.finish_mail(pg_temp.id(2), 1, repeat('4', 300)), 'queued',
  'what failed for now is tried again'
);
reset role;

select results_eq(
  $$
    select m.state, m.data, m.secrets, m.last_error
    from auth.mails as m
    where m.id = pg_temp.id(1)
  $$,
  $$ values ('sent', '{}'::jsonb, null::text, null::text) $$,
  'of what was sent no link stays'
);
select results_eq(
  $$
    select
      m.next_at - clock_timestamp() between interval '4 s' and interval '8 s', m.secrets,
      length(m.last_error)
    from auth.mails as m
    where m.id = pg_temp.id(2)
  $$,
  $$ values (true, 'fbs1.k.x', 200) $$,
  'after some seconds'
);
update auth.mails set attempts = 11, fence = 11 where id = pg_temp.id(2);
select is(auth.finish_mail(pg_temp.id(2), 11, '451'), 'queued', 'and again');
select ok(
  (
    select m.next_at - clock_timestamp() between interval '14 min' and interval '23 min'
    from auth.mails as m
    where m.id = pg_temp.id(2)
  ),
  'at most a quarter of an hour later, or a half more'
);
select is(
  auth.finish_mail(pg_temp.id(2), 11, '550', true), 'failed', 'what never will be is given up'
);

set local role authenticated;
select throws_ok(
  $$ select auth.finish_mail(gen_random_uuid(), 1) $$, '42501', null, 'users may not'
);

select * from finish();
