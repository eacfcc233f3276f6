select plan(4);

select is(
  realtime.parse_node(
    '{OPEXPR :opno 96 :args ({VAR :varno 1 :location -1} {CONST :constvalue 4 [ 5 0 -1 ]})'
      ' :none <>}'
  ),
  '{"node": ["OPEXPR"], "opno": ["96"], "none": ["<>"],
    "args": [[{"node": ["VAR"], "varno": ["1"], "location": ["-1"]},
              {"node": ["CONST"], "constvalue": ["4", ["5", "0", "-1"]]}]]}',
  'nodes, lists and bytes'
);
select is(
  realtime.parse_node('({A} {A :b})'), '[{"node": ["A"]}, {"node": ["A"], "b": []}]',
  'nothing in a node, nothing in a field'
);
select is(
  realtime.parse_node('{A :b "c (\" {" :d e\ \{f :g :}'),
  '{"node": ["A"], "b": ["\"c (\\\" {\""], "d": ["e\\ \\{f"], "g": [":"]}',
  'texts with signs in them'
);
create table public.t (a text, b integer[]);
create policy p on public.t
using (
  a in (select upper(n.nspname) from pg_catalog.pg_namespace as n where n.oid = any (b)) or b[1] > 2
);
select is(
  (
    select realtime.parse_node(p.polqual::text) #> '{args,0,0,subselect,0,node}'
    from pg_catalog.pg_policy as p
    where p.polrelid = 'public.t'::regclass
  ), '["QUERY"]', 'what Postgres stores'
);

select * from finish();
