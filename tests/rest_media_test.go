package tests

import (
	"encoding/json"
	"strings"
	"testing"
)

// mediaFixture has a handler of every kind: for one table, for any, for
// everything that is asked for, and functions that give a type by themselves.
const mediaFixture = restFixture + `
create domain public."text/html" as text;
create domain public."text/plain" as text;
create domain public."text/xml" as xml;
create domain public."image/png" as bytea;
create domain public."application/json" as json;
create domain public."text/csv" as text;
create domain public."pg/outfunc" as text;
create domain public."app/jsonb" as jsonb;
create domain public."*/*" as bytea;

create function public.page() returns public."text/html" language sql immutable as $$ select '<h1>hi</h1>' $$;
create function public.note(empty boolean default false) returns public."text/plain" language sql immutable
  as $$ select case when not empty then 'a note' end $$;
create function public.notes_twice() returns setof public."text/plain" language sql immutable as $$ values ('a'), ('b') $$;
create function public.feed() returns public."text/xml" language sql immutable as $$ select E'\n<a/>'::xml $$;
create function public.image() returns public."image/png" language sql immutable as $$ select '\x89504e470d0a00ff'::bytea $$;
create function public.anything() returns public."*/*" language sql immutable as $$ select 'any'::bytea $$;
create function public.something() returns public."*/*" language plpgsql volatile as $$
declare v_type text := current_setting('request.headers')::json->>'accept';
begin
  if v_type not in ('app/chico', 'app/harpo') then
    raise sqlstate 'PT406' using message = 'Not Acceptable';
  end if;
  perform set_config('response.headers', json_build_array(json_build_object('Content-Type', v_type))::text, true);
  return convert_to(split_part(v_type, '/', 2), 'utf8');
end $$;

create function public.clients_step(state public."application/json", r public.clients) returns public."application/json"
  language sql immutable as $$ select '{"overridden": true}'::json $$;
create aggregate public.clients_json(public.clients) (
  sfunc = public.clients_step, stype = public."application/json", initcond = '{"overridden": "never"}');
create function public.outfunc_step(state public."pg/outfunc", r anyelement) returns public."pg/outfunc"
  language sql immutable as $$ select state || r::text || E'\n' $$;
create aggregate public.outfunc(anyelement) (sfunc = public.outfunc_step, stype = public."pg/outfunc", initcond = '');
create function public.jsonb_step(state public."app/jsonb", r anyelement) returns public."app/jsonb"
  language sql immutable as $$ select '{"a": 1}'::jsonb $$;
create aggregate public.jsonb_any(anyelement) (sfunc = public.jsonb_step, stype = public."app/jsonb");
create function public.bytes_step(state public."*/*", r public.users) returns public."*/*"
  language sql immutable as $$ select coalesce(state, '')::bytea || convert_to(r.name, 'utf8') $$;
create aggregate public.users_any(public.users) (sfunc = public.bytes_step, stype = public."*/*");
create function public.csv_step(state text, r public.tree) returns text
  language sql immutable as $$ select coalesce(state, '') || r.name || ';' $$;
create function public.csv_end(state text) returns public."text/csv" language plpgsql volatile as $$
begin
  perform set_config('response.headers', '[{"Content-Disposition": "attachment; filename=\"tree.csv\""}]', true);
  return 'BOM ' || state;
end $$;
create aggregate public.tree_csv(public.tree) (sfunc = public.csv_step, stype = text, finalfunc = public.csv_end);
create function public.all_trees() returns setof public.tree language sql stable as 'select * from public.tree';
`

