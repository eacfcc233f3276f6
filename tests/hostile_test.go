package tests

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

type hostileList struct{ Closers, Payloads, Whole []string }

func hostileLists(t *testing.T) (lists hostileList) {
	t.Helper()
	text, err := os.ReadFile("js/hostile.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &lists); err != nil {
		t.Fatal(err)
	}
	return lists
}

// hostileTexts are those of tests/js/hostile.json, and what JSON can't hold.
func hostileTexts(t *testing.T) []string {
	t.Helper()
	lists := hostileLists(t)
	out := append(lists.Whole, "\xff'; drop table notes; --", "a\xc3(", "\xc0\xa7 or 1=1", "\xed\xa0\x80", strings.Repeat("(", 3000), strings.Repeat("a.", 3000))
	for _, c := range lists.Closers {
		for _, p := range lists.Payloads {
			out = append(out, c+p)
		}
	}
	if len(out) < 200 {
		t.Fatalf("only %d hostile texts", len(out))
	}
	return out
}

// fingerprint sums up every row and every object of a database: what no request of
// this file may change.
func fingerprint(t *testing.T, conn *pgx.Conn) map[string]string {
	t.Helper()
	queries := map[string]string{
		"relations": `select format('%s %s %s %s %s %s %s', c.oid, c.relname, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.reloptions) from pg_class as c`,
		"columns":   `select format('%s %s %s %s %s', a.attrelid, a.attname, a.atttypid, a.attnotnull, a.attacl) from pg_attribute as a`,
		"functions": `select format('%s %s %s %s %s', p.oid, p.proname, p.prosrc, p.proacl, p.prosecdef) from pg_proc as p`,
		"policies":  `select p::text from pg_policies as p`,
		"schemas":   `select format('%s %s', n.nspname, n.nspacl) from pg_namespace as n where n.nspname !~ '^pg_(toast_)?temp_'`,
		"triggers":  `select format('%s %s %s', g.tgrelid, g.tgname, g.tgenabled) from pg_trigger as g`,
		"settings":  `select s::text from pg_db_role_setting as s join pg_database as d on d.oid = s.setdatabase where d.datname = current_database()`,
		"roles":     `select r.rolname from pg_roles as r where r.rolname ~ 'pwned'`,
	}
	rows, err := conn.Query(t.Context(), `
		select format('%I.%I', n.nspname, c.relname)
		from pg_class as c
		join pg_namespace as n on n.oid = c.relnamespace
		where c.relkind = 'r'
		and n.nspname in ('public', 'audit', 'auth', 'fluxbase', 'idempotency', 'pagination', 'ratelimit', 'realtime')`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		queries["rows of "+table] = `select x::text from ` + table + ` as x`
	}
	out := map[string]string{}
	for name, query := range queries {
		var sum string
		err := conn.QueryRow(t.Context(), `select md5(coalesce(string_agg(x.line, E'\n' order by x.line), '')) from (`+query+`) as x (line)`).Scan(&sum)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = sum
	}
	return out
}

// hostileServer is a server in front of a database in which table echo holds every
// hostile text. unchanged, at the end, says whether anything else is there now.
func hostileServer(t *testing.T) (s *server, texts []string, unchanged func()) {
	t.Helper()
	texts = hostileTexts(t)
	db := notesDB(t)
	conn := db.Conn(t)
	for i, text := range texts {
		if !isText(text) {
			continue
		}
		if _, err := conn.Exec(t.Context(), `insert into public.echo (id, value) values ($1, $2)`, i, text); err != nil {
			t.Fatal(err)
		}
	}
	// The server does too, when it starts.
	exec(t, db, `select audit.make_partitions(), functions.make_partitions()`)
	same := sameDatabase(t, conn)
	s = startServer(t, db, "FLUXBASE_REST_DB_TX_END=commit-allow-override",
		"FLUXBASE_SERVER_REQUEST_TIMEOUT=10s") // pg_sleep would end as 504
	return s, texts, func() { same(); noServerErrors(t, s) }
}

