package tests

import (
	"fmt"
	"strings"
	"testing"
)

const extendedFixture = `
create schema extensions;
grant usage on schema extensions to public;
create extension pg_trgm schema extensions;
create extension cube schema public;
create table public.sales (
  id int primary key, shop text, status text, amount int, paid int, note text, data jsonb, raw json, "distinct" int, "having" int);
insert into public.sales values
  (1, 'a', 'paid', 10, 10, 'x', '{"n": 10, "t": "x"}', '{}', 5, 1), (2, 'a', 'open', 20, 5, 'y', '{"n": 3, "t": "z"}', '{}', 6, 2),
  (3, 'b', 'paid', 100, 100, null, '{"n": null}', null, 7, 3), (4, 'b', 'paid', 50, null, 'x', null, null, 8, 4),
  (5, 'c', 'open', 1, 2, 'x', '{"n": 2}', null, 9, 5);
create table public.employees (id int primary key, name text, manager_id int references public.employees (id));
insert into public.employees values
  (1, 'Ada', null), (2, 'Bob', 1), (3, 'Cy', 1), (4, 'Di', 2), (5, 'Ed', 4), (6, 'Flo', 5), (10, 'Loop', null), (11, 'Pool', 10);
update public.employees set manager_id = 11 where id = 10;
create table public.parts (a int, b int, up_a int, up_b int, primary key (a, b),
  constraint up foreign key (up_a, up_b) references public.parts (a, b));
insert into public.parts values (1, 1, null, null), (1, 2, 1, 1), (1, 3, 1, 2);
create table public.docs (id int primary key, name varchar(40), body text, words tsvector generated always as (to_tsvector('english', body)) stored, at point, corner public.cube);
insert into public.docs (id, name, body, at, corner) values
  (1, 'cats', 'A cat and a cat and a cat.', '(0,0)', '(0,0)'), (2, 'cattle', 'One cat, one dog.', '(5,5)', '(9,0)'),
  (3, 'dogs', 'Dogs only.', '(1,1)', '(3,4)');
insert into public.docs (id, name, body, at) select n, 'filler ' || n, 'nothing', point(n, n) from generate_series(100, 3000) as n;
create index docs_name_idx on public.docs using gist (name extensions.gist_trgm_ops);
create index docs_at_idx on public.docs using gist (at);
analyze public.docs;
create function public.distinct_rows("distinct" text) returns text language sql immutable return "distinct";
create function public.echo(v text) returns text language sql immutable return v;
`

func planned(c *restConfig) { extensions(c); c.PlanEnabled = true }