func TestRestCustomMedia(t *testing.T) {
	t.Parallel()
	s := newRest(t, mediaFixture, nil)
	const full = "Prefer: return=representation"
	s.run(t, []restCase{
		{name: "function", path: "/rpc/page", header: []string{"Accept: text/html"}, status: 200, wantText: "<h1>hi</h1>", wantHeader: []string{"Content-Type: text/html", "Content-Length: 11"}},
		{name: "function by head", method: "HEAD", path: "/rpc/page", header: []string{"Accept: text/html"}, status: 200, wantHeader: []string{"Content-Type: text/html"}},
		{name: "a type that we know has a charset", path: "/rpc/note", header: []string{"Accept: text/plain"}, status: 200, wantText: "a note", wantHeader: []string{"Content-Type: text/plain; charset=utf-8"}},
		{name: "function that gives null", method: "POST", path: "/rpc/note", body: `{"empty":true}`, header: []string{"Accept: text/plain"}, status: 200, wantHeader: []string{"Content-Type: text/plain; charset=utf-8", "Content-Length: 0"}},
		{name: "xml", path: "/rpc/feed", header: []string{"Accept: text/xml"}, status: 200, wantText: "<a/>", wantHeader: []string{"Content-Type: text/xml; charset=utf-8"}},
		{name: "bytes", path: "/rpc/image", header: []string{"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/png,*/*;q=0.8"}, status: 200, wantText: "\x89PNG\r\n\x00\xff", wantHeader: []string{"Content-Type: image/png", "Content-Length: 8"}},
		{name: "a star is special to none", path: "/rpc/image", header: []string{"Accept: */*, image/png"}, status: 200, wantText: "\x89PNG\r\n\x00\xff"},
		{name: "the same as json", path: "/rpc/page", status: 200, wantText: `"<h1>hi</h1>"`, wantHeader: []string{"Content-Type: application/json; charset=utf-8"}},
		{name: "another type than the function's", path: "/rpc/note", header: []string{"Accept: text/xml"}, status: 406, want: `{"code":"PGRST107","message":"None of these media types are available: text/xml"}`},
		{name: "sets are no media type", path: "/rpc/notes_twice", header: []string{"Accept: text/plain"}, status: 406, want: `{"code":"PGRST107"}`},
		{name: "with a part selected it is none", path: "/rpc/page?select=x", header: []string{"Accept: text/html"}, status: 406},
		{name: "any", path: "/rpc/anything", header: []string{"Accept: app/bingo"}, status: 200, wantText: "any", wantHeader: []string{"Content-Type: application/octet-stream"}},
		{name: "any for a star", path: "/rpc/anything", status: 200, wantText: "any", wantHeader: []string{"Content-Type: application/octet-stream"}},
		{name: "any that says which", method: "POST", path: "/rpc/something", header: []string{"Accept: app/chico"}, status: 200, wantText: "chico", wantHeader: []string{"Content-Type: app/chico"}},
		{name: "any that refuses", method: "POST", path: "/rpc/something", header: []string{"Accept: text/csv"}, status: 406, want: `{"code":"PT406"}`},
		{name: "but not our own", path: "/rpc/anything", header: []string{"Accept: application/vnd.pgrst.object"}, status: 200, wantText: `"\\x616e79"`},

		{name: "a table's own json", path: "/clients", header: []string{"Accept: application/json"}, status: 200, wantText: `{"overridden": true}`, wantHeader: []string{"Content-Type: application/json; charset=utf-8", "Content-Range: 0-1/*"}},
		{name: "of no rows", path: "/clients?id=eq.9", header: []string{"Accept: application/json"}, status: 200, wantText: `{"overridden": "never"}`},
		{name: "not for a star", path: "/clients?id=eq.1", status: 200, wantText: `[{"id":1,"name":"Microsoft"}]`},
		{name: "not for a part", path: "/clients?select=name&id=eq.1", header: []string{"Accept: application/json"}, status: 200, wantText: `[{"name":"Microsoft"}]`},
		{name: "not for another table", path: "/projects?select=id&id=eq.1", header: []string{"Accept: application/json"}, status: 200, wantText: `[{"id":1}]`},
		{name: "for a star said", path: "/clients?select=*", header: []string{"Accept: application/json"}, status: 200, wantText: `{"overridden": true}`},
		{name: "vendored types stay", path: "/clients?id=eq.1", header: []string{"Accept: application/vnd.pgrst.object+json"}, status: 200, wantText: `{"id":1,"name":"Microsoft"}`},
		{name: "written rows", method: "PATCH", path: "/clients?id=eq.1", body: `{"name":"Microsoft"}`, header: []string{full, "Accept: application/json"}, status: 200, wantText: `{"overridden": true}`},
		{name: "written, nothing asked", method: "PATCH", path: "/clients?id=eq.1", body: `{"name":"Microsoft"}`, header: []string{"Accept: application/json"}, status: 204},
		{name: "rows of any table", path: "/projects?id=in.(1,2)&order=id", header: []string{"Accept: pg/outfunc"}, status: 200, wantText: "(1,\"Windows 7\",1)\n(2,\"Windows 10\",1)\n", wantHeader: []string{"Content-Type: pg/outfunc"}},
		{name: "a part of them", path: "/projects?select=name,id&id=eq.1", header: []string{"Accept: pg/outfunc"}, status: 200, wantText: "(\"Windows 7\",1)\n"},
		{name: "with an embed", path: "/projects?select=id,clients(id)&id=eq.1", header: []string{"Accept: pg/outfunc"}, status: 200, wantText: "(1,\"{\"\"id\"\": 1}\")\n"},
		{name: "embeds in csv", path: "/projects?select=id,clients(id),tasks(id)&tasks.order=id&id=eq.1", header: []string{"Accept: text/csv"}, status: 200, wantText: "id,clients,tasks\n1,\"{\"\"id\"\": 1}\",\"[{\"\"id\"\": 1}, {\"\"id\"\": 2}]\""},
		{name: "rows of a function", path: "/rpc/all_projects?id=eq.1", header: []string{"Accept: pg/outfunc"}, status: 200, wantText: "(1,\"Windows 7\",1)\n"},
		{name: "a scalar for any", path: "/rpc/add?a=1&b=2", header: []string{"Accept: pg/outfunc"}, status: 200, wantText: "3\n"},
		{name: "jsonb as on the wire", path: "/projects?id=eq.1", header: []string{"Accept: app/jsonb"}, status: 200, wantText: "\x01{\"a\": 1}"},
		{name: "a table's any", path: "/users?order=id", header: []string{"Accept: magic/number"}, status: 200, wantText: "AngelaMichaelDwight", wantHeader: []string{"Content-Type: application/octet-stream"}},
		{name: "counted", path: "/users?order=id&limit=1", header: []string{"Accept: magic/number", "Prefer: count=exact"}, status: 206, wantText: "Angela", wantHeader: []string{"Content-Range: 0-0/3"}},
		{name: "written", method: "POST", path: "/users?on_conflict=id", body: `[{"id":1,"name":"\u0100"}]`, header: []string{"Accept: magic/number", "Prefer: return=representation, resolution=merge-duplicates"}, status: 200, wantText: "Ā"},
		{name: "its own csv, with a name", path: "/tree", header: []string{"Accept: text/csv"}, status: 200, wantText: "BOM root;left;right;", wantHeader: []string{"Content-Type: text/csv; charset=utf-8", `Content-Disposition: attachment; filename="tree.csv"`}},
		{name: "the csv of a function's rows", path: "/rpc/all_trees", header: []string{"Accept: text/csv"}, status: 200, wantText: "BOM root;left;right;"},
		{name: "a type without a slash", path: "/items", header: []string{"Accept: undefined"}, status: 406, want: `{"message":"None of these media types are available: undefined"}`},
		{name: "stars within a type", path: "/items", header: []string{"Accept: application/*"}, status: 406, want: `{"message":"None of these media types are available: application/*"}`},
	})
}

