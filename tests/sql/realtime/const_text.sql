select plan(11);

create table public.t (a boolean);

-- The first constant that a policy with some condition has.
create function pg_temp.constant(condition text) returns text
language plpgsql as $$
declare
  v_text text;
begin
  execute format('create policy p on public.t using (%s)', condition);
  select realtime.const_text(jsonb_path_query_first(
    realtime.parse_node(p.polqual::text), 'strict $.** ? (@.node[0] == "CONST")'
  )) into v_text
  from pg_catalog.pg_policy as p
  where p.polrelid = 'public.t'::regclass;
  drop policy p on public.t;
  return v_text;
end;
$$;

select is(pg_temp.constant('true'), 't', 'true');
select is(pg_temp.constant('false'), 'f', 'false');
select is(pg_temp.constant('a::integer = 0'), '0', 'zero');
select is(pg_temp.constant('a::integer = 70000'), '70000', 'a number of three bytes');
select is(pg_temp.constant('a::integer = ''-2147483648'''), '-2147483648', 'the least number');
select is(pg_temp.constant('a::text::smallint = ''-2''::smallint'), '-2', 'a small number');
select is(pg_temp.constant('a::integer = 3000000000'), null, 'no larger ones');
select is(
  pg_temp.constant('a::text::uuid = ''00112233-4455-6677-8899-AABBCCDDEEFF'''),
  '00112233-4455-6677-8899-aabbccddeeff', 'a uuid'
);
select is(pg_temp.constant('a::text = ''ä'''), 'ä', 'a text');
select is(pg_temp.constant('a::text = '''''), '', 'an empty text');
select is(pg_temp.constant('now() > ''2026-01-01'''), null, 'no time');

select * from finish();
