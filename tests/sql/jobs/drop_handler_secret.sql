select plan(5);

set local role service_role;
select is(jobs.drop_handler_secret(gen_random_uuid()), false, 'there is none');
select jobs.set_handler('post', url => 'https://a.test');
select jobs.add_handler_secret('post', '00000000-0000-4000-8000-000000000001', 'sealed');
select is(jobs.drop_handler_secret('00000000-0000-4000-8000-000000000001'), true, 'it goes');
select is(h.secrets, '[]', 'none is left') from jobs.list_handlers() as h;

set local role authenticated;
select throws_ok(
  $$ select jobs.drop_handler_secret(gen_random_uuid()) $$, '42501', null, 'not for users'
);
set local role anon;
select throws_ok(
  $$ select jobs.drop_handler_secret(gen_random_uuid()) $$, '42501', null, 'not for anon'
);

select * from finish();