func TestRestNewMediaHandlerIsSeen(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	if w := s.send(t, "GET", "/rpc/greet", "", "Accept: text/plain"); w.Code != 406 {
		t.Fatalf("status %d before there is a handler", w.Code)
	}
	exec(t, s.db, `drop function public.greet(); create domain public."text/plain" as text;
		create function public.greet() returns public."text/plain" language sql immutable return 'hello'`)
	s.check(t, restCase{path: "/rpc/greet", header: []string{"Accept: text/plain"}, status: 200, wantText: "hello"})
}

func TestRestPlans(t *testing.T) {
	t.Parallel()
	s := newRest(t, mediaFixture, func(c *restConfig) { c.PlanEnabled = true })
	const asJSON, object = "application/vnd.pgrst.plan+json", "application/vnd.pgrst.object"
	for _, c := range []struct {
		name, method, path, body, accept, prefer string
		contentType, holds                       string
	}{
		{"a read", "GET", "/projects?id=eq.1", "", asJSON, "", asJSON + `; for="application/json"; charset=utf-8`, `"Total Cost"`},
		{"text is the default", "GET", "/projects", "", "application/vnd.pgrst.plan", "", `application/vnd.pgrst.plan+text; for="application/json"; charset=utf-8`, "\n  ->  Seq Scan on projects"},
		{"text", "GET", "/projects", "", "application/vnd.pgrst.plan+text", "count=exact", `application/vnd.pgrst.plan+text; for="application/json"; charset=utf-8`, "Aggregate"},
		{"verbose", "GET", "/projects", "", asJSON + "; options=verbose", "", asJSON + `; for="application/json"; options=verbose; charset=utf-8`, `"COALESCE(json_agg(ROW(projects.id, projects.name, projects.client_id)), '[]'::json)"`},
		{"for an object", "GET", "/projects", "", asJSON + `; for="` + object + `"; options=verbose`, "", asJSON + `; for="` + object + `+json"; options=verbose; charset=utf-8`, `"COALESCE((json_agg(ROW(projects.id, projects.name, projects.client_id)) -> 0), 'null'::json)"`},
		{"settings", "GET", "/projects", "", asJSON + "; options=settings", "", asJSON + `; for="application/json"; options=settings; charset=utf-8`, `"search_path": `},
		{"analyze, buffers and wal", "GET", "/projects", "", asJSON + "; options=analyze|buffers|wal", "", asJSON + `; for="application/json"; options=analyze|buffers|wal; charset=utf-8`, `"WAL Records"`},
		{"an insert", "POST", "/projects", `{"id":100,"name":"x"}`, asJSON, "", asJSON + `; for="application/json"; charset=utf-8`, `"Insert"`},
		{"an update", "PATCH", "/projects?id=eq.1", `{"name":"x"}`, asJSON, "max-affected=0, handling=strict", asJSON + `; for="application/json"; charset=utf-8`, `"Update"`},
		{"a put", "PUT", "/clients?id=eq.9", `{"id":9,"name":"x"}`, asJSON, "", asJSON + `; for="application/json"; charset=utf-8`, `"Insert"`},
		{"a delete, for an object", "DELETE", "/projects?id=eq.6", "", asJSON + `; for="` + object + `"; options=verbose`, "return=representation", asJSON + `; for="` + object + `+json"; options=verbose; charset=utf-8`, `"COALESCE((json_agg(ROW(projects.id, projects.name, projects.client_id)) -> 0), 'null'::json)"`},
		{"a function", "GET", "/rpc/all_projects?id=eq.1", "", asJSON, "", asJSON + `; for="application/json"; charset=utf-8`, `"Total Cost"`},
		{"for a custom type", "GET", "/rpc/page", "", asJSON + `; for="text/html"`, "", asJSON + `; for="text/html"; charset=utf-8`, `"Total Cost"`},
		{"a function's own type", "GET", "/rpc/something", "", asJSON + `; for="app/chico"; options=verbose`, "", asJSON + `; for="app/chico"; options=verbose; charset=utf-8`, `"something.pgrst_scalar"`},
		{"an aggregate", "GET", "/users", "", asJSON + `; for="app/chico"; options=verbose`, "", asJSON + `; for="app/chico"; options=verbose; charset=utf-8`, `"users_any(ROW(users.id, users.name)::users)"`},
		{"defaults", "POST", "/defaults?columns=id,n", `[{"n":1},{"id":3}]`, asJSON + "; options=verbose", "missing=default", asJSON + `; for="application/json"; options=verbose; charset=utf-8`, `'n', 7) || elem.value))"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := s.send(t, c.method, c.path, c.body, "Accept: "+c.accept, "Prefer: "+c.prefer)
			if w.Code != 200 {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			if got := w.Header().Get("Content-Type"); got != c.contentType {
				t.Errorf("Content-Type %q, want %q", got, c.contentType)
			}
			if strings.HasPrefix(c.accept, asJSON) && !json.Valid(w.Body.Bytes()) {
				t.Errorf("no JSON: %s", w.Body)
			}
			if !strings.Contains(w.Body.String(), c.holds) {
				t.Errorf("no %s in %s", c.holds, w.Body)
			}
			for _, name := range []string{"Content-Range", "Preference-Applied", "Location"} {
				if got := w.Header().Get(name); got != "" {
					t.Errorf("%s: %s", name, got)
				}
			}
		})
	}
	s.run(t, []restCase{
		{name: "nothing was written", path: "/projects?select=name&id=in.(1,100)", status: 200, want: `[{"name":"Windows 7"}]`},
		{name: "for what there is not", path: "/projects", header: []string{`Accept: application/vnd.pgrst.plan; for="image/gif"`}, status: 406, want: `{"message":"None of these media types are available: application/vnd.pgrst.plan+text; for=\"image/gif\""}`},
	})
}

func TestRestPlansAreOff(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	for _, method := range []string{"GET", "DELETE"} {
		s.check(t, restCase{
			method: method, path: "/projects?id=eq.1", header: []string{"Accept: application/vnd.pgrst.plan"}, status: 406,
			want: `{"code":"PGRST107","message":"None of these media types are available: application/vnd.pgrst.plan+text; for=\"application/json\""}`,
		})
	}
}
