package tests

import (
	"fmt"
	"sync"
	"testing"
)

const (
	patchType   = "Content-Type: application/json-patch+json"
	changesType = "Content-Type: application/vnd.fluxbase.changes+json"
	wholeRow    = "Prefer: return=representation"
)

func TestRestUpdatesEachRow(t *testing.T) {
	t.Parallel()
	s := newRest(t, writesFixture+`
insert into prices values ('a', 'eu', 1, 'keep'), ('a', 'us', 2, 'keep'), ('b', 'eu', 3, 'keep');
insert into counters (name, n) values ('x', 1), ('y', 2), ('z', 3);
create table public.nokey (v text, w text);
insert into nokey values ('a', '1'), ('b', '2');
grant all on public.nokey to anon`, withExtensions)
	s.run(t, []restCase{
		{
			name: "by the primary key", method: "PATCH", path: "/counters?select=name,n&order=name", header: []string{wholeRow}, status: 200,
			body: `[{"name":"x","n":10},{"name":"z","n":30}]`, want: `[{"name":"x","n":10},{"name":"z","n":30}]`,
		},
		{
			name: "by a key of two columns", method: "PATCH", path: "/prices", header: []string{"Prefer: count=exact"}, status: 204,
			body:       `[{"sku":"a","region":"us","price":20},{"price":30,"region":"eu","sku":"b"},{"price":40,"region":"no","sku":"b"}]`,
			wantHeader: []string{"Content-Range: 0-1/2"},
		},
		{name: "written", path: "/prices?order=price", status: 200, want: `[{"sku":"a","region":"eu","price":1,"note":"keep"},
			{"sku":"a","region":"us","price":20,"note":"keep"},{"sku":"b","region":"eu","price":30,"note":"keep"}]`},
		{
			name: "by other columns", method: "PATCH", path: "/nokey?on_conflict=v&order=v", header: []string{wholeRow}, status: 200,
			body: `[{"v":"a","w":"11"},{"v":"b","w":null}]`, want: `[{"v":"a","w":"11"},{"v":"b","w":null}]`,
		},
		{
			name: "columns chooses", method: "PATCH", path: "/prices?columns=price&order=price", header: []string{wholeRow}, status: 200,
			body: `[{"sku":"a","region":"us","price":21,"note":"lost"},{"sku":"a","region":"eu","price":2}]`,
			want: `[{"sku":"a","region":"eu","price":2,"note":"keep"},{"sku":"a","region":"us","price":21,"note":"keep"}]`,
		},
		{
			name: "none found", method: "PATCH", path: "/counters", header: []string{"Prefer: count=exact"}, status: 204,
			body: `[{"name":"no","n":1}]`, wantHeader: []string{"Content-Range: */0"},
		},
		{
			name: "a key twice", method: "PATCH", path: "/counters", status: 400,
			body: `[{"name":"x","n":7},{"name":"y","n":7},{"name":"x","n":8}]`, want: `{"code":"bulk_key"}`,
		},
		{
			name: "a key twice of a row that is not there", method: "PATCH", path: "/counters", status: 400,
			body: `[{"name":"x","n":7},{"name":"no","n":7},{"name":"no","n":8}]`, want: `{"code":"bulk_key"}`,
		},
		{name: "without the key", method: "PATCH", path: "/counters", status: 400, body: `[{"n":7}]`, want: `{"code":"bulk_key"}`},
		{name: "a table without a key", method: "PATCH", path: "/nokey", status: 400, body: `[{"v":"a","w":"x"}]`, want: `{"code":"bulk_key"}`},
		{name: "nothing but the key", method: "PATCH", path: "/counters", status: 400, body: `[{"name":"x"}]`, want: `{"code":"bulk_key"}`},
		{name: "other keys", method: "PATCH", path: "/counters", status: 400, body: `[{"name":"x","n":7},{"name":"y"}]`, want: `{"code":"PGRST102"}`},
		{name: "an unknown key", method: "PATCH", path: "/counters?on_conflict=no", status: 400, body: `[{"name":"x","n":7}]`, want: `{"code":"PGRST204"}`},
		{name: "none changed", path: "/counters?select=n&order=n", status: 200, want: `[{"n":2},{"n":10},{"n":30}]`},
		{
			name: "with a filter PostgREST's meaning", method: "PATCH", path: "/counters?name=eq.y&select=n,ratio", header: []string{wholeRow}, status: 200,
			body: `[{"n":5,"ratio":1},{"n":6,"ratio":2}]`, want: `[{"n":5,"ratio":1}]`,
		},
		{
			name: "and for all rows", method: "PATCH", path: "/counters?select=n", header: []string{wholeRow, "Prefer: handling=all-rows"}, status: 200,
			body: `[{"n":9},{"n":6}]`, want: `[{"n":9},{"n":9},{"n":9}]`,
		},
	})
	off := serveRest(t, s.db, nil)
	off.run(t, []restCase{{
		name: "and without extensions", method: "PATCH", path: "/counters?select=n", header: []string{wholeRow}, status: 200,
		body: `[{"n":4},{"n":6}]`, want: `[{"n":4},{"n":4},{"n":4}]`,
	}})
}