// sameDatabase gives a check that the database is as it is now.
func sameDatabase(t *testing.T, conn *pgx.Conn) func() {
	t.Helper()
	before := fingerprint(t, conn)
	return func() {
		t.Helper()
		after := fingerprint(t, conn)
		for _, name := range slices.Sorted(maps.Keys(before)) {
			if before[name] != after[name] {
				t.Errorf("%s changed", name)
			}
		}
		if len(after) != len(before) {
			t.Errorf("there are %d tables and kinds of objects, %d before", len(after), len(before))
		}
	}
}

// isText tells whether Postgres can hold a text.
func isText(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// hostileRequest is one place in which a text is tried.
type hostileRequest struct {
	place, method, path, body string
	header                    []string
}

// hostilePlaces are all places of the grammar. In a URL @ is the text in a path
// and $ in a query, escaped as HTTP needs and no further; elsewhere §json is the
// text as JSON, §text as it is, §header as a header can hold it.
var hostilePlaces = func() []hostileRequest {
	undone := []string{"Prefer: tx=rollback,return=representation", "Content-Type: application/json"}
	var out []hostileRequest
	for _, path := range []string{
		"/@", "/rpc/@", "/echo?select=$", "/echo?select=id,$", "/echo?select=$:value", "/echo?select=value::$", "/echo?select=value:$", "/kinds?select=data->$->>x", "/echo?select=id.sum()::$",
		"/notes?select=$:tags(name)", "/notes?select=tags!inner!$(name)", "/notes?select=...tags($)", "/notes?select=tags(note_tags($))", "/kinds?select=data->>$",
		"/notes?select=$(name)", "/notes?select=tags!$(name)", "/notes?select=tags($)", "/notes?select=...$(name)", "/echo?select=id.$()",
		"/echo?$=eq.x", "/echo?value=$.x", "/echo?value=not.$", "/echo?value=fts($).x", "/echo?value=fts.$", "/echo?value=match.$",
		"/echo?value=is.$", "/echo?value=in.($)", "/echo?id=eq.$", "/kinds?words=cs.$", "/kinds?data=cs.$", "/kinds?span=ov.$", "/kinds?data->$=eq.1",
		"/notes?select=tags(name)&tags.$=eq.x", "/notes?select=tags(name)&$.name=eq.x", "/echo?or=$", "/echo?or=($)", "/echo?and=(id.eq.1,$)",
		"/echo?or=(value.eq.$)", "/echo?order=$", "/echo?order=value.$", "/kinds?order=data->>$", "/notes?select=tags(name)&tags.order=$",
		"/notes?select=tags(name)&order=tags($)", "/notes?select=tags(name)&tags.or=($)", "/notes?select=tags(name)&tags.limit=$",
		"/echo?not.and=($)", "/echo?or=(id.in.($),id.eq.1)", "/echo?value=eq(any).$", "/echo?value=isdistinct.$", "/kinds?span=adj.$", "/kinds?big=gt.$",
		"/echo?limit=$", "/echo?offset=$", "/rpc/same_text?value=$", "/rpc/same_text?$=x", "/rpc/add_up?a=$",
		"/kinds?select=is_on,amount.sum().filter($)", "/kinds?select=is_on,amount.sum().filter(amount.eq.$)", "/kinds?select=is_on,count().filter(data->$.eq.1)",
		"/kinds?select=is_on&having=$", "/kinds?select=is_on&having=amount.sum().gt.$", "/kinds?select=is_on&having=$.sum().gt.1",
		"/notes?distinct=$", "/notes?distinct=id,$", "/notes?id=gt(col).$", "/notes?or=(id.eq(col).$)", "/kinds?data->$=gt(col).id",
		"/echo?order=rank(value,fts($).x)", "/echo?order=rank(value,fts.$)", "/echo?order=rank($,wfts.x)", "/echo?order=distance($,x)", "/echo?order=distance(value,$)",
		"/notes?select=*,$!recursive.2(*)", "/notes?select=*,tags!recursive.$(*)",
	} {
		out = append(out, hostileRequest{"in the URL", http.MethodGet, path, "", nil})
	}
	out = append(out, []hostileRequest{
		{"a key of a body", http.MethodPost, "/tags", `{§json: "x"}`, undone},
		{"a value of a body", http.MethodPost, "/tags", `[{"name": §json}, {"name": [§json]}]`, undone},
		{"a body", http.MethodPost, "/tags", "§text", undone},
		{"a csv body", http.MethodPost, "/tags", "name\n§text", []string{undone[0], "Content-Type: text/csv"}},
		{"columns", http.MethodPost, "/tags?columns=$", `{"name": "x"}`, undone},
		{"on_conflict", http.MethodPost, "/tags?on_conflict=$", `{"name": "x"}`, append([]string{"Prefer: tx=rollback,resolution=merge-duplicates"}, undone[1])},
		{"select after a write", http.MethodPost, "/tags?select=$", `{"name": "x"}`, undone},
		{"the filter of an update", http.MethodPatch, "/tags?name=eq.$", `{"name": "x"}`, undone},
		{"the key of a PUT", http.MethodPut, "/tags?id=eq.$", `{"id": §json, "name": "x"}`, undone},
		{"the column of a delete", http.MethodDelete, "/tags?$=eq.x", "", undone},
		{"an argument's name", http.MethodPost, "/rpc/same_text", `{§json: "x"}`, undone[1:]},
		{"an argument", http.MethodPost, "/rpc/same_text", `{"value": §json}`, undone[1:]},
		{"a form", http.MethodPost, "/rpc/same_text", "$=$", []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"a query", "QUERY", "/echo", "value=eq.$&select=$", []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"a query as JSON", "QUERY", "/echo", "§text", undone[1:]},
		{"a filter as JSON", "QUERY", "/echo", `{"where": {"value": {"eq": §json}, §json: {"eq(col)": §json}}}`, undone[1:]},
		{"the rest as JSON", "POST", "/echo/query", `{"select": [§json], "order": [§json], "distinct": [§json], "having": {§json: §json}, "embeds": {§json: {"limit": 1}}}`, undone[1:]},
		{"preferences", http.MethodGet, "/echo?limit=1", "", []string{"Prefer: handling=strict, timezone=§header, max-affected=§header"}},
		{"a plan's options", http.MethodGet, "/echo?limit=1", "", []string{`Accept: application/vnd.pgrst.plan+json; for="§header"; options=§header`}},
		{"the token", http.MethodGet, "/echo?limit=1", "", []string{"Authorization: Bearer §header"}},
	}...)
	for _, name := range []string{"Prefer", "Accept", "Accept-Profile", "Content-Profile", "Range", "Range-Unit", "Content-Type", "Cookie", "Forwarded", "Origin", "X-Request-Id"} {
		out = append(out, hostileRequest{"header " + name, http.MethodGet, "/echo?limit=1", "", []string{name + ": §header"}})
	}
	return out
}()

// with puts a text in its place.
func (r hostileRequest) with(text string) hostileRequest {
	r.path = strings.NewReplacer("@", url.PathEscape(text), "$", url.QueryEscape(text)).Replace(r.path)
	if r.place == "a form" {
		r.body = strings.ReplaceAll(r.body, "$", url.QueryEscape(text))
	} else if r.body != "" {
		r.body = strings.NewReplacer("§json", jsonOf(text), "§text", text).Replace(r.body)
	}
	r.header = slices.Clone(r.header)
	for i := range r.header {
		r.header[i] = strings.ReplaceAll(r.header[i], "§header", headerText(text))
	}
	return r
}

func jsonOf(text string) string {
	b, _ := json.Marshal(text) // a string always marshals
	return string(b)
}

// headerText leaves out what no HTTP client can send in a header.
func headerText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
}

