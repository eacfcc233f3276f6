select plan(10);

set local role anon;
create temp table made as select pagination.encode('s', '\x01', '{1,x}', '{2,x}') as cursor;
grant select on made to authenticated;

select is(pagination.decode(m.cursor, 's', '\x01'), '{1,x}', 'the values') from made as m;
select throws_ok(
  format('select pagination.decode(%L, %L, %L)', m.cursor, 't', '\x01'::bytea),
  'FXC01', 'the cursor leads nowhere here', 'another scope'
) from made as m;
select throws_ok(
  format('select pagination.decode(%L, %L, %L)', m.cursor, 's', '\x02'::bytea),
  'FXC01', 'the cursor leads nowhere here', 'other filters'
) from made as m;
select throws_ok($$ select pagination.decode(null, 's', '') $$, 'FXC01', null, 'no cursor');

-- Whatever it is given, it gives nothing and says the same.
create function pg_temp.answer(cursor text) returns text language plpgsql as $$
begin
  return pagination.decode(answer.cursor, 's', '\x01');
exception when others then
  return sqlstate;
end;
$$;
select results_eq(
  $$
    select distinct pg_temp.answer(overlay(m.cursor placing c.c from n for 1))
    from made as m, generate_series(1, length(m.cursor)) as n,
      unnest(array['A', 'b', '7', '_', '-', '=', ' ', 'é', '']) as c (c)
    where overlay(m.cursor placing c.c from n for 1) <> m.cursor
  $$,
  $$ values ('FXC01') $$,
  'any one character is another'
);
select results_eq(
  $$
    select distinct pg_temp.answer(
      translate(encode(sha512(n::text::bytea), 'base64'), E'+/\n=', '-_'))
    from generate_series(1, 500) as n
  $$,
  $$ values ('FXC01') $$,
  'any bytes'
);

set local role authenticated;
select throws_ok(
  format('select pagination.decode(%L, %L, %L)', m.cursor, 's', '\x01'::bytea),
  'FXC01', null, 'another role'
) from made as m;

reset role;
select fluxbase.set_setting('pagination.cursor_lifetime', '10');
set local role anon;
select is(pg_temp.answer(m.cursor), '{1,x}', 'not yet expired') from made as m;

reset role;
create temp table old as
select rtrim(translate(encode(
  pagination.seal(k, 's', '\x01', p.p) || convert_to(p.p, 'UTF8'), 'base64'), E'+/\n', '-_'), '=')
  as cursor
from set_config('role', 'anon', true) as r
cross join (
  select jsonb_build_array((extract(epoch from now())::bigint - 11)::text, '1')::text as p
) as p
cross join pagination.keys as k;
reset role;
grant select on old to anon;
set local role anon;
select throws_ok(
  format('select pagination.decode(%L, %L, %L)', o.cursor, 's', '\x01'::bytea),
  'FXC02', 'the cursor has expired', 'expired'
) from old as o;

reset role;
select throws_ok(
  $$ select fluxbase.set_setting('pagination.cursor_lifetime', '0') $$,
  '23514', null, 'no lifetime at all is none'
);

select * from finish();
