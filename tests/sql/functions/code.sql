select plan(4);

set local role service_role;
select functions.deploy('coded', '{"index.ts": "1", "a/b": {"base64": "AAEC"}}');
select results_eq(
  $$ select c.path, c.sha256, c.content from functions.code('coded', 1) as c $$,
  $$
  values
    ('a/b', encode(sha256('\x000102'), 'hex'), '\x000102'::bytea),
    ('index.ts', encode(sha256('1'), 'hex'), '\x31')
  $$,
  'its files'
);
select is_empty($$ select functions.code('coded', 2) $$, 'of no version none');

set local role authenticated;
select throws_ok($$ select functions.code('coded', 1) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.code('coded', 1) $$, '42501', null, 'not for anon');

select * from finish();
