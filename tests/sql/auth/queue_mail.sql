select plan(8);

set local role service_role;
create temp table queued as
  select auth.queue_mail(
    'magic_link', null, 'ada@example.com', '{"redirect_to": "https://app.example.com"}',
    '{"id": "5e0ec0de-0000-4000-8000-000000000001", "secrets": "fbs1.k.x"}'
  ) as id;
select throws_ok(
  $$ select auth.queue_mail('magic_link', null, 'ada@example.com, eve@example.com') $$, '23514',
  null, 'two addresses are none'
);
select throws_ok(
  $$ select auth.queue_mail('magic_link', null, e'ada@example.com\r\nBcc: eve@example.com') $$,
  '23514', null, 'nor is one with a line after it'
);
select throws_ok(
  $$ select auth.queue_mail('Magic link', null, 'ada@example.com') $$, '23514', null,
  'a kind is a word'
);
select throws_ok(
  $$ select auth.queue_mail('magic_link', gen_random_uuid(), 'ada@example.com') $$, '23503', null,
  'nobody''s mail is not that of a user who is not there'
);
select throws_ok(
  $$ select auth.queue_mail('magic_link', null, 'ada@example.com', to_jsonb(repeat('x', 9))) $$,
  '23514', null, 'what the template is told is an object'
);
select throws_ok($$ select from auth.mails $$, '42501', null, 'nobody reads the queue');
reset role;

select results_eq(
  $$
    select m.id, m.state, m.attempts, m.secrets
    from auth.mails as m
    join queued as q on q.id = m.id
  $$,
  $$ values ('5e0ec0de-0000-4000-8000-000000000001'::uuid, 'queued', 0, 'fbs1.k.x') $$,
  'a mail waits under the id that its link was sealed for'
);

set local role authenticated;
select throws_ok(
  $$ select auth.queue_mail('magic_link', null, 'ada@example.com') $$, '42501', null,
  'users may not'
);

select * from finish();