func start(s string) string { return s[:min(len(s), 500)] }

func TestHostileTextsNeverBecomeSQL(t *testing.T) {
	t.Parallel()
	s, texts, unchanged := hostileServer(t)
	defer unchanged()
	// With the service role, so that what got through could do all it wants.
	service := "Authorization: Bearer " + signToken(t, map[string]any{"role": "service_role"})
	work := make(chan string)
	var workers sync.WaitGroup
	for range 16 { // an unknown name waits for a look at the database
		workers.Go(func() {
			for text := range work {
				for _, place := range hostilePlaces {
					r := place.with(text)
					a, err := s.try(r.method, "/rest/v1"+r.path, r.body, append([]string{service}, r.header...)...)
					switch {
					case err != nil:
						t.Errorf("%q as %s: %v", text, r.place, err)
					case a.Status >= 500 || a.Status < 200:
						t.Errorf("%q as %s, %s %s: %d %s", text, r.place, r.method, r.path, a.Status, start(a.Body))
					case strings.Contains(a.Body, "gotcha"): // what 'got'||'cha' gives
						t.Errorf("%q as %s, %s %s was evaluated: %s", text, r.place, r.method, r.path, start(a.Body))
					}
				}
			}
		})
	}
	for _, text := range texts {
		work <- text
	}
	close(work)
	workers.Wait()
}

