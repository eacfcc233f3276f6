package tests

import (
	"strings"
	"testing"
)

const safeFixture = restFixture + `
create table public.stock (id int primary key, name text, kind int, cursor text);
insert into public.stock values (1, 'a', 1, 'x'), (2, 'b', 1, 'x'), (3, 'c', 2, 'x');
create table public.parts (id int primary key, stock_id int references public.stock (id));
insert into public.parts values (10, 1);
create view public.odd_stock as select * from public.stock where id % 2 = 1;
grant all on public.stock, public.parts, public.odd_stock to anon;
`

func withExtensions(c *restConfig) { c.Extensions = true }

func TestWritesWithoutAFilterAreRefused(t *testing.T) {
	t.Parallel()
	s := newRest(t, safeFixture, withExtensions)
	refused := `{"code":"unfiltered_write","message":"this would change every row of the table","details":null,` +
		`"hint":"choose the rows by a filter such as id=eq.1, or send Prefer: handling=all-rows if all are meant"}`
	const name = `{"name":"z"}`
	s.run(t, []restCase{
		{name: "update", method: "PATCH", path: "/stock", body: name, status: 400, want: refused},
		{name: "delete", method: "DELETE", path: "/stock", status: 400, want: refused},
		{name: "of a view", method: "DELETE", path: "/odd_stock", status: 400, want: refused},
		{name: "select is no filter", method: "DELETE", path: "/stock?select=id&order=id", header: []string{full}, status: 400, want: refused},
		{name: "a limit is no filter", method: "DELETE", path: "/stock?limit=1", status: 400, want: refused},
		{name: "a word is no filter", method: "DELETE", path: "/stock?id", status: 400, want: refused},
		{name: "a filter of an embed is none", method: "PATCH", path: "/stock?select=*,parts(*)&parts.id=eq.10", body: name, header: []string{full}, status: 400, want: refused},
		{
			name: "no operator", method: "DELETE", path: "/stock?id=5", status: 400,
			want: `{"code":"PGRST100","details":"unexpected \"5\" expecting \"not\" or operator (eq, gt, ...)","hint":"the value of a filter begins with an operator and a dot: id=eq.5"}`,
		},
		{name: "no operator, though all are meant", method: "DELETE", path: "/stock?id=5", header: []string{"Prefer: handling=all-rows"}, status: 400, want: `{"code":"PGRST100"}`},
		{name: "a number with a dot", method: "DELETE", path: "/stock?id=3.5", status: 400, want: `{"code":"PGRST100","hint":"the value of a filter begins with an operator and a dot: id=eq.3.5"}`},
		{name: "an operator that there isn't", method: "DELETE", path: "/stock?id=eqq.5", status: 400, want: `{"code":"PGRST100","hint":null}`},
		{name: "strict too", method: "DELETE", path: "/stock", header: []string{"Prefer: handling=strict"}, status: 400, want: refused},
		{name: "nothing was changed", path: "/stock?name=neq.z&select=id", status: 200, want: `[{"id":1},{"id":2},{"id":3}]`},
		{name: "a column by the name of a parameter is a filter", method: "PATCH", path: "/stock?cursor=eq.none", body: name, status: 204},
		{
			name: "meant, and strict", method: "PATCH", path: "/stock", body: name, status: 204,
			header: []string{"Prefer: handling=strict, handling=all-rows"}, wantHeader: []string{"Preference-Applied: handling=strict, handling=all-rows", "X-Affected-Count: 3"},
		},
		{name: "strict still", method: "PATCH", path: "/stock", body: name, header: []string{"Prefer: handling=all-rows, handling=strict, foo"}, status: 400, want: `{"code":"PGRST122","details":"Invalid preferences: foo"}`},
		{
			name: "meant, but no more than two", method: "PATCH", path: "/stock", body: name, header: []string{"Prefer: handling=all-rows, handling=strict, max-affected=2"}, status: 400, want: `{"code":"PGRST124"}`,
		},
		{name: "said in vain", method: "PATCH", path: "/stock?id=eq.1", body: name, header: []string{"Prefer: handling=all-rows"}, status: 204, wantHeader: []string{"Preference-Applied:"}},
		{name: "meant", method: "DELETE", path: "/parts", header: []string{"Prefer: handling=all-rows"}, status: 204, wantHeader: []string{"Preference-Applied: handling=all-rows", "X-Affected-Count: 1"}},
	})
}

