select plan(4);

set local role service_role;
select jobs.set_handler('post', url => 'https://a.test');
select jobs.add_handler_secret('post', '00000000-0000-4000-8000-000000000001', 'sealed');
select is(jsonb_array_length(h.secrets), 1, 'it has one') from jobs.list_handlers() as h;
select throws_ok(
  $$ select jobs.add_handler_secret('x', gen_random_uuid(), 'sealed') $$, 'P0002', null,
  'no handler'
);

set local role authenticated;
select throws_ok(
  $$ select jobs.add_handler_secret('post', gen_random_uuid(), 'x') $$, '42501', null,
  'not for users'
);
set local role anon;
select throws_ok(
  $$ select jobs.add_handler_secret('post', gen_random_uuid(), 'x') $$, '42501', null,
  'not for anon'
);

select * from finish();
