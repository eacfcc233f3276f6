select plan(4);

select set_config('request.address', '192.0.2.7', true);
select audit.record('test.done', 'record.sql');
select results_eq(
  $$
    select
      e.actor = 'login:' || session_user, e.login = session_user, e.target,
      e.origin is not distinct from inet_client_addr(), e.request_id
    from audit.events as e
    where e.action = 'test.done'
  $$,
  $$ values (true, true, 'record.sql', true, null::text) $$,
  'of a session: its login and its address'
);

select set_config('request.id', 'abc', true);
select set_config('request.jwt.claims', '{"sub":"ada"}', true);
select audit.record('test.asked', 'record.sql', '{"a":1}');
select results_eq(
  $$
    select e.actor, e.login = session_user, e.origin, e.request_id, e.details
    from audit.events as e
    where e.action = 'test.asked'
  $$,
  $$ values ('user:ada', true, '192.0.2.7'::inet, 'abc', '{"a":1}'::jsonb) $$,
  'of a request: its user, address and id, and whose login it was'
);

set local role service_role;
select throws_ok(
  $$ select audit.record('made.up', 'x') $$, '42501', null, 'nobody writes events by hand'
);
select throws_ok(
  $$ insert into audit.events (actor, action) values ('user:eve', 'made.up') $$, '42501', null,
  'nor without the function'
);

select * from finish();
