select plan(3);

select functions.bump_secrets();
select is(s.secrets_version, 1::bigint, 'the first') from functions.settings as s;
select functions.bump_secrets();
select is(s.secrets_version, 2::bigint, 'the second') from functions.settings as s;

set local role service_role;
select throws_ok(
  $$ select functions.bump_secrets() $$, '42501', null, 'for functions of ours alone'
);

select * from finish();