func TestWritesTellHowManyRowsTheyTouched(t *testing.T) {
	t.Parallel()
	s := newRest(t, safeFixture, withExtensions)
	headers := "Prefer: return=headers-only"
	s.run(t, []restCase{
		{name: "one", method: "POST", path: "/stock", body: `{"id":4}`, status: 201, wantHeader: []string{"X-Affected-Count: 1", "Content-Range: */*"}},
		{name: "one, told by its place", method: "POST", path: "/stock", body: `{"id":40}`, header: []string{headers}, status: 201, wantHeader: []string{"X-Affected-Count: 1", "Location: /rest/v1/stock?id=eq.40"}},
		{name: "many", method: "POST", path: "/stock", body: `[{"id":5},{"id":6}]`, status: 201, wantHeader: []string{"X-Affected-Count: 2", "Content-Range: */2"}},
		{
			name: "many, in a body", method: "POST", path: "/stock", body: `[{"id":7},{"id":8}]`, header: []string{headers}, status: 201,
			wantText: `{"affected":2}`, wantHeader: []string{"X-Affected-Count: 2", "Content-Range: */2", "Content-Type: application/json; charset=utf-8"},
		},
		{name: "none", method: "POST", path: "/stock", body: `[]`, status: 201, wantHeader: []string{"X-Affected-Count: 0", "Content-Range: */0"}},
		{
			name: "those that were not there", method: "POST", path: "/stock", body: `[{"id":8},{"id":9}]`, status: 201,
			header: []string{"Prefer: resolution=ignore-duplicates"}, wantHeader: []string{"X-Affected-Count: 1", "Content-Range: */1"},
		},
		{
			name: "both new and old", method: "POST", path: "/stock?select=id,parts(id)", body: `[{"id":1,"kind":7},{"id":10,"kind":7}]`, status: 201,
			header: []string{"Prefer: resolution=merge-duplicates, return=representation"}, want: `[{"id":1,"parts":[{"id":10}]},{"id":10,"parts":[]}]`,
			wantHeader: []string{"X-Affected-Count: 2", "Content-Range: */2"},
		},
		{name: "put", method: "PUT", path: "/stock?id=eq.11", body: `{"id":11}`, status: 204, wantHeader: []string{"X-Affected-Count: 1", "Content-Range:"}},
		{name: "update", method: "PATCH", path: "/stock?id=in.(5,6)", body: `{"kind":5}`, status: 204, wantHeader: []string{"X-Affected-Count: 2", "Content-Range: 0-1/*"}},
		{name: "update of none", method: "PATCH", path: "/stock?id=eq.99", body: `{"kind":5}`, header: []string{full}, status: 200, wantText: `[]`, wantHeader: []string{"X-Affected-Count: 0", "Content-Range: */0"}},
		{name: "update by nothing", method: "PATCH", path: "/stock?id=eq.1", body: `{}`, status: 204, wantHeader: []string{"X-Affected-Count: 0", "Content-Range: */0"}},
		{name: "update, in a body", method: "PATCH", path: "/stock?id=in.(5,6)", body: `{"kind":5}`, header: []string{headers}, status: 200, wantText: `{"affected":2}`, wantHeader: []string{"Preference-Applied: return=headers-only", "Content-Range: 0-1/*"}},
		{name: "zero, in a body", method: "PATCH", path: "/stock?id=eq.99", body: `{"kind":5}`, header: []string{headers}, status: 200, wantText: `{"affected":0}`},
		{
			name: "more than the answer shows", method: "PATCH", path: "/stock?id=in.(1,2,3)&select=id,parts!inner(id)", body: `{"kind":5}`, header: []string{full}, status: 200,
			want: `[{"id":1,"parts":[{"id":10}]}]`, wantHeader: []string{"X-Affected-Count: 3", "Content-Range: 0-0/*"},
		},
		{name: "counted as PostgREST does", method: "PATCH", path: "/stock?id=in.(1,2,3)", body: `{"kind":5}`, header: []string{"Prefer: count=exact"}, status: 204, wantHeader: []string{"X-Affected-Count: 3", "Content-Range: 0-2/3"}},
		{name: "what a change affects", method: "PATCH", path: "/stock?id=eq.1", body: `{"kind":5}`, header: []string{"Prefer: count=affected, handling=strict"}, status: 204, wantHeader: []string{"X-Affected-Count: 1", "Preference-Applied: handling=strict, count=affected"}},
		{name: "delete", method: "DELETE", path: "/stock?id=eq.4", status: 204, wantHeader: []string{"X-Affected-Count: 1", "Content-Range: */1"}},
		{name: "delete with records", method: "DELETE", path: "/stock?id=in.(5,6)&select=id&order=id", header: []string{"Prefer: count=affected"}, status: 200, wantText: `{"affected":2,"records":[{"id":5}, ` + "\n" + ` {"id":6}]}`, wantHeader: []string{"X-Affected-Count: 2", "Content-Range: */2", "Preference-Applied: return=representation, count=affected"}},
		{name: "delete of none with records", method: "DELETE", path: "/stock?id=eq.5", header: []string{full, "Prefer: count=affected"}, status: 200, wantText: `{"affected":0,"records":[]}`, wantHeader: []string{"X-Affected-Count: 0"}},
		{name: "delete, no body wanted", method: "DELETE", path: "/stock?id=eq.7", header: []string{"Prefer: count=affected, return=minimal"}, status: 204, wantHeader: []string{"X-Affected-Count: 1"}},
		{name: "delete, in a body", method: "DELETE", path: "/stock?id=eq.8", header: []string{headers}, status: 200, wantText: `{"affected":1}`},
		{name: "delete as CSV", method: "DELETE", path: "/stock?id=eq.9&select=id", header: []string{full, "Prefer: count=affected", "Accept: text/csv"}, status: 200, wantText: "id\n9", wantHeader: []string{"X-Affected-Count: 1"}},
	})
	exposed := s.send(t, "DELETE", "/stock?id=eq.9", "", "Origin: https://a.example").Header().Get("Access-Control-Expose-Headers")
	if !strings.Contains(exposed, "X-Affected-Count") {
		t.Errorf("pages may read %s", exposed)
	}
}

