package tests

import "testing"

func TestRestCalls(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	s.run(t, []restCase{
		{name: "scalar", method: "POST", path: "/rpc/add", body: `{"a":1,"b":2}`, status: 200, wantText: `3`, wantHeader: []string{"Content-Range: 0-0/*", "Content-Type: application/json; charset=utf-8", "Content-Location:"}},
		{name: "default argument", method: "POST", path: "/rpc/add", body: `{"a":1}`, status: 200, wantText: `11`},
		{name: "by get", path: "/rpc/add?a=1&b=5", status: 200, wantText: `6`},
		{name: "by head", method: "HEAD", path: "/rpc/add?a=1&b=5", status: 200},
		{name: "text", path: "/rpc/greet", status: 200, wantText: `"hello"`},
		{name: "without body", method: "POST", path: "/rpc/greet", status: 200, wantText: `"hello"`},
		{name: "form", method: "POST", path: "/rpc/add", body: "a=3&b=4", header: []string{"Content-Type: application/x-www-form-urlencoded"}, status: 200, wantText: `7`},
		{name: "void", method: "POST", path: "/rpc/nothing", body: `{}`, status: 204, wantHeader: []string{"Content-Type:"}},
		{name: "one row", path: "/rpc/one_item?item_id=1&select=id,label", status: 200, wantText: `{"id":1,"label":"one"}`},
		{
			name: "set", path: "/rpc/all_projects?select=id,clients(name)&id=gt.2&order=id.desc&limit=2", status: 200,
			want: `[{"id":5,"clients":null},{"id":4,"clients":{"name":"Apple"}}]`, wantHeader: []string{"Content-Range: 0-1/*"},
		},
		{
			name: "set by post with count", method: "POST", path: "/rpc/all_projects?select=id&id=gt.1&order=id&limit=2", body: `{}`, header: []string{"Prefer: count=exact"}, status: 206,
			want: `[{"id":2},{"id":3}]`, wantHeader: []string{"Content-Range: 0-1/4"},
		},
		{name: "computed field of a set", path: "/rpc/all_items?select=id,label_length&id=eq.1", status: 200, want: `[{"id":1,"label_length":3}]`},
		{name: "set of values", path: "/rpc/numbers?n=3", status: 200, want: `[1,2,3]`},
		{name: "set of values, limited", path: "/rpc/numbers?n=5&limit=2&offset=1", status: 200, want: `[2,3]`, wantHeader: []string{"Content-Range: 1-2/*"}},
		{name: "table", path: "/rpc/pairs?x=gt.1", status: 200, want: `[{"x":2,"y":"b"}]`},
		{name: "table, single", path: "/rpc/pairs?x=eq.1", header: []string{"Accept: application/vnd.pgrst.object+json"}, status: 200, want: `{"x":1,"y":"a"}`},
		{name: "table, not single", path: "/rpc/pairs", header: []string{"Accept: application/vnd.pgrst.object+json"}, status: 406, want: `{"code":"PGRST116"}`},
		{name: "csv", path: "/rpc/pairs", header: []string{"Accept: text/csv"}, status: 200, wantText: "x,y\n1,a\n2,b"},
		{name: "csv of a value", path: "/rpc/add?a=1&b=2", header: []string{"Accept: text/csv"}, status: 200, wantText: "pgrst_scalar\n3"},
		{name: "variadic by get", path: "/rpc/total?ns=1&ns=2&ns=3", status: 200, wantText: `6`},
		{name: "variadic by post", method: "POST", path: "/rpc/total", body: `{"ns":[1,2]}`, status: 200, wantText: `3`},
		{name: "overloaded", path: "/rpc/overloaded?a=1&b=2", status: 200, wantText: `"two"`},
		{name: "overloaded, shorter", path: "/rpc/overloaded?a=1", status: 200, wantText: `"int"`},
		{
			name: "ambiguous", path: "/rpc/twice?a=1", status: 300,
			want: `{"code":"PGRST203","message":"Could not choose the best candidate function between: public.twice(a => integer), public.twice(a => text)",
			 "hint":"Try renaming the parameters or the function itself in the database so function overloading can be resolved"}`,
		},
		{
			name: "unknown", path: "/rpc/nope", status: 404,
			want: `{"code":"PGRST202","message":"Could not find the function public.nope without parameters in the schema cache",
			 "details":"Searched for the function public.nope without parameters, but no matches were found in the schema cache.","hint":null}`,
		},
		{name: "near", path: "/rpc/overloadd?a=1", status: 404, want: `{"hint":"Perhaps you meant to call the function public.overloaded"}`},
		{
			name: "wrong arguments", method: "POST", path: "/rpc/add", body: `{"a":1,"c":2}`, status: 404,
			want: `{"code":"PGRST202","message":"Could not find the function public.add(a, c) in the schema cache",
			 "details":"Searched for the function public.add with parameters a, c or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.",
			 "hint":"Perhaps you meant to call the function public.add(a, b)"}`,
		},
		{name: "one argument too many", path: "/rpc/add?a=1&b=2&something=x", status: 404, want: `{"hint":"Perhaps you meant to call the function public.add(a, b)"}`},
		{name: "unnamed json", method: "POST", path: "/rpc/whole", body: `{"a": [1, {"b": 2}]}`, status: 200, want: `{"a":[1,{"b":2}]}`},
		{name: "unnamed text", method: "POST", path: "/rpc/raw_text", body: `shout`, header: []string{"Content-Type: text/plain"}, status: 200, wantText: `"SHOUT"`},
		{name: "no json beside columns", method: "POST", path: "/rpc/add?columns=a", body: `}{`, status: 400, want: `{"code":"22P02"}`},
		{name: "columns are for json", method: "POST", path: "/rpc/add?columns=b", body: `a=1`, header: []string{"Content-Type: application/x-www-form-urlencoded"}, status: 200, wantText: `11`},
		{name: "no text is an empty text", method: "POST", path: "/rpc/raw_text", header: []string{"Content-Type: text/plain"}, status: 200, wantText: `""`},
		{name: "columns", method: "POST", path: "/rpc/add?columns=a", body: `{"a":1,"b":2}`, status: 200, wantText: `11`},
		{name: "volatile by get", path: "/rpc/write_it?v=x", status: 405, want: `{"code":"25006"}`},
		{name: "volatile by post", method: "POST", path: "/rpc/write_it", body: `{"v":"x"}`, status: 200, wantText: `1`},
		{name: "and it wrote", path: "/nopk", status: 200, want: `[{"v":"x"}]`},
		{name: "sets the answer", method: "POST", path: "/rpc/set_answer", body: `{}`, status: 418, wantText: `"teapot"`, wantHeader: []string{"X-Custom: yes", "Content-Type: text/special"}},
		{name: "raises", method: "POST", path: "/rpc/raise_it", body: `{"code":"PT402"}`, status: 402, want: `{"code":"PT402","message":"raised","details":"the detail","hint":"the hint"}`},
		{name: "raises with a class", method: "POST", path: "/rpc/raise_it", body: `{"code":"P0001"}`, status: 400, want: `{"code":"P0001"}`},
		{name: "record", path: "/rpc/record_of?a=1", status: 200, want: `{"f1":1,"f2":2}`},
		{name: "max affected of one value", method: "POST", path: "/rpc/add", body: `{"a":1}`, header: []string{"Prefer: handling=strict, max-affected=1"}, status: 400, want: `{"code":"PGRST128"}`},
		{name: "max affected", method: "POST", path: "/rpc/pairs", body: `{}`, header: []string{"Prefer: handling=strict, max-affected=1"}, status: 400, want: `{"code":"PGRST124","details":"The query affects 2 rows"}`},
		{name: "wrong type", path: "/rpc/add?a=x", status: 400, want: `{"code":"22P02"}`},
		{name: "method", method: "DELETE", path: "/rpc/add", status: 405, want: `{"code":"PGRST101","message":"Cannot use the DELETE method on RPC"}`},
		{name: "options", method: "OPTIONS", path: "/rpc/greet", status: 200, wantHeader: []string{"Allow: OPTIONS,GET,HEAD,POST"}},
		{name: "options of volatile", method: "OPTIONS", path: "/rpc/nothing", status: 200, wantHeader: []string{"Allow: OPTIONS,POST"}},
	})
}
