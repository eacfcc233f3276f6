package tests

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// openapi31Fixture adds what only version 3.1 tells, and names that need care.
const openapi31Fixture = openapiFixture + `
create type api.place as (street text, number int, moods api.mood[]);
comment on type api.place is 'Where it is';
alter table api.types add a_place api.place, add places api.place[];
create table api."odd {name}/ü" (id int primary key, "a.b c" text, "select" text);
create table api.empty ();
create function api.find_children(of int) returns setof api.children language sql stable as 'select * from api.children where parent_id = of';
grant all on all tables in schema api to authenticated;
grant execute on all functions in schema api to authenticated;
`

type described31 struct {
	OpenAPI    string
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas    map[string]json.RawMessage
		Parameters map[string]parameter31
	}
}

// parameter31 is one, or refers to one.
type parameter31 struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
}

func read31(t *testing.T, w *httptest.ResponseRecorder) (doc described31) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != 200 {
		t.Fatalf("%d %v\n%s", w.Code, err, w.Body)
	}
	return doc
}

// operations lists the methods of each path.
func (d described31) operations() string {
	var list []string
	for path, methods := range d.Paths {
		for method := range methods {
			list = append(list, method+" "+path)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func TestOpenAPI31FollowsPrivileges(t *testing.T) {
	t.Parallel()
	s := newRest(t, openapi31Fixture, func(c *restConfig) { c.Schemas, c.Extensions = []string{"api", "plain"}, true })
	const accept = "Accept: application/openapi+json;version=3.1"
	first := s.send(t, "GET", "/", "", accept)
	doc := read31(t, first)
	got, want := doc.operations(), "get /children, get /rpc/arguments, get /rpc/find_children, get /rpc/none, get /rpc/outs, get /rpc/several, "+
		"get /rpc/sum_of, patch /parents, post /rpc/arguments, post /rpc/find_children, post /rpc/none, post /rpc/outs, post /rpc/several, "+
		"post /rpc/sum_of, post /rpc/whole"
	if got != want || !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("anon sees, in %s,\n%s, want\n%s", doc.OpenAPI, got, want)
	}
	tag := first.Header().Get("ETag")
	s.run(t, []restCase{
		{name: "the same again", path: "/", header: []string{accept, "If-None-Match: " + tag}, status: 304, wantHeader: []string{"ETag: " + tag}},
		{name: "HEAD", method: "HEAD", path: "/", header: []string{accept}, status: 200, wantHeader: []string{"ETag: " + tag}},
		{name: "another role", path: "/", header: []string{accept, "If-None-Match: " + tag, "Authorization: Bearer " + restToken(t, ada)}, status: 200},
		{name: "2.0 without a version", path: "/", header: []string{"Accept: application/openapi+json"}, status: 200, wantHeader: []string{"Content-Type: application/openapi+json; charset=utf-8"}},
		{name: "2.0 by its version", path: "/", header: []string{"Accept: application/openapi+json;version=2.0"}, status: 200, wantHeader: []string{"Content-Type: application/openapi+json; charset=utf-8"}},
	})
	// A grant shows at once, although it is no change of the schema.
	exec(t, s.db, `grant delete on api.children to anon`)
	if doc := read31(t, s.send(t, "GET", "/", "", accept, "If-None-Match: "+tag)); doc.Paths["/children"]["delete"] == nil {
		t.Error("a right that was granted does not show")
	}
}

func TestOpenAPI31IsOffInADropIn(t *testing.T) {
	t.Parallel()
	s := newRest(t, openapiFixture, openapiConfig)
	s.run(t, []restCase{
		{name: "the version says nothing", path: "/", header: []string{"Accept: application/openapi+json;version=3.1"}, status: 200, wantHeader: []string{"Content-Type: application/openapi+json; charset=utf-8"}},
		{name: "an unknown type", path: "/", header: []string{"Accept: application/vnd.oai.openapi+json;version=3.1"}, status: 406, want: `{"code":"PGRST107"}`},
	})
}

// What takes a key says so, under the name that its header has here, and with what may
// be wrong with it.
func TestOpenAPI31TellsWhichWritesTakeAKey(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create table public.notes (id int primary key); grant all on public.notes to anon;
		create function public.act() returns void language sql volatile as '';
		create function public.look() returns int language sql stable as 'select 1'`)
	for _, c := range []struct {
		keys         idempotency.Config
		header, want string
	}{
		{idempotency.Config{}, "Idempotency-Key", "delete /rest/v1/notes, patch /rest/v1/notes, post /rest/v1/batch, post /rest/v1/notes, post /rest/v1/rpc/act"},
		{idempotency.Config{Header: "x-name", Routes: []string{"/rest/*/rpc/*", "/rest/v1/batch"}}, "X-Name", "post /rest/v1/batch, post /rest/v1/rpc/act"},
		{idempotency.Config{Header: "x-name", Routes: []string{"/rest/v1/notes"}}, "X-Name", "delete /rest/v1/notes, patch /rest/v1/notes, post /rest/v1/notes"},
		{idempotency.Config{Routes: []string{"/other"}}, "Idempotency-Key", ""},
	} {
		s := serveRest(t, db, withKeys, func(k *idempotency.Config) { *k = c.keys })
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
		doc := read31(t, w)
		var got []string
		for path, methods := range doc.Paths {
			for method, raw := range methods {
				var op struct{ Parameters []parameter31 }
				if err := json.Unmarshal(raw, &op); err != nil {
					t.Fatal(err)
				}
				for _, p := range op.Parameters {
					if name := strings.TrimPrefix(p.Ref, "#/components/parameters/"); p.Ref != "" {
						p = doc.Components.Parameters[name]
					}
					if p.Name == c.header && p.In == "header" && strings.Contains(p.Description, "- 422 `idempotency_mismatch`: ") {
						got = append(got, method+" "+path)
					}
				}
			}
		}
		slices.Sort(got)
		if list := strings.Join(got, ", "); list != c.want || strings.Contains(w.Body.String(), `"name":"`+c.header+`"`) != (c.want != "") {
			t.Errorf("%s: got %s, want %s", c.header, list, c.want)
		}
	}
}

// A validator takes the document, and types made of it compile.
func TestOpenAPI31InTypeScript(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, openapi31Fixture)
	s := startServer(t, db, "FLUXBASE_REST_DB_SCHEMAS=api")
	runNode(t, s, "openapi.test.mjs", "FLUXBASE_TEST_TOKEN="+userToken(t, ada))
}
