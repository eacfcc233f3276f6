select plan(5);

insert into auth.mails (kind, to_address, data, state, done_at)
values
  ('invite', 'old@example.com', '{}', 'sent', now() - interval '8 days'),
  ('invite', 'new@example.com', '{}', 'failed', now() - interval '6 days'),
  ('invite', 'waits@example.com', '{}', 'queued', null);
insert into auth.mails (kind, to_address, data, secrets, next_at)
values
  ('invite', 'nobody@example.com', '{"a": 1}', 'sealed', now() - interval '25 hours'),
  ('invite', 'away@example.com', '{"a": 1}', 'sealed', now() - interval '23 hours');

set local role service_role;
select is(auth.sweep_mails(), 1::bigint, 'what was done a week ago goes');
reset role;
select set_eq(
  $$ select m.to_address from auth.mails as m $$,
  array['new@example.com', 'waits@example.com', 'nobody@example.com', 'away@example.com'],
  'all else stays'
);
select results_eq(
  $$
    select m.state, m.data::text, m.secrets, m.last_error
    from auth.mails as m
    where m.to_address in ('nobody@example.com', 'away@example.com')
    order by m.next_at
  $$,
  $$
    values ('failed', '{}', null, 'nobody could send it for a day'),
      ('queued', '{"a": 1}', 'sealed', null)
  $$,
  'but what nobody takes has an end'
);
select is(
  jsonb_path_query_array(auth.claim_mails('late', 10), '$.mails[*].to'),
  '["waits@example.com", "away@example.com"]', 'and is sent no more'
);

set local role authenticated;
select throws_ok($$ select auth.sweep_mails() $$, '42501', null, 'users may not');

select * from finish();