func TestRestReadsBeyondPostgREST(t *testing.T) {
	t.Parallel()
	s := newRest(t, extendedFixture, planned)
	exact := []string{"Prefer: count=exact"}
	s.run(t, []restCase{
		{name: "distinct", path: "/sales?select=shop&distinct=&order=shop.desc", status: 200, want: `[{"shop":"c"},{"shop":"b"},{"shop":"a"}]`},
		{name: "distinct, counted", path: "/sales?select=shop,status&distinct=&limit=2&order=shop", header: exact, status: 206, wantHeader: []string{"Content-Range: 0-1/4"}},
		{name: "distinct on", path: "/sales?select=id&distinct=shop&order=shop,amount.desc", header: exact, status: 200, want: `[{"id":2},{"id":3},{"id":5}]`, wantHeader: []string{"Content-Range: 0-2/3"}},
		{name: "distinct on, counted", path: "/sales?select=id&distinct=shop&order=shop,amount.desc&limit=1&offset=1", header: exact, status: 206, want: `[{"id":3}]`, wantHeader: []string{"Content-Range: 1-1/3"}},
		{name: "distinct on a path, unordered", path: "/sales?select=shop,note&distinct=note,shop", header: exact, status: 200, wantHeader: []string{"Content-Range: 0-4/5"}},
		{name: "distinct with an embed", path: "/employees?select=boss:manager_id(name)&distinct=", header: exact, status: 200, wantHeader: []string{"Content-Range: 0-6/7"}},
		{name: "distinct embeds", path: "/employees?select=reports:employees(name)&reports.distinct=manager_id&reports.order=manager_id,name.desc&id=eq.1", status: 200, want: `[{"reports":[{"name":"Cy"}]}]`},
		{name: "distinct as JSON", method: "QUERY", path: "/sales", body: `{"select": "id", "distinct": ["shop"], "order": "shop,id"}`, status: 200, want: `[{"id":1},{"id":3},{"id":5}]`},
		{name: "all distinct as JSON", method: "QUERY", path: "/sales", body: `{"select": "status", "distinct": true, "order": "status"}`, status: 200, want: `[{"status":"open"},{"status":"paid"}]`},
		{name: "a column of that name", path: "/sales?select=id&distinct=eq.5&having=lt.3", status: 200, want: `[{"id":1}]`},
		{name: "an argument of that name", path: "/rpc/distinct_rows?distinct=shop", status: 200, want: `"shop"`},
		{name: "distinct, another order", path: "/sales?distinct=shop&order=amount", status: 400, want: `{"code":"invalid_distinct","message":"an order must begin with the fields of distinct"}`},
		{name: "distinct, ordered by what is not selected", path: "/sales?select=shop&distinct=&order=id", status: 400, want: `{"code":"invalid_distinct"}`},
		{name: "distinct of json", path: "/sales?distinct=", status: 400, want: `{"code":"invalid_distinct","message":"the values of 'raw' can't be told apart: it is json"}`},

		{
			name: "aggregate filter", path: "/sales?select=shop,paid:amount.sum().filter(status.eq.paid),n:count().filter(note.is.null,amount.gte.100)&order=shop", status: 200,
			want: `[{"shop":"a","paid":10,"n":0},{"shop":"b","paid":150,"n":1},{"shop":"c","paid":null,"n":0}]`,
		},
		{name: "having", path: "/sales?select=shop,amount.sum()&having=amount.sum().gt.25&order=shop", header: exact, status: 200, want: `[{"shop":"a","sum":30},{"shop":"b","sum":150}]`, wantHeader: []string{"Content-Range: 0-1/2"}},
		{name: "having, counted", path: "/sales?select=shop&having=and(amount.sum().gt.25,count().gte.2)&order=shop&limit=1", header: exact, status: 206, want: `[{"shop":"a"}]`, wantHeader: []string{"Content-Range: 0-0/2"}},
		{name: "having, two", path: "/sales?select=shop&having=amount.sum().gt.25&having=not.or(amount.max().lt.30,count().eq.9)", status: 200, want: `[{"shop":"b"}]`},
		{name: "having with filter and cast", path: "/sales?select=shop&having=data->n::int.sum().filter(status.eq.open)::text.eq.3", status: 200, want: `[{"shop":"a"}]`},
		{name: "having as JSON", method: "QUERY", path: "/sales", body: `{"select": ["shop"], "having": {"or": [{"amount.sum()": {"gt": 100}}, {"count()": 1}]}, "order": "shop"}`, status: 200, want: `[{"shop":"b"},{"shop":"c"}]`},
		{name: "having of no aggregate", path: "/sales?select=shop&having=shop.gt.a", status: 400, want: `{"code":"PGRST100"}`},

		{name: "column to column", path: "/sales?select=id&amount=gt(col).paid&order=id", status: 200, want: `[{"id":2}]`},
		{name: "null logic", path: "/sales?select=id&amount=not.eq(col).paid&order=id", status: 200, want: `[{"id":2},{"id":5}]`},
		{name: "null logic of distinct", path: "/sales?select=id&amount=isdistinct(col).paid&order=id", status: 200, want: `[{"id":2},{"id":4},{"id":5}]`},
		{name: "a number within JSON", path: "/sales?select=id&data->n=gte(col).paid", status: 200, want: `[{"id":1},{"id":5}]`},
		{name: "a text within JSON", path: "/sales?select=id&data->>n=lt(col).amount&order=id", status: 200, want: `[{"id":2}]`},
		{name: "on both sides", path: "/sales?select=id&or=(note.eq(col).data->>t,data->n.gt(col).data->n)", status: 200, want: `[{"id":1}]`},
		{name: "column to column as JSON", method: "QUERY", path: "/sales", body: `{"select": "id", "where": {"amount": {"gt(col)": "paid"}}}`, status: 200, want: `[{"id":2}]`},
		{name: "delete by column to column", method: "DELETE", path: "/sales?amount=lt(col).id&select=id", header: []string{"Prefer: return=representation"}, status: 200, want: `[{"id":5}]`},
		{name: "an argument like it", path: "/rpc/echo?v=gt(col).b", status: 200, want: `"gt(col).b"`},
		{name: "no such column", path: "/sales?amount=gt(col).nothing", status: 400, want: `{"code":"42703"}`},
		{name: "types that don't compare", path: "/sales?amount=gt(col).note", status: 404, want: `{"code":"42883"}`},

		{name: "rank", path: "/docs?select=id&words=fts(english).cat&order=rank(words,fts(english).cat).desc,id", status: 200, want: `[{"id":1},{"id":2}]`},
		{name: "rank of text", path: "/docs?select=id&id=lt.10&order=rank(body,wfts(english).cat or dog).desc,id", status: 200, want: `[{"id":2},{"id":1},{"id":3}]`},
		{name: "nearest name", path: "/docs?select=id&order=distance(name,cats),id&limit=2", status: 200, want: `[{"id":1},{"id":2}]`},
		{name: "nearest point", path: `/docs?select=id&order=distance(at,"(4,4)"),id&limit=2`, status: 200, want: `[{"id":2},{"id":3}]`},
		{name: "nearest cube", path: `/docs?select=id&corner=not.is.null&order=inner_product(corner,"(0,8)"),id`, status: 200, want: `[{"id":3},{"id":1},{"id":2}]`},
		{name: "no distance", path: "/docs?order=distance(id,5)", status: 400, want: `{"code":"no_distance"}`},
		{name: "a value that is none", path: "/docs?order=distance(at,x)", status: 400, want: `{"code":"22P02"}`},

		{name: "pages of a query", method: "QUERY", path: "/docs?select=id&cursor=", body: "order=id&limit=1&id=lt.9", header: []string{formBody}, status: 200, want: `[{"id":1}]`, wantHeader: []string{"Link:"}},
		{name: "no pages by rank", path: "/docs?select=id&cursor=&order=rank(body,fts.cat)", status: 400, want: `{"code":"cursor_not_possible"}`},
		{name: "no pages of distinct rows", path: "/docs?select=id&cursor=&distinct=id", status: 400, want: `{"code":"cursor_not_possible"}`},
		{name: "a stream of distinct rows", path: "/sales?select=shop&distinct=&order=shop", header: []string{"Accept: application/x-ndjson"}, status: 200, wantText: "{\"shop\":\"a\"}\n{\"shop\":\"b\"}\n"},

		{
			name: "recursive", path: "/employees?select=name,reports:employees!manager_id!recursive.2(name)&reports.order=name.desc&id=eq.1", status: 200,
			want: `[{"name":"Ada","reports":[{"name":"Cy","reports":[]},{"name":"Bob","reports":[{"name":"Di"}]}]}]`,
		},
		{name: "recursive to one", path: "/employees?select=name,manager_id!recursive.9(name)&id=eq.4", status: 200, want: `[{"name":"Di","manager_id":{"name":"Bob","manager_id":{"name":"Ada","manager_id":null}}}]`},
		{
			name: "a cycle ends", path: "/employees?select=id,reports:employees!recursive.10!manager_id(id)&id=eq.10", status: 200,
			want: `[{"id":10,"reports":[{"id":11,"reports":[]}]}]`,
		},
		{name: "a cycle ends upward", path: "/employees?select=id,manager_id!recursive.10(id)&id=eq.10", status: 200, want: `[{"id":10,"manager_id":{"id":11,"manager_id":null}}]`},
		{
			name: "a filter holds on all levels", path: "/employees?select=id,r:employees!manager_id!recursive.9(id,boss:manager_id(id))&r.id=neq.5&r.limit=1&r.order=id&id=eq.1", status: 200,
			want: `[{"id":1,"r":[{"id":2,"boss":{"id":1},"r":[{"id":4,"boss":{"id":2},"r":[]}]}]}]`,
		},
		{
			name: "inner", path: "/employees?select=id,r:employees!manager_id!recursive.2!inner(id)&order=id", header: exact, status: 200,
			want: `[{"id":1,"r":[{"id":2,"r":[{"id":4}]}]},{"id":2,"r":[{"id":4,"r":[{"id":5}]}]},{"id":4,"r":[{"id":5,"r":[{"id":6}]}]}]`, wantHeader: []string{"Content-Range: 0-2/3"},
		},
		{name: "a key of two columns", path: "/parts?select=b,parts!recursive.5(b)&b=eq.1", status: 200, want: `[{"b":1,"parts":[{"b":2,"parts":[{"b":3,"parts":[]}]}]}]`},
		{
			name: "of what is written", method: "PATCH", path: "/employees?id=eq.6&select=name,manager_id!recursive.2(name)", body: `{"name":"Flora"}`, header: []string{"Prefer: return=representation"}, status: 200,
			want: `[{"name":"Flora","manager_id":{"name":"Ed","manager_id":{"name":"Di"}}}]`,
		},
		{name: "too deep", path: "/employees?select=*,r:employees!manager_id!recursive.11(*)", status: 400, want: `{"code":"invalid_recursion"}`},
		{name: "a hint that is none", path: "/employees?select=*,r:employees!recursive(*)", status: 400, want: `{"code":"PGRST200"}`},
	})
	for _, c := range []struct{ name, path, index string }{
		{"trigrams", "/docs?select=id&order=distance(name,cats)&limit=5", "docs_name_idx"},
		{"points", `/docs?select=id&order=distance(at,"(4,4)")&limit=5`, "docs_at_idx"},
	} {
		w := s.send(t, "GET", c.path, "", "Accept: application/vnd.pgrst.plan")
		if !strings.Contains(w.Body.String(), "Index Scan using "+c.index) || !strings.Contains(w.Body.String(), "Order By:") {
			t.Errorf("%s are not ordered by their index:\n%s", c.name, w.Body)
		}
	}
}