func TestHostileTextsAreData(t *testing.T) {
	t.Parallel()
	s, texts, unchanged := hostileServer(t)
	defer unchanged()
	service := "Authorization: Bearer " + signToken(t, map[string]any{"role": "service_role"})
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for _, text := range texts {
		inQuotes := url.QueryEscape(`"` + quoted.Replace(text) + `"`)
		for _, r := range []hostileRequest{
			{"eq", http.MethodGet, "/echo?select=value&value=eq." + url.QueryEscape(text), "", nil},
			{"in", http.MethodGet, "/echo?select=value&value=in.(" + inQuotes + ")", "", nil},
			{"or", http.MethodGet, "/echo?select=value&or=(value.eq." + inQuotes + ",id.eq.-1)", "", nil},
			{"insert", http.MethodPost, "/echo?select=value", `{"id": -1, "value": ` + jsonOf(text) + `}`, []string{"Content-Type: application/json", "Prefer: tx=rollback,return=representation"}},
			{"update", http.MethodPatch, "/echo?select=value&id=eq.0", `{"value": ` + jsonOf(text) + `}`, []string{"Content-Type: application/json", "Prefer: tx=rollback,return=representation"}},
		} {
			if text == "" && r.place == "in" {
				continue // in.("") is the empty list, as in PostgREST
			}
			if strings.Contains(text, "\x00") || (!utf8.ValidString(text) && r.body == "") {
				a := s.call(t, r.method, "/rest/v1"+r.path, r.body, append(r.header, service)...)
				if a.Status != http.StatusBadRequest {
					t.Errorf("%q in %s: got %d %s, want 400", text, r.place, a.Status, a.Body)
				}
				continue
			}
			if !utf8.ValidString(text) {
				continue // JSON can't hold it
			}
			a := s.call(t, r.method, "/rest/v1"+r.path, r.body, append(r.header, service)...)
			var got []struct{ Value string }
			if err := json.Unmarshal([]byte(a.Body), &got); err != nil || len(got) == 0 {
				t.Errorf("%q in %s: got %d %s, want the row", text, r.place, a.Status, a.Body)
				continue
			}
			for _, row := range got {
				if row.Value != text {
					t.Errorf("%q in %s became %q", text, r.place, row.Value)
				}
			}
		}
	}
}

func TestHostileTextsThroughTheClient(t *testing.T) {
	t.Parallel()
	s, _, unchanged := hostileServer(t)
	defer unchanged()
	runNode(t, s, "hostile.test.mjs")
}