// In the place of a PostgREST all of this means what it means there.
func TestDropInWritesAsPostgREST(t *testing.T) {
	t.Parallel()
	s := newRest(t, safeFixture, nil)
	own := []string{"Prefer: handling=all-rows, count=affected"}
	s.run(t, []restCase{
		{name: "no operator", method: "DELETE", path: "/stock?id=5", status: 400, want: `{"code":"PGRST100","hint":null}`},
		{name: "unknown preferences", method: "DELETE", path: "/parts", header: append(own, "Prefer: handling=strict"), status: 400, want: `{"code":"PGRST122","details":"Invalid preferences: handling=all-rows, count=affected"}`},
		{name: "update of all", method: "PATCH", path: "/stock", body: `{"kind":1}`, status: 204, wantHeader: []string{"X-Affected-Count:", "Content-Range: 0-2/*"}},
		{name: "told by headers only", method: "PATCH", path: "/stock?id=eq.1", body: `{"kind":1}`, header: []string{"Prefer: return=headers-only"}, status: 204},
		{name: "many", method: "POST", path: "/stock", body: `[{"id":5},{"id":6}]`, status: 201, wantHeader: []string{"X-Affected-Count:", "Content-Range: */*"}},
		{name: "delete of all", method: "DELETE", path: "/parts", header: own, status: 204, wantHeader: []string{"X-Affected-Count:", "Preference-Applied:", "Content-Range: */*"}},
	})
}
