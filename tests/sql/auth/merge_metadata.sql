select plan(7);

select is(auth.merge_metadata('{"a": 1, "b": 2}', '{"b": 3}'), '{"a": 1, "b": 3}', 'by name');
select is(auth.merge_metadata('{"a": 1, "b": 2}', '{"b": null}'), '{"a": 1}', 'null takes away');
select is(auth.merge_metadata(null, '{"a": 1, "b": null}'), '{"a": 1}', 'of nothing');
select is(auth.merge_metadata('{"a": 1}', null), '{"a": 1}', 'nothing changes nothing');
select is(auth.merge_metadata('{"a": 1}', 'null'), '{"a": 1}', 'nor does the null of JSON');
select throws_ok(
  $$ select auth.merge_metadata('{"a": 1}', '[1]') $$, '22023', null, 'a list is no change'
);

set local role service_role;
select throws_ok(
  $$ select auth.merge_metadata('{}', '{}') $$, '42501', null, 'for functions of ours'
);

select * from finish();