// Without extensions each of them is what it is to PostgREST: a hint, a filter or no
// query at all.
func TestRestWithoutExtensionsReadsAsPostgREST(t *testing.T) {
	t.Parallel()
	s := newRest(t, extendedFixture, func(c *restConfig) { c.AggregatesEnabled = true })
	for path, code := range map[string]string{
		"/sales?select=shop&distinct=":                                  "PGRST100",
		"/sales?distinct=shop":                                          "PGRST100",
		"/sales?select=shop&having=count().gt.1":                        "PGRST100",
		"/sales?select=amount.sum().filter(status.eq.paid)":             "PGRST100",
		"/sales?amount=gt(col).paid":                                    "PGRST100",
		"/sales?or=(amount.gt(col).paid)":                               "PGRST100",
		"/docs?order=rank(body,fts.cat)":                                "PGRST100",
		"/docs?order=distance(name,cats)":                               "PGRST100",
		"/employees?select=r:employees!manager_id!recursive.2(*)":       "PGRST100",
		"/employees?select=r:employees!recursive(*)":                    "PGRST200",
		"/docs?order=distance(name)":                                    "PGRST108",
		"/employees?select=manager_id!left!inner!recursive.1(*)":        "PGRST100",
		"/sales?select=id&distinct=eq.5&having=eq.1":                    "",
		"/rpc/echo?v=gt(col).b":                                         "",
		"/rpc/distinct_rows?distinct=a,b&select=&limit=1&order=":        "PGRST100",
		"/rpc/distinct_rows?distinct=" + strings.Repeat("a,", 10) + "b": "",
	} {
		w := s.send(t, "GET", path, "")
		if code == "" && w.Code != 200 || code != "" && !strings.Contains(w.Body.String(), fmt.Sprintf(`"code":%q`, code)) {
			t.Errorf("%s: %d %s, want %q", path, w.Code, w.Body, code)
		}
	}
}

func TestRestHavingNeedsAggregates(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, func(c *restConfig) { c.Extensions = true })
	for _, path := range []string{"/items?select=label&having=count().gt.1", "/items?select=count().filter(id.gt.1)"} {
		s.check(t, restCase{path: path, status: 400, want: `{"code":"PGRST123"}`})
	}
}
