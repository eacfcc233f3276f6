select plan(13);

create temporary table made as
select jobs.lane('shop', 'mail', 2) as id;

select is(jobs.lane('shop', 'mail', 2), m.id, 'the same for the same') from made as m;
select isnt(jobs.lane('shop', 'mail', 3), m.id, 'another for another priority') from made as m;
select isnt(jobs.lane('shop2', 'mail', 2), m.id, 'and another namespace') from made as m;
select is(
  (select count(*) from jobs.lanes as l where l.namespace = 'shop'), 2::bigint,
  'none is made twice'
);
select throws_ok($$ select jobs.lane('shop', 'mail', 10) $$, '22023', null, 'ten is too much');
select throws_ok($$ select jobs.lane('shop', 'mail', -1) $$, '22023', null, 'minus one too little');
select throws_ok($$ select jobs.lane('shop', 'mail', null) $$, '22023', null, 'null is no number');
select throws_ok($$ select jobs.lane('shop', '', 2) $$, '22023', null, 'a queue has a name');
select throws_ok($$ select jobs.lane(null, 'mail', 2) $$, '22023', null, 'so has a namespace');
select throws_ok($$ select jobs.lane('shop', 'a b', 2) $$, '22023', null, 'without spaces');
select throws_ok(
  $$ select jobs.lane('shop', repeat('q', 101), 2) $$, '22023', null, 'and not too long'
);
select is(
  (select jobs.lane(repeat('n', 100), 'Aa_0.9:-', 0) > 0), true, 'the longest, and all letters'
);

set local role service_role;
select throws_ok($$ select jobs.lane('shop', 'mail', 2) $$, '42501', null, 'not for callers');

select * from finish();
