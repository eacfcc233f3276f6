package tests

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// soak is what make soak gives the tests that can go on for as long as one likes.
var soak = flag.Duration("soak", 0, "how long the soak tests run; 0 is a few seconds")

// hostileText joins a few of the attacks of tests/js/hostile.json, of the words of
// the grammar, and of bytes that are no text.
func hostileText(r *rand.Rand, parts []string) string {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		if r.IntN(16) == 0 {
			b.WriteByte(byte(r.IntN(256)))
		}
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

func hostileParts(t *testing.T) []string {
	lists := hostileLists(t)
	return slices.Concat(lists.Closers, lists.Payloads, lists.Whole, strings.Fields(
		`select order limit and or not eq gt in is null cs fts(english) like(any) asc desc nullsfirst !left !inner -> ->> :: : . .. ... , ( ) { } [ ] " \" ' = & * id value name notes tags count() sum() () 1 -1 0 id:: .id ,id (id) "id"`))
}

// inProcess answers without a network, as the service role, so that what got
// through could do all it wants.
func (s *restServer) inProcess(r hostileRequest, token string) (*httptest.ResponseRecorder, error) {
	hr, err := http.NewRequest(r.method, "http://localhost/rest/v1"+r.path, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	hr.RequestURI = hr.URL.RequestURI()
	hr.Header.Set("Authorization", "Bearer "+token)
	for _, h := range r.header {
		name, value, _ := strings.Cut(h, ": ")
		hr.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, hr)
	return w, nil
}

// Ten thousand hostile texts, spread over all places of the grammar; in a soak as
// many as there is time for.
func TestTenThousandHostileTexts(t *testing.T) {
	t.Parallel()
	db := notesDB(t)
	same := sameDatabase(t, db.Conn(t))
	s := serveRest(t, db, func(c *restConfig) {
		c.TxEnd, c.PlanEnabled, c.AggregatesEnabled, c.Extensions = "commit-allow-override", true, true, true
	})
	token, parts := roleToken(t, map[string]any{"role": "service_role"}), hostileParts(t)

	work := make(chan hostileRequest)
	var workers sync.WaitGroup
	for range 256 { // an unknown name waits for a look at the database
		workers.Go(func() {
			for r := range work {
				w, err := s.inProcess(r, token)
				switch {
				case err != nil:
					t.Errorf("%s %s: %v", r.place, r.path, err)
				case w.Code >= 500 || w.Code < 200:
					t.Errorf("%s, %s %q %.300q %q: %d %s", r.place, r.method, r.path, r.body, r.header, w.Code, start(w.Body.String()))
				case strings.Contains(w.Body.String(), "gotcha"): // what 'got'||'cha' gives
					t.Errorf("%s, %s %q was evaluated: %s", r.place, r.method, r.path, start(w.Body.String()))
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(9, 10))
	began, tried := time.Now(), 0
	for tried < 10_000 || time.Since(began) < *soak {
		for _, place := range r.Perm(len(hostilePlaces)) {
			work <- hostilePlaces[place].with(hostileText(r, parts))
			tried++
		}
	}
	close(work)
	workers.Wait()
	t.Logf("%d requests in %d places", tried, len(hostilePlaces))
	same()
}

// Names that the database itself gives its objects may be as hostile as they like:
// everything is done to them through REST, and only to them.
func TestHostileNamesOfTheDatabase(t *testing.T) {
	t.Parallel()
	names := []string{
		`'; drop table public.notes; --`, `"; drop table public.notes; --`, `") values (1); --`, `\'; select 1; --`, `a"."b`, `a.b`, `a,b`, `a:b::int`,
		`(select 1)`, `select`, `or`, `and`, `x.not.eq`, `order`, `limit`, `->>x`, `a->b`, `$1`, `%s%00`, ` `, `é☃🦊`, "a\nb", `*/ /*`, `...a(b)`, `a!inner`, `count()`,
	}
	var ddl strings.Builder
	id := func(name string) string { return pgx.Identifier{name}.Sanitize() }
	for _, name := range names {
		n := id(name)
		fmt.Fprintf(&ddl, `
			create table public.%[1]s (%[1]s text primary key, "val-ue" text);
			create table public.%[4]s (%[1]s text constraint %[2]s references public.%[1]s (%[1]s));
			create function public.%[3]s(%[1]s text) returns setof public.%[1]s language sql stable as $f$ select * from public.%[1]s as x where x.%[1]s = $1 $f$;
			grant all on public.%[1]s, public.%[4]s to anon;`, n, id("fk "+name), id("f "+name), id("child "+name))
	}
	s := newRest(t, ddl.String(), nil)
	for _, name := range names {
		quoted := hostileQuoted(name)
		table, fk, function := "/"+url.PathEscape(name), hostileQuoted("fk "+name), "/rpc/"+url.PathEscape("f "+name)
		row := func(value string) string {
			return fmt.Sprintf(`{%s: %s, "val-ue": %q}`, jsonOf(name), jsonOf(name), value)
		}
		self, key := url.QueryEscape(name), fmt.Sprintf(`{%s: %s}`, jsonOf(name), jsonOf(name))
		child, children := "/"+url.PathEscape("child "+name), hostileQuoted("child "+name)
		for _, c := range []restCase{
			{name: "insert", method: "POST", path: table + "?columns=" + quoted + ",\"val-ue\"", body: row("v"), status: 201},
			{name: "upsert", method: "POST", path: table + "?on_conflict=" + quoted, body: row("w"), header: []string{"Prefer: resolution=merge-duplicates,return=representation"}, status: 200, want: "[" + row("w") + "]"},
			{name: "put", method: "PUT", path: table + "?" + quoted + "=eq." + self, body: row("x"), status: 204},
			{name: "filter", path: table + "?" + quoted + "=eq." + self + "&or=(" + quoted + ".eq." + hostileQuoted(name) + ",\"val-ue\".is.null)&order=" + quoted, status: 200, want: "[" + row("x") + "]"},
			{name: "select", path: table + "?select=" + quoted + ":" + quoted + ",j:" + quoted + "->" + quoted, status: 200, want: fmt.Sprintf(`[{%s: %s, "j": null}]`, jsonOf(name), jsonOf(name))},
			{name: "child", method: "POST", path: child, body: key, status: 201},
			{name: "hint", path: child + "?select=e:" + quoted + "!" + fk + "!inner(" + quoted + ")&e." + quoted + "=eq." + self, status: 200, want: `[{"e": ` + key + `}]`},
			{name: "embed", path: table + "?select=" + children + "(" + quoted + ")&" + children + ".order=" + quoted, status: 200, want: fmt.Sprintf(`[{%s: [%s]}]`, jsonOf("child "+name), key)},
			{name: "spread", path: child + "?select=..." + quoted + "(" + quoted + ":\"val-ue\")", status: 200, want: fmt.Sprintf(`[{%s: "x"}]`, jsonOf(name))},
			{name: "orphan", method: "DELETE", path: child + "?" + quoted + "=eq." + self, status: 204},
			{name: "call", path: function + "?" + quoted + "=" + self, status: 200, want: "[" + row("x") + "]"},
			{name: "call by body", method: "POST", path: function, body: key, status: 200, want: "[" + row("x") + "]"},
			{name: "update", method: "PATCH", path: table + "?" + quoted + "=in.(" + quoted + ")", body: `{"val-ue": "y"}`, header: []string{"Prefer: return=representation"}, status: 200, want: "[" + row("y") + "]"},
			{name: "delete", method: "DELETE", path: table + "?" + quoted + "=eq." + self, header: []string{"Prefer: return=representation"}, status: 200, want: "[" + row("y") + "]"},
		} {
			t.Run(c.name+" "+name, func(t *testing.T) { s.check(t, c) })
		}
	}
}

// hostileQuoted is a name in quotes, as a URL has it.
func hostileQuoted(name string) string {
	return url.QueryEscape(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`)
}