func TestRestJSONPatch(t *testing.T) {
	t.Parallel()
	s := newRest(t, writesFixture, withExtensions)
	const start = `{"a":{"b":[1,2,3],"0":"zero"},"01":"s","n":null,"s":"x"}`
	patch := func(name, body string, status int, want string) restCase {
		exec(t, s.db, `insert into counters (name, n, data, tags) values ('`+name+`', 1, '`+start+`', '{x}')`)
		return restCase{
			name: name, method: "PATCH", path: "/counters?select=n,data,tags,at&name=eq." + name, body: body,
			header: []string{patchType, wholeRow}, status: status, want: want,
		}
	}
	data := func(d string) string { return `[{"n":1,"data":` + d + `,"tags":["x"],"at":null}]` }
	s.run(t, []restCase{
		patch("columns", `[{"op":"test","path":"/n","value":1.0},{"op":"replace","path":"/n","value":5},{"op":"add","path":"/tags","value":["a","b"]},
			{"op":"replace","path":"/at","value":"2026-01-02T03:04:05+00:00"}]`, 200,
			`[{"n":5,"data":`+start+`,"tags":["a","b"],"at":"2026-01-02T03:04:05+00:00"}]`),
		patch("members", `[{"op":"add","path":"/data/new","value":{"x":[null]}},{"op":"replace","path":"/data/n","value":true},
			{"op":"remove","path":"/data/s"},{"op":"add","path":"/data/a~1b~0","value":1},{"op":"add","path":"/data/","value":2}]`, 200,
			data(`{"a":{"b":[1,2,3],"0":"zero"},"01":"s","n":true,"new":{"x":[null]},"a/b~":1,"":2}`)),
		patch("elements", `[{"op":"add","path":"/data/a/b/0","value":0},{"op":"add","path":"/data/a/b/-","value":9},{"op":"add","path":"/data/a/b/5","value":10},
			{"op":"replace","path":"/data/a/b/1","value":"one"},{"op":"remove","path":"/data/a/b/2"}]`, 200,
			data(`{"a":{"b":[0,"one",3,9,10],"0":"zero"},"01":"s","n":null,"s":"x"}`)),
		patch("empty array", `[{"op":"add","path":"/data/l","value":[]},{"op":"add","path":"/data/l/-","value":1},{"op":"add","path":"/data/l/0","value":0}]`, 200,
			data(`{"a":{"b":[1,2,3],"0":"zero"},"01":"s","n":null,"s":"x","l":[0,1]}`)),
		patch("digits as members", `[{"op":"replace","path":"/data/01","value":1},{"op":"replace","path":"/data/a/0","value":1}]`, 200,
			data(`{"a":{"b":[1,2,3],"0":1},"01":1,"n":null,"s":"x"}`)),
		patch("move", `[{"op":"move","from":"/data/a/b/0","path":"/data/a/b/2"},{"op":"move","from":"/data/s","path":"/data/t"},{"op":"move","from":"/n","path":"/data/n"},
			{"op":"add","path":"/n","value":7}]`, 200, `[{"n":7,"data":{"a":{"b":[2,3,1],"0":"zero"},"01":"s","n":1,"t":"x"},"tags":["x"],"at":null}]`),
		patch("copy", `[{"op":"copy","from":"/data/a","path":"/data/c"},{"op":"copy","from":"/data/n","path":"/data/m"},{"op":"copy","from":"/tags","path":"/data/tags"}]`, 200,
			data(`{"a":{"b":[1,2,3],"0":"zero"},"01":"s","n":null,"s":"x","c":{"b":[1,2,3],"0":"zero"},"m":null,"tags":["x"]}`)),
		patch("only tests", `[{"op":"test","path":"/data/a","value":{"0":"zero","b":[1,2,3]}},{"op":"test","path":"/data/n","value":null}]`, 200, data(start)),
		patch("remove a column", `[{"op":"remove","path":"/at"}]`, 200, data(start)),
		patch("tests see what came before", `[{"op":"replace","path":"/data/s","value":"y"},{"op":"test","path":"/data/s","value":"y"}]`, 200,
			data(`{"a":{"b":[1,2,3],"0":"zero"},"01":"s","n":null,"s":"y"}`)),
		patch("a failing test", `[{"op":"replace","path":"/n","value":2},{"op":"test","path":"/data/s","value":"z"}]`, 409, `{"code":"patch_test_failed","details":{"operation":1}}`),
		patch("a test of nothing", `[{"op":"test","path":"/data/no","value":null}]`, 409, `{"code":"patch_test_failed"}`),
		patch("a test at no index", `[{"op":"test","path":"/data/a/b/-1","value":3}]`, 409, `{"code":"patch_test_failed"}`),
		patch("replace of nothing", `[{"op":"replace","path":"/data/no","value":1}]`, 422, `{"code":"patch_place","details":{"operation":0}}`),
		patch("remove of nothing", `[{"op":"remove","path":"/data/a/b/3"}]`, 422, `{"code":"patch_place"}`),
		patch("add below nothing", `[{"op":"add","path":"/data/no/x","value":1}]`, 422, `{"code":"patch_place"}`),
		patch("add below text", `[{"op":"add","path":"/data/s/x","value":1}]`, 422, `{"code":"patch_place"}`),
		patch("add past the end", `[{"op":"add","path":"/data/a/b/4","value":1}]`, 422, `{"code":"patch_place"}`),
		patch("add at no index", `[{"op":"add","path":"/data/a/b/x","value":1}]`, 422, `{"code":"patch_place"}`),
		patch("add at a padded index", `[{"op":"add","path":"/data/a/b/01","value":1}]`, 422, `{"code":"patch_place"}`),
		patch("remove from the end", `[{"op":"remove","path":"/data/a/b/-1"}]`, 422, `{"code":"patch_place"}`),
		patch("remove the end", `[{"op":"remove","path":"/data/a/b/-"}]`, 422, `{"code":"patch_place"}`),
		patch("move of nothing", `[{"op":"move","from":"/data/no","path":"/data/x"}]`, 422, `{"code":"patch_place"}`),
		patch("copy of nothing", `[{"op":"copy","from":"/data/no","path":"/data/x"}]`, 422, `{"code":"patch_place"}`),
		patch("into itself", `[{"op":"move","from":"/data/a","path":"/data/a/b/x"}]`, 400, `{"code":"patch_invalid"}`),
		patch("a wrong type", `[{"op":"replace","path":"/n","value":"x"}]`, 400, `{"code":"22P02"}`),
		patch("an unknown column", `[{"op":"replace","path":"/no","value":1}]`, 400, `{"code":"PGRST204"}`),
		patch("the whole row", `[{"op":"replace","path":"","value":{}}]`, 400, `{"code":"patch_invalid"}`),
		patch("an unknown operation", `[{"op":"increment","path":"/n","value":1}]`, 400, `{"code":"patch_invalid"}`),
		patch("without a value", `[{"op":"add","path":"/n"}]`, 400, `{"code":"patch_invalid"}`),
		patch("no array", `{"op":"add","path":"/n","value":1}`, 400, `{"code":"patch_invalid"}`),
		patch("no JSON", `[`, 400, `{"code":"PGRST102"}`),
		{
			name: "of all or none", method: "PATCH", path: "/counters?n=gt.1", header: []string{patchType}, status: 409,
			body: `[{"op":"test","path":"/n","value":5},{"op":"replace","path":"/n","value":6}]`, want: `{"code":"patch_test_failed"}`,
		},
		{
			name: "of rows that are chosen only", method: "PATCH", path: "/counters?name=eq.columns&select=n", header: []string{patchType, wholeRow}, status: 200,
			body: `[{"op":"test","path":"/n","value":5},{"op":"replace","path":"/n","value":6}]`, want: `[{"n":6}]`,
		},
		{
			name: "without a filter", method: "PATCH", path: "/counters", header: []string{patchType}, status: 400,
			body: `[{"op":"replace","path":"/n","value":6}]`, want: `{"code":"unfiltered_write"}`,
		},
		{
			name: "none changed by failures", path: "/counters?select=name&or=(n.gt.1,data->>s.eq.y)&order=name", status: 200,
			want: `[{"name":"columns"},{"name":"move"},{"name":"tests see what came before"}]`,
		},
	})
	off := serveRest(t, s.db, nil)
	off.run(t, []restCase{
		{name: "no such body without extensions", method: "PATCH", path: "/counters?n=eq.1", header: []string{patchType}, body: `[]`, status: 400, want: `{"code":"PGRST102"}`},
		{name: "nor changes", method: "PATCH", path: "/counters?n=eq.1", header: []string{changesType}, body: `{}`, status: 400, want: `{"code":"PGRST102"}`},
	})
}

