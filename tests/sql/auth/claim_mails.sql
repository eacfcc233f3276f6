select plan(9);

insert into auth.users (id, email, raw_user_meta_data)
values ('5e0ec0de-0000-4000-8000-00000000000a', 'ada@example.com', '{"language": "de-AT"}');
select auth.set_mail_template('invite', 'Hello', '<p>Hello</p>');
select auth.set_mail_template('invite', 'Hallo', '<p>Hallo</p>', language => 'de');

create temp table queued as
  select
    n.n,
    auth.queue_mail('invite', '5e0ec0de-0000-4000-8000-00000000000a', n.n || '@example.com') as id
  from generate_series(1, 3) as n (n);
grant select on queued to service_role;
update auth.mails as m set next_at = next_at + q.n * interval '1 us'
from queued as q where q.id = m.id;

create function pg_temp.claim(
  most integer,
  server boolean default true,
  lease interval default '1 h'
)
  returns text
  language sql
as $$
  select string_agg(m ->> 'to', ' ')
  from jsonb_array_elements(
    auth.claim_mails('one', claim.most, claim.server, claim.lease) -> 'mails'
  ) as m
$$;

set local role service_role;
select is(pg_temp.claim(2, false), null, 'who knows no server gets none');
select is(pg_temp.claim(2), '1@example.com 2@example.com', 'the oldest come first');
select is(
  (
    select concat_ws(' ', c.m #>> '{template,subject}', c.m #>> '{user,email}', c.m ->> 'fence')
    from (
      select auth.claim_mails('two', 5, true, '0 s') #> '{mails,0}' as m
    ) as c
  ),
  'Hallo ada@example.com 1',
  'with the template of their language'
);
select is(pg_temp.claim(5, lease => '0 s'), '3@example.com', 'what a lease has ended of is free');
select is(pg_temp.claim(5), '3@example.com', 'again');
select is(pg_temp.claim(5), null, 'and one that has not is for nobody');

select auth.set_setting('mail_max_attempts', '1');
reset role;
update auth.mails set next_at = clock_timestamp();
set local role service_role;
select is(pg_temp.claim(5), null, 'one that was claimed too often is given up');
reset role;
select results_eq(
  $$ select distinct m.state, m.done_at is not null, m.data from auth.mails as m $$,
  $$ values ('failed', true, '{}'::jsonb) $$,
  'for good'
);

set local role authenticated;
select throws_ok($$ select pg_temp.claim(1) $$, '42501', null, 'users may not');

select * from finish();
