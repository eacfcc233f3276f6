select plan(6);

set local role anon;

select is(pagination.encode('s', '', '{1}', null), null, 'nothing follows');
select matches(pagination.encode('s', '', '{1}', '{2}'), '^[A-Za-z0-9_-]{40,}$', 'fit for a URL');
select is(
  pagination.decode(pagination.encode('s', '\x01', array['é"\ ', null, ''], '{}'), 's', '\x01'),
  array['é"\ ', null, ''],
  'the values come back'
);
select is(
  pagination.decode(pagination.encode('s', '', array[repeat('long ', 200)], '{}'), 's', ''),
  array[repeat('long ', 200)],
  'also long ones'
);
select throws_ok(
  $$ select pagination.encode('s', '', array['1', null], array['1', null]) $$,
  'FXC03', null, 'two rows that are the same'
);

reset role;
create role without_a_grant;
set local role without_a_grant;
select throws_ok(
  $$ select pagination.encode('s', '', '{1}', '{2}') $$, '42501', null, 'not for everyone'
);

select * from finish();
