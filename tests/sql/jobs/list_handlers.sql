select plan(5);

create schema "App";
create function "App"."N;ote"(job jsonb) returns void language sql as 'select 1';
grant usage on schema "App" to service_role;

set local role service_role;
select jobs.set_handler('note', '"App"."N;ote"(jsonb)', timeout => '90 s');
select jobs.set_handler('post', url => 'https://a.test');
select jobs.add_handler_secret('post', '00000000-0000-4000-8000-000000000001', 'sealed');
select results_eq(
  $$
  select h.kind, h.function, h.timeout, h.call, h.whole, h.secrets
  from jobs.list_handlers() as h
  $$,
  $$
  values
    (
      'note', '"App"."N;ote"', 90::double precision, 'select "App"."N;ote"($1::jsonb)', true,
      '[]'::jsonb
    ),
    (
      'post', null, null, null, false,
      '[{"id": "00000000-0000-4000-8000-000000000001", "sealed": "sealed"}]'::jsonb
    )
  $$,
  'how each is called'
);
reset role;
drop function "App"."N;ote"(jsonb);
set local role service_role;
select is(
  (select h.call from jobs.list_handlers() as h where h.kind = 'note'), null, 'one that is gone'
);
select throws_ok(
  $$ select * from jobs.handler_secrets $$, '42501', null, 'the function is the only way to secrets'
);

set local role authenticated;
select throws_ok($$ select jobs.list_handlers() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.list_handlers() $$, '42501', null, 'not for anon');

select * from finish();