func TestRestChanges(t *testing.T) {
	t.Parallel()
	s := newRest(t, writesFixture+`
insert into counters (name, n, ratio, tags, data) values ('a', 1, null, '{x,y,x}', '{"k": 1, "l": [1, "1", null]}'), ('list', 0, 2.5, '{}', '[1, 2, 1]')`, withExtensions)
	change := func(name, path, body string, status int, want string) restCase {
		return restCase{name: name, method: "PATCH", path: "/counters?" + path, body: body, header: []string{changesType, wholeRow}, status: status, want: want}
	}
	s.run(t, []restCase{
		change("numbers", "name=eq.a&select=n,ratio", `{"n":{"inc":5},"ratio":{"inc":1.25}}`, 200, `[{"n":6,"ratio":1.25}]`),
		change("factors", "name=eq.a&select=n,ratio", `{"n":{"mul":-2},"ratio":{"mul":2}}`, 200, `[{"n":-12,"ratio":2.50}]`),
		change("the lesser", "name=eq.a&select=n,name", `{"n":{"min":-20},"name":{"max":"A"}}`, 200, `[{"n":-20,"name":"a"}]`),
		change("the greater", "name=eq.a&select=n,at", `{"n":{"max":3},"at":{"max":"2026-01-01T00:00:00Z"}}`, 200, `[{"n":3,"at":"2026-01-01T00:00:00+00:00"}]`),
		change("set", "name=eq.a&select=n,ratio", `{"n":{"set":4},"ratio":{"set":null}}`, 200, `[{"n":4,"ratio":null}]`),
		change("append one", "name=eq.a&select=tags", `{"tags":{"append":"z"}}`, 200, `[{"tags":["x","y","x","z"]}]`),
		change("append several", "name=eq.a&select=tags", `{"tags":{"append":["v","w"]}}`, 200, `[{"tags":["x","y","x","z","v","w"]}]`),
		change("remove", "name=eq.a&select=tags", `{"tags":{"remove":"x"}}`, 200, `[{"tags":["y","z","v","w"]}]`),
		change("merge", "name=eq.a&select=data", `{"data":{"merge":{"k":2,"m":{"inc":1}}}}`, 200, `[{"data":{"k":2,"l":[1,"1",null],"m":{"inc":1}}}]`),
		change("append to json", "name=eq.list&select=data", `{"data":{"append":[3]}}`, 200, `[{"data":[1,2,1,[3]]}]`),
		change("remove from json", "name=eq.list&select=data", `{"data":{"remove":1}}`, 200, `[{"data":[2,[3]]}]`),
		change("append to an object", "name=eq.a", `{"data":{"append":1}}`, 422, `{"code":"patch_place"}`),
		change("merge into an array", "name=eq.list", `{"data":{"merge":{}}}`, 422, `{"code":"patch_place"}`),
		change("inc of text", "name=eq.a", `{"name":{"inc":1}}`, 400, `{"code":"patch_invalid"}`),
		change("inc by text", "name=eq.a", `{"n":{"inc":"x"}}`, 400, `{"code":"22P02"}`),
		change("over the limit", "name=eq.a", `{"n":{"inc":2147483647}}`, 400, `{"code":"22003"}`),
		change("an unknown change", "name=eq.a", `{"n":{"add":1}}`, 400, `{"code":"patch_invalid"}`),
		change("two at once", "name=eq.a", `{"n":{"inc":1,"mul":2}}`, 400, `{"code":"patch_invalid"}`),
		change("a plain value", "name=eq.a", `{"n":1}`, 400, `{"code":"patch_invalid"}`),
		change("nothing", "name=eq.a", `{}`, 400, `{"code":"patch_invalid"}`),
		change("an unknown column", "name=eq.a", `{"no":{"inc":1}}`, 400, `{"code":"PGRST204"}`),
		change("without a filter", "", `{"n":{"inc":1}}`, 400, `{"code":"unfiltered_write"}`),
		{
			name: "an object that looks like a change is data", method: "PATCH", path: "/counters?name=eq.a&select=data", body: `{"data":{"inc":1}}`,
			header: []string{wholeRow}, status: 200, want: `[{"data":{"inc":1}}]`,
		},
		{name: "now", method: "PATCH", path: "/counters?name=eq.list", body: `{"at":{"now":true}}`, header: []string{changesType}, status: 204},
		{name: "is now", path: "/counters?select=name&at=gt.2026-01-01&name=eq.list", status: 200, want: `[{"name":"list"}]`},
		{name: "in a batch", method: "POST", path: "/batch", status: 200, body: `{"operations":[
			{"method":"PATCH","path":"/counters?name=eq.list","headers":{"Content-Type":"application/vnd.fluxbase.changes+json"},"body":{"n":{"inc":1}}},
			{"method":"PATCH","path":"/counters?name=eq.list","headers":{"Content-Type":"application/json-patch+json"},"body":[{"op":"test","path":"/n","value":1}]}]}`},
	})
}

