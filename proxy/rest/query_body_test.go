package rest

import (
	"bytes"
	"strings"
	"testing"
)

func extended(c *Config) { c.Extensions, c.AggregatesEnabled = true, true }

// planOf plans a request with all extensions.
func planOf(t *testing.T, method, path, body string, header ...string) (*request, *plan) {
	t.Helper()
	cfg := testConfig(t, extended)
	r, err := parseHTTP(cfg, newHTTP(method, path, body, header...))
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	pl, err := makePlan(r, storedCatalog(t), cfg)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return r, pl
}

const formType = "Content-Type: application/x-www-form-urlencoded"

func TestQueryInABodyIsThatOfAURL(t *testing.T) {
	t.Parallel()
	const params = "select=id,projects(name)&or=(id.eq.1,name.like.A*)&projects.id=gt.2&projects.order=id&order=id.desc&limit=3&projects.limit=1"
	const asJSON = `{"select": ["id", "projects(name)"], "where": {"or": [{"id": 1}, {"name": {"like": "A*"}}]}, "order": "id.desc", "limit": 3,
		"embeds": {"projects": {"where": {"id": {"gt": 2}}, "order": ["id"], "limit": 1}}}`
	want, wantPlan := planOf(t, "GET", "/clients?"+params, "")
	for _, c := range [][]string{
		{"QUERY", "/clients", params, formType},
		{"POST", "/clients/query", params, formType},
		{"QUERY", "/clients?select=id,projects(name)&order=id.desc", params[strings.Index(params, "or="):strings.Index(params, "&order")] + "&limit=3&projects.limit=1", formType},
		{"QUERY", "/clients", asJSON},
		{"POST", "/clients/query", asJSON, "Content-Type: application/json; charset=utf-8"},
	} {
		r, pl := planOf(t, c[0], c[1], c[2], c[3:]...)
		if pl.sql != wantPlan.sql || pl.mode != readOnly {
			t.Errorf("%q\ngot  %s\nwant %s", c, pl.sql, wantPlan.sql)
		}
		if got, want := bytes.Join(r.bind(pl.params), []byte(" ")), bytes.Join(want.bind(wantPlan.params), []byte(" ")); !bytes.Equal(got, want) {
			t.Errorf("%q: values %s, want %s", c, got, want)
		}
		if len(c) == 4 && c[3] == formType && !strings.Contains(c[1], "?") && string(r.shapeKey()) != string(want.shapeKey()) {
			t.Errorf("%q: another plan than that of the URL", c)
		}
	}
}

func TestListOfAnyLengthHasOnePlan(t *testing.T) {
	t.Parallel()
	for _, form := range []func(list string) []string{
		func(list string) []string { return []string{"QUERY", "/clients", "id=in.(" + list + ")", formType} },
		func(list string) []string {
			return []string{"QUERY", "/clients", `{"where": {"id": {"in": [` + list + `]}}}`}
		},
	} {
		few, many := form("1,2"), form(strings.Repeat("7,", 9_999)+"7")
		a, _ := planOf(t, few[0], few[1], few[2], few[3:]...)
		b, pl := planOf(t, many[0], many[1], many[2], many[3:]...)
		if !bytes.Equal(a.shapeKey(), b.shapeKey()) || len(pl.params) != 1 {
			t.Errorf("%v: 2 and 10,000 values have different plans: %s", few, pl.sql)
		}
	}
}

// Values may be in select, order and having too; the plan is that of the shape.
func TestValuesAreNoPartOfTheShape(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"select=label,n:count().filter(id.in.(1,2),label.eq.a)", "select=label,n:count().filter(id.in.(3),label.eq.\"x,y\")", "select=label,n:count().filter(id.in.(1,2),label.neq.a)"},
		{"order=rank(words,fts(english).cat).desc,id", "order=rank(words,fts(english).\"a b\").desc,id", "order=rank(words,fts(german).cat).desc,id"},
		{"select=label&having=qty.sum().gt.1", "select=label&having=qty.sum().gt.2", "select=label&having=qty.max().gt.1"},
		{"select=label&having=qty.sum().filter(id.eq.1).gt.1", "select=label&having=qty.sum().filter(id.eq.2).gt.3", "select=label&having=qty.sum().filter(qty.eq.1).gt.1"},
		{"qty=gt(col).id", "qty=gt(col).id", "qty=gt(col).id2"},
		{"or=(qty.gt(col).id,id.eq.1)", "or=(qty.gt(col).id,id.eq.2)", "or=(qty.gt(col).qty,id.eq.1)"},
		{"distinct=label", "distinct=label", "distinct=label,id"},
	} {
		one, pl := planOf(t, "GET", "/items?"+c[0], "")
		same, again := planOf(t, "GET", "/items?"+c[1], "")
		other, _ := planOf(t, "GET", "/items?"+c[2], "")
		if !bytes.Equal(one.shapeKey(), same.shapeKey()) || pl.sql != again.sql || len(pl.params) != len(same.values) {
			t.Errorf("%s and %s have different plans:\n%s\n%s", c[0], c[1], pl.sql, again.sql)
		}
		if bytes.Equal(one.shapeKey(), other.shapeKey()) {
			t.Errorf("%s and %s have one plan", c[0], c[2])
		}
	}
}

func TestQueryInABodyIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, path, body, header, want string }{
		{"QUERY", "/clients?order=id", "order=name", formType, "PGRST100: 'order' is in the URL and in the body"},
		{"QUERY", "/clients?select=id,projects(*)&projects.limit=1", `{"embeds": {"projects": {"limit": 1}}}`, "", "PGRST100: 'projects.limit' is in the URL and in the body"},
		{"QUERY", "/clients", `{"filter": {}}`, "", "PGRST100: failed to parse the query at filter"},
		{"QUERY", "/clients", "id,name\n", "Content-Type: text/csv", "unsupported_media_type: a query is not of the type text/csv"},
		{"QUERY", "/clients", strings.Repeat("id=eq.1&", maxValues+1), formType, "PGRST100: more than 60000 values in a query"},
		{"QUERY", "/rpc/add", "", "", "PGRST101: Cannot use the QUERY method on RPC"},
		{"QUERY", "/", "", "", "PGRST117: Unsupported HTTP method: QUERY"},
		{"GET", "/clients/query", "", "", "PGRST125: Invalid path specified in request URL"},
	} {
		_, err := parseHTTP(testConfig(t, extended), newHTTP(c.method, c.path, c.body, c.header))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s %s %.60s: %v, want %s", c.method, c.path, c.body, err, c.want)
		}
	}
	// Without extensions these are what they are to PostgREST.
	for _, c := range [][3]string{
		{"QUERY", "/clients", "PGRST117: Unsupported HTTP method: QUERY"},
		{"POST", "/clients/query", "PGRST125: Invalid path specified in request URL"},
	} {
		if _, err := parseHTTP(testConfig(t, nil), newHTTP(c[0], c[1], "")); err == nil || err.Error() != c[2] {
			t.Errorf("%s %s: %v, want %s", c[0], c[1], err, c[2])
		}
	}
}
