select plan(4);

select jobs.set_handler('post', url => 'https://a.test');
set local role service_role;
select is(count(*), 1::bigint, 'service_role sees handlers') from jobs.handlers;
select throws_ok($$ select from jobs.handler_secrets $$, '42501', null, 'and no secrets');
select throws_ok(
  $$ delete from jobs.handlers $$, '42501', null, 'and changes them by functions alone'
);
set local role authenticated;
select throws_ok($$ select from jobs.handlers $$, '42501', null, 'users see none');

select * from finish();
