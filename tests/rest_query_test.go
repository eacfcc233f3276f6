package tests

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/query"
)

// extensions serves what goes beyond PostgREST, aggregates too.
func extensions(c *restConfig) { c.Extensions, c.AggregatesEnabled = true, true }

const formBody = "Content-Type: application/x-www-form-urlencoded"

func TestRestQueriesInABody(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, extensions)
	var ids []string
	for i := range 10_000 {
		ids = append(ids, strconv.Itoa(i))
	}
	s.run(t, []restCase{
		{
			name: "QUERY", method: "QUERY", path: "/clients?select=id", body: "name=eq.Apple", header: []string{formBody}, status: 200, want: `[{"id":2}]`,
			wantHeader: []string{"Content-Range: 0-0/*", "Content-Location:"},
		},
		{name: "QUERY without a body", method: "QUERY", path: "/clients?select=id&order=id", status: 200, want: `[{"id":1},{"id":2}]`},
		{name: "POST", method: "POST", path: "/clients/query", body: `{"where": {"name": {"in": ["Apple", "x"]}}, "select": ["id"]}`, status: 200, want: `[{"id":2}]`},
		{
			name: "a page and its count", method: "QUERY", path: "/items", body: "select=id&order=id&limit=1&offset=1", header: []string{formBody, "Prefer: count=exact"},
			status: 206, want: `[{"id":2}]`, wantHeader: []string{"Content-Range: 1-1/4"},
		},
		{
			name: "10,000 values", method: "QUERY", path: "/items?select=id&order=id.desc", body: "id=in.(" + strings.Join(ids, ",") + ")", header: []string{formBody},
			status: 200, want: `[{"id":4},{"id":3},{"id":2},{"id":1}]`,
		},
		{
			name: "10,000 values in JSON", method: "POST", path: "/items/query?id=gt.3", body: `{"select": "id", "where": {"id": {"in": [` + strings.Join(ids, ",") + `]}}}`,
			status: 200, want: `[{"id":4}]`,
		},
		{
			name: "embeds", method: "QUERY", path: "/clients", status: 200,
			body: `{"select": ["id", "projects(id)"], "order": ["id"], "embeds": {"projects": {"where": {"not": {"id": 2}}, "order": ["id.desc"], "limit": 1}}}`,
			want: `[{"id":1,"projects":[{"id":1}]},{"id":2,"projects":[{"id":4}]}]`,
		},
		{
			name: "an unknown key", method: "QUERY", path: "/clients", body: `{"filter": {}}`, status: 400,
			want: `{"code":"PGRST100","message":"failed to parse the query at filter"}`,
		},
		{name: "another type", method: "QUERY", path: "/clients", body: "x", header: []string{"Content-Type: text/plain"}, status: 415, want: `{"code":"unsupported_media_type"}`},
		{name: "a table without rights", method: "QUERY", path: "/nowhere", status: 404, want: `{"code":"PGRST205"}`},
		{name: "OPTIONS", method: "OPTIONS", path: "/clients", status: 200, wantHeader: []string{"Allow: OPTIONS,GET,HEAD,QUERY,POST,PUT,PATCH,DELETE"}},
		{
			name: "preflight", method: "OPTIONS", path: "/clients", header: []string{"Origin: https://a.example", "Access-Control-Request-Method: QUERY"},
			status: 204, wantHeader: []string{"Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY"},
		},
	})
}

func TestRestQueriesAreReadOnly(t *testing.T) {
	t.Parallel()
	s := newRest(t, `create table public.t (id int primary key);
		create function public.f(t) returns int language plpgsql volatile as 'begin delete from public.t; return 1; end';
		insert into public.t values (1);
		create function public.method(t) returns text language sql stable return current_setting('request.method');`, extensions)
	s.run(t, []restCase{
		{name: "write", method: "QUERY", path: "/t?select=f", status: 405, want: `{"code":"25006"}`},
		{name: "POST that writes", method: "POST", path: "/t/query?select=f", status: 405, want: `{"code":"25006"}`},
		{name: "method", method: "QUERY", path: "/t?select=method", status: 200, want: `[{"method":"QUERY"}]`},
	})
}