func TestRestUpserts(t *testing.T) {
	t.Parallel()
	s := newRest(t, writesFixture+`
insert into customers (name, email, deleted_at) values ('old', 'a@b', now()), ('live', 'a@b', null);
create table public.states (id int, state text, v text, update_columns text, constraint states_id_key unique (id));
create unique index states_open on public.states (state) where state = 'it''s open';
insert into states values (1, 'done', 'keep'), (2, 'it''s open', 'keep');
grant all on public.states to anon`, withExtensions)
	const merge = "Prefer: return=representation, resolution=merge-duplicates"
	post := func(name, path, body string, status int, want string) restCase {
		return restCase{name: name, method: "POST", path: path, body: body, header: []string{merge}, status: status, want: want}
	}
	s.run(t, []restCase{
		post("on a partial index", "/customers?select=name,email,visits&on_conflict=email&on_conflict_where=(deleted_at.is.null)",
			`{"name":"new","email":"a@b","visits":3}`, 200, `[{"name":"new","email":"a@b","visits":3}]`),
		post("another row there", "/customers?select=name&on_conflict=email&on_conflict_where=(deleted_at.is.null)", `{"name":"c","email":"c@d"}`, 201, `[{"name":"c"}]`),
		post("chosen columns change", "/customers?select=name,visits&on_conflict=email&on_conflict_where=(deleted_at.is.null)&update_columns=visits",
			`{"name":"other","email":"a@b","visits":4}`, 200, `[{"name":"new","visits":4}]`),
		post("a value in the condition", "/states?select=id,v&on_conflict=state&on_conflict_where=(state.eq.it's open)", `{"id":3,"state":"it's open","v":"x"}`, 200,
			`[{"id":3,"v":"x"}]`),
		post("another value", "/states?select=id,v&on_conflict=state&on_conflict_where=(state.eq.done)", `{"id":3,"state":"done","v":"x"}`, 400, `{"code":"42P10"}`),
		post("by constraint", "/states?select=id,v&on_conflict_constraint=states_id_key", `{"id":1,"v":"by name"}`, 200, `[{"id":1,"v":"by name"}]`),
		post("an unknown constraint", `/states?on_conflict_constraint=no"no`, `{"id":1,"v":"x"}`, 400, `{"code":"42704"}`),
		post("an unknown column", "/states?on_conflict=id&update_columns=no", `{"id":1,"v":"x"}`, 400, `{"code":"PGRST204"}`),
		post("a column that is not in the body", "/states?on_conflict=id&update_columns=state", `{"id":1,"v":"x"}`, 400, `{"code":"PGRST204"}`),
		post("a condition that is none", "/states?on_conflict=state&on_conflict_where=(state.like.x*)", `{"id":1}`, 400, `{"code":"PGRST100"}`),
		post("an unknown column in it", "/states?on_conflict=state&on_conflict_where=(no.eq.x)", `{"id":1}`, 400, `{"code":"PGRST204"}`),
		post("a filter of that name is a filter", "/states?select=id&on_conflict=id&update_columns=eq.5", `{"id":1,"v":"z"}`, 200, `[{"id":1}]`),
	})
	off := serveRest(t, s.db, nil)
	off.run(t, []restCase{
		post("none of it without extensions", "/states?on_conflict=id&update_columns=v", `{"id":1,"v":"x"}`, 400, `{"code":"PGRST100"}`),
	})
}

// What two callers do to one row at once is done one after the other.
func TestRestWritesAtOnce(t *testing.T) {
	t.Parallel()
	s := newRest(t, writesFixture+`insert into counters (name, data) values ('c', '{"n": 0, "l": []}');`, withExtensions)
	const callers, rounds = 6, 10
	patched := make([]int, callers)
	var group sync.WaitGroup
	for n := range callers {
		group.Go(func() {
			for i := range rounds {
				want := func(status int, method, path, body string, header ...string) bool {
					w := s.send(t, method, path, body, header...)
					if w.Code != status && w.Code != 409 {
						t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
					}
					return w.Code == status
				}
				want(204, "PATCH", "/counters?name=eq.c", fmt.Sprintf(`{"n":{"inc":1},"tags":{"append":"%d-%d"}}`, n, i), changesType)
				want(204, "PATCH", "/counters?name=eq.c", fmt.Sprintf(`[{"op":"add","path":"/data/l/-","value":"%d-%d"}]`, n, i), patchType)
				// Whoever finds the number that he saw may write the next.
				var seen string
				if w := s.send(t, "GET", "/counters?select=data->>n&name=eq.c", "", "Accept: text/csv"); w.Code == 200 {
					seen = csvColumn(w.Body.String())
				}
				if want(204, "PATCH", "/counters?name=eq.c", fmt.Sprintf(`[{"op":"test","path":"/data/n","value":%s},{"op":"replace","path":"/data/n","value":%d}]`, seen, n*1000+i+1), patchType) {
					patched[n]++
				}
				email := fmt.Sprintf("%d@x", i)
				w := s.send(t, "POST", "/customers?on_conflict=email&on_conflict_where=(deleted_at.is.null)&update_columns=name",
					`{"name":"`+fmt.Sprint(n)+`","email":"`+email+`","visits":1}`, "Prefer: resolution=merge-duplicates")
				if w.Code != 200 && w.Code != 201 {
					t.Errorf("upsert: %d %s", w.Code, w.Body)
				}
			}
		})
	}
	group.Wait()
	var n, tags, list, distinct, customers int
	err := s.db.Conn(t).QueryRow(t.Context(), `select n, cardinality(tags), jsonb_array_length(data->'l'),
  (select count(distinct e) from jsonb_array_elements(data->'l') as e), (select count(*) from customers)
  from counters where name = 'c'`).Scan(&n, &tags, &list, &distinct, &customers)
	if all := callers * rounds; err != nil || n != all || tags != all || list != all || distinct != all || customers != rounds {
		t.Errorf("n %d, tags %d, list %d (%d distinct) of %d, customers %d of %d: %v", n, tags, list, distinct, all, customers, rounds, err)
	}
	if patched[0]+patched[1]+patched[2] == 0 && patched[3]+patched[4]+patched[5] == 0 {
		t.Error("nobody's test held")
	}
}