func TestRestWithoutExtensionsHasNoQueries(t *testing.T) {
	t.Parallel()
	newRest(t, restFixture, nil).run(t, []restCase{
		{name: "QUERY", method: "QUERY", path: "/clients", status: 405, want: `{"code":"PGRST117"}`},
		{name: "POST", method: "POST", path: "/clients/query", status: 404, want: `{"code":"PGRST125"}`},
		{name: "OPTIONS", method: "OPTIONS", path: "/clients", status: 200, wantHeader: []string{"Allow: OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"}},
	})
}

// condition is a filter of items in both of its forms.
type condition struct {
	url  string // as in and=(…)
	json map[string]any
}

func randomCondition(r *rand.Rand, depth int) condition {
	if depth > 0 && r.IntN(2) == 0 {
		word := []string{"and", "or"}[r.IntN(2)]
		var parts []string
		var list []any
		for range 1 + r.IntN(3) {
			c := randomCondition(r, depth-1)
			parts, list = append(parts, c.url), append(list, c.json)
		}
		c := condition{word + "(" + strings.Join(parts, ",") + ")", map[string]any{word: list}}
		if r.IntN(3) == 0 {
			c = condition{"not." + c.url, map[string]any{"not": c.json}}
		}
		return c
	}
	kinds := []struct {
		field  string
		ops    []string
		values []string
	}{
		{"id", []string{"eq", "gt", "lte", "neq", "isdistinct"}, []string{"1", "2", "3", "4"}},
		{"label", []string{"like", "ilike", "eq", "gte"}, []string{"one", "t*", "three, \"quoted\" (x)", `100%_*`, "*o*", `a\b`}},
		{"qty", []string{"eq", "lt", "isdistinct"}, []string{"10", "20", "40"}},
		{"data->>k", []string{"eq", "neq"}, []string{"x", "y", ""}},
		{"words", []string{"wfts(english)", "plfts"}, []string{"cats", "dog or rat"}},
	}
	k := kinds[r.IntN(len(kinds))]
	op, value := k.ops[r.IntN(len(k.ops))], k.values[r.IntN(len(k.values))]
	var operand any = value
	text := query.Quote(value)
	switch r.IntN(5) {
	case 0:
		op, text, operand = "is", "null", nil
	case 1:
		if k.field != "words" {
			other := k.values[r.IntN(len(k.values))]
			op, text, operand = "in", "("+query.Quote(value)+","+query.Quote(other)+")", []string{value, other}
		}
	}
	c := condition{k.field + "." + op + "." + text, map[string]any{k.field: map[string]any{op: operand}}}
	if r.IntN(4) == 0 {
		c = condition{k.field + ".not." + op + "." + text, map[string]any{k.field: map[string]any{"not": map[string]any{op: operand}}}}
	}
	return c
}

// The same filter gives the same rows in a URL, in a form and in JSON.
func TestRestFormsOfAFilterGiveTheSameRows(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, extensions)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	sizes := map[int]bool{}
	for range 150 {
		c := randomCondition(r, 3)
		params := "select=id&order=id&and=" + url.QueryEscape("("+c.url+")")
		inURL := s.send(t, "GET", "/items?"+params, "")
		document, err := json.Marshal(map[string]any{"select": "id", "order": "id", "where": c.json})
		if err != nil {
			t.Fatal(err)
		}
		for form, w := range map[string]string{
			"QUERY":     s.send(t, "QUERY", "/items", params, formBody).Body.String(),
			"POST":      s.send(t, "POST", "/items/query", params, formBody).Body.String(),
			"JSON":      s.send(t, "QUERY", "/items", string(document)).Body.String(),
			"JSON POST": s.send(t, "POST", "/items/query", string(document), "Content-Type: application/json").Body.String(),
		} {
			if w != inURL.Body.String() || inURL.Code != 200 {
				t.Errorf("seed %d, %s %s\n%s: %s\nURL: %s", seed, c.url, document, form, w, inURL.Body)
			}
		}
		sizes[strings.Count(inURL.Body.String(), "id")] = true
	}
	if len(sizes) < 4 {
		t.Errorf("the filters chose only these numbers of rows: %s", fmt.Sprint(sizes))
	}
}
