package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

const importFixture = restFixture + `
create domain public.short as varchar(3);
create table public.target (like public.items including all, s public.short, nums int[], code varchar(4), at time, big bigint);
create table public.target2 (like public.target including all);
create table public.plain (id int primary key, label text default 'none', n int not null check (n < 100), at timestamptz default '2024-01-01Z');
create table public.generated (id int generated always as identity, a int, twice int generated always as (a * 2) stored);
create table public.triggered (id int primary key, owner uuid default auth.uid());
create function public.refuse() returns trigger language plpgsql as $$
begin
  if new.id = 13 then raise exception 'unlucky' using errcode = 'PT422'; end if;
  return new;
end $$;
create trigger refuse before insert on public.triggered for each row execute function public.refuse();
create function public.before_all() returns void language plpgsql as $$
begin
  perform set_config('response.headers', '[{"X-Before": "' || current_setting('request.method') || '"}]', true);
end $$;
create table public.timed (id int, allowed text default current_setting('statement_timeout'));
create table public.some_columns (id int, a text default 'd', secret text);
revoke all on public.some_columns from anon;
grant insert (id, a) on public.some_columns to anon;
`

func TestImportsMeanWhatInsertsMean(t *testing.T) {
	t.Parallel()
	s := newRest(t, importFixture, extended)
	rows := []string{
		`{"id":1,"label":"a\tb\\n\u00fc\n","qty":7,"price":"1.005","tags":["x","y z"],"span":"[1,3)","data":{"k":[1,2.50,"\u0041"]},"raw":"a\u0062","mood":"ok","made":"2024-05-05","words":"fat cat","s":"abc","nums":[1,2],"code":"abcd","at":"10:00","big":9007199254740993}`,
		`{"big":null,"at":null,"code":"","nums":"{3,4}","s":null,"words":null,"made":null,"mood":null,"raw":[1, 2],"data":"text","span":null,"tags":null,"price":1e1,"qty":"8","label":true,"id":2}`,
		`{"id":3,"label":{"o":"\\"},"qty":0,"price":3,"tags":[],"span":"empty","data":null,"raw":null,"mood":"sad","made":"now","words":"","s":"","nums":null,"code":"x","at":"11:00","big":1,"big":2}`,
	}
	rows[2] = strings.Replace(rows[2], `"now"`, `"2024-01-01"`, 1)
	s.check(t, restCase{method: "POST", path: "/target", body: "[" + strings.Join(rows, ",") + "]", status: 201})
	s.check(t, restCase{method: "POST", path: "/target2", body: strings.Join(rows, "\n"), header: []string{sendsLines}, status: 201, wantHeader: []string{"Content-Range: */3", "X-Affected-Count: 3"}})
	if got, want := rowsOf(t, s.db, "public.target2"), rowsOf(t, s.db, "public.target"); !slices.Equal(got, want) || len(got) != 3 {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	user, stranger := "Authorization: Bearer "+restToken(t, ada), "Authorization: Bearer "+restToken(t, bob)
	s.run(t, []restCase{
		{name: "defaults, counted", method: "POST", path: "/plain", body: `{"id":1,"n":1}` + "\n" + `{"id":2,"n":2}`, header: []string{sendsLines, "Prefer: count=exact, return=representation"}, status: 201, wantHeader: []string{"Content-Range: */2", "Preference-Applied: count=exact"}},
		{name: "so they are there", path: "/plain?select=id,label,at&id=lt.3", status: 200, want: `[{"id":1,"label":"none","at":"2024-01-01T00:00:00+00:00"},{"id":2,"label":"none","at":"2024-01-01T00:00:00+00:00"}]`},
		{name: "chosen columns", method: "POST", path: "/plain?columns=id,n,label", body: `{"id":3,"n":3,"more":[1]}` + "\n" + `{"n":4,"id":4,"label":null}`, header: []string{sendsLines}, status: 201},
		{name: "a missing value is null", path: "/plain?select=label&id=in.(3,4)", status: 200, want: `[{"label":null},{"label":null}]`},
		{name: "or its default", method: "POST", path: "/plain?columns=id,n,label,at", body: `{"id":5,"n":3}` + "\n" + `{"n":4,"id":6,"label":null}`, header: []string{sendsLines, "Prefer: missing=default"}, status: 201, wantHeader: []string{"Preference-Applied: missing=default"}},
		{name: "as asked", path: "/plain?select=label,at&id=in.(5,6)&order=id", status: 200, want: `[{"label":"none","at":"2024-01-01T00:00:00+00:00"},{"label":null,"at":"2024-01-01T00:00:00+00:00"}]`},
		{name: "merged", method: "POST", path: "/plain", body: `{"id":1,"n":11}` + "\n" + `{"id":2,"n":12}`, header: []string{sendsLines, "Prefer: resolution=merge-duplicates"}, status: 200, wantHeader: []string{"Preference-Applied: resolution=merge-duplicates"}},
		{name: "ignored", method: "POST", path: "/plain?on_conflict=id", body: `{"id":1,"n":21}` + "\n" + `{"id":7,"n":17}`, header: []string{sendsLines, "Prefer: resolution=ignore-duplicates, count=exact"}, status: 201, wantHeader: []string{"Content-Range: */1"}},
		{name: "both as they should", path: "/plain?select=id,n&n=gt.10&order=id", status: 200, want: `[{"id":1,"n":11},{"id":2,"n":12},{"id":7,"n":17}]`},
		{name: "told in the body", method: "POST", path: "/plain?columns=id,n", body: `{"id":8,"n":1}`, header: []string{sendsLines, "Prefer: return=headers-only"}, status: 201, want: `{"affected":1}`},
		{name: "nothing", method: "POST", path: "/plain", body: "\n", header: []string{sendsLines}, status: 201},
		{name: "rows of nothing", method: "POST", path: "/defaults", body: "{}\n{}\n", header: []string{sendsLines, "Prefer: count=exact"}, status: 201, wantHeader: []string{"Content-Range: */2"}},
		{name: "generated", method: "POST", path: "/generated", body: `{"a":2}`, header: []string{sendsLines}, status: 201},
		{name: "given", method: "POST", path: "/generated", body: `{"id":2}`, header: []string{sendsLines}, status: 400, want: `{"code":"428C9"}`},
		{name: "it was", path: "/generated?select=id,twice", status: 200, want: `[{"id":1,"twice":4}]`},
		{name: "one's own rows", method: "POST", path: "/notes", body: `{"title":"by ada"}` + "\n" + `{"title":"too"}`, header: []string{sendsLines, user}, status: 201},
		{name: "others' rows", method: "POST", path: "/notes", body: `{"title":"a","owner":"` + bob + `"}` + "\n" + `{"title":"b","owner":"` + ada + `"}`, header: []string{sendsLines, stranger}, status: 403, want: `{"code":"42501","details":{"line":2}}`},
		{name: "only some columns", method: "POST", path: "/some_columns", body: `{"id":1,"a":"x"}`, header: []string{sendsLines}, status: 201},
		{name: "not this one", method: "POST", path: "/some_columns", body: `{"id":1,"secret":"x"}`, header: []string{sendsLines}, status: 401, want: `{"code":"42501"}`},
		{name: "no such column", method: "POST", path: "/plain?columns=id,nope", body: `{"id":1}`, header: []string{sendsLines}, status: 400, want: `{"code":"PGRST204"}`},
		{name: "no such table", method: "POST", path: "/nowhere", body: `{"id":1}`, header: []string{sendsLines}, status: 404, want: `{"code":"PGRST205"}`},
		{name: "no such conflict", method: "POST", path: "/plain?on_conflict=n", body: `{"id":1,"n":1}`, header: []string{sendsLines, "Prefer: resolution=merge-duplicates"}, status: 400, want: `{"code":"42P10"}`},
		{name: "an unknown preference", method: "POST", path: "/plain", body: `{"id":1,"n":1}`, header: []string{sendsLines, "Prefer: handling=strict, nonsense"}, status: 400, want: `{"code":"PGRST122"}`},
	})
	timed := serveRest(t, s.db, func(c *restConfig) {
		c.Extensions, c.AppSettings = true, []pg.Setting{{Name: "statement_timeout", Value: "77s"}}
	})
	timed.check(t, restCase{method: "POST", path: "/timed", body: `{"id":1}`, header: []string{sendsLines}, status: 201})
	timed.check(t, restCase{path: "/timed", status: 200, want: `[{"id":1,"allowed":"77s"}]`})
	before := serveRest(t, s.db, func(c *restConfig) { c.Extensions, c.PreRequest, c.TxEnd = true, "before_all", "rollback" })
	before.check(t, restCase{method: "POST", path: "/plain", body: `{"id":99,"n":1}`, header: []string{sendsLines}, status: 201, wantHeader: []string{"X-Before: POST"}})
	before.check(t, restCase{path: "/plain?id=eq.99", status: 200, want: `[]`})
	before.check(t, restCase{path: "/plain?id=eq.1", header: []string{asLines}, status: 200, wantHeader: []string{"X-Before: GET"}})
	exec(t, s.db, `do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$`)
	s.check(t, restCase{method: "POST", path: "/plain", body: `{"id":50,"n":1}`, header: []string{sendsLines}, status: 401, want: `{"code":"42501","hint":"imports need it: grant temporary on database … to the login of FLUXBASE_DATABASE_URL"}`})
}

func TestImportsNameTheLine(t *testing.T) {
	t.Parallel()
	s := newRest(t, importFixture, func(c *restConfig) { c.Extensions, c.ImportRows = true, 20 })
	fill := func(line func(i int) string, n, bad int, with string) string {
		var b strings.Builder
		for i := 1; i <= n; i++ {
			if i == bad {
				b.WriteString(with + "\n")
			} else {
				b.WriteString(line(i) + "\n")
			}
		}
		return b.String()
	}
	row := func(i int) string { return fmt.Sprintf(`{"id":%d,"n":%d,"label":"x"}`, i, i) }
	deep := `{"id":3,"n":3,"label":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}"
	for _, tt := range []struct{ name, with, want string }{
		{"no JSON", `{"id":3,`, `{"code":"PGRST102","message":"Empty or invalid json","details":{"line":3}}`},
		{"an array", `[{"id":3}]`, `{"code":"PGRST102","details":{"line":3}}`},
		{"other keys", `{"id":3,"n":3}`, `{"code":"PGRST102","message":"All object keys must match","details":{"line":3}}`},
		{"a type", `{"id":3,"n":"three","label":"x"}`, `{"code":"22P02","details":{"line":3,"column":"n"}}`},
		{"a NUL", `{"id":3,"n":3,"label":"\u0000"}`, `{"code":"22P05","details":{"line":3,"details":"\\u0000 cannot be converted to text."}}`},
		{"no UTF-8", "{\"id\":3,\"n\":3,\"label\":\"\xff\"}", `{"code":"22021","details":{"line":3}}`},
		{"too deep", deep, `{"code":"json_too_deep","details":{"line":3}}`},
		{"a NULL", `{"id":3,"n":null,"label":"x"}`, `{"code":"23502","details":{"line":3,"column":"n","details":"Failing row contains (3, x, null, 2024-01-01 00:00:00+00)."}}`},
		{"a check", `{"id":3,"n":100,"label":"x"}`, `{"code":"23514","details":{"line":3,"details":"Failing row contains (3, x, 100, 2024-01-01 00:00:00+00)."}}`},
		{"a key twice", `{"id":1,"n":3,"label":"x"}`, `{"code":"23505","details":{"line":3,"details":"Key (id)=(1) already exists."}}`},
	} {
		status := 400
		if tt.name == "a key twice" {
			status = 409
		}
		s.check(t, restCase{method: "POST", path: "/plain", body: fill(row, 20, 3, tt.with), header: []string{sendsLines}, status: status, want: tt.want})
	}
	quoted := "id,n,label\n1,1,\"a\nb\"\n\n2,x,c\n"
	s.run(t, []restCase{
		{name: "too many", method: "POST", path: "/plain", body: fill(row, 21, 0, ""), header: []string{sendsLines}, status: 413, want: `{"code":"body_too_large","details":{"limit_rows":20,"line":21}}`},
		{name: "a giant line", method: "POST", path: "/plain", body: row(1) + "\n{\"id\":\"" + strings.Repeat("x", 5<<20), header: []string{sendsLines}, status: 413, want: `{"code":"body_too_large","details":{"limit_line_bytes":4194304,"line":2}}`},
		{name: "a trigger", method: "POST", path: "/triggered", body: fill(func(i int) string { return fmt.Sprintf(`{"id":%d}`, i) }, 19, 0, ""), header: []string{sendsLines}, status: 422, want: `{"code":"PT422","message":"unlucky","details":{"line":13}}`},
		{name: "a type in CSV", method: "POST", path: "/plain", body: quoted, header: []string{sendsCSVCopy}, status: 400, want: `{"code":"22P02","details":{"line":5,"column":"n"}}`},
		{name: "fields too few", method: "POST", path: "/plain", body: "id,n\n1,1\n2\n", header: []string{sendsCSVCopy}, status: 400, want: `{"code":"PGRST102","message":"All lines must have same number of fields","details":{"line":3}}`},
		{name: "a quote too few", method: "POST", path: "/plain", body: "id,n\n1,\"1\n2\n", header: []string{sendsCSVCopy}, status: 400, want: `{"code":"PGRST102","details":{"line":3}}`},
		{name: "no names", method: "POST", path: "/plain", body: "\n", header: []string{sendsCSVCopy}, status: 400, want: `{"code":"PGRST102"}`},
		{name: "a label of an enum", method: "POST", path: "/items", body: "id,mood\n10,ok\n11,angry\n", header: []string{sendsCSVCopy}, status: 400, want: `{"code":"22P02","details":{"line":3}}`},
		{name: "nothing of all that is there", path: "/plain", status: 200, want: `[]`},
		{name: "nor of that", path: "/triggered", status: 200, want: `[]`},
	})
}

func TestImportsUnderWay(t *testing.T) {
	t.Parallel()
	s, db := streamServer(t, "FLUXBASE_REST_STREAMS=3", "FLUXBASE_SERVER_BODY_LIMIT=1500", "FLUXBASE_REST_IMPORT_BYTES=5000000")
	exec(t, db, `create table public.copy (id int primary key, v text not null); create table public.copy2 (like public.copy including all);
		create table public.words (v text, j jsonb)`)
	eventually(t, "the tables are known", func() bool { return s.call(t, "GET", "/rest/v1/words", "").Status == 200 })

	for _, format := range [][2]string{{asLines, sendsLines}, {asCSVStream, sendsCSVCopy}} {
		body := s.call(t, "GET", "/rest/v1/big?order=id&limit=10000", "", format[0]).Body
		rd, wr := io.Pipe()
		go func() {
			for i := 0; i < len(body); i += 1 << 20 {
				_, _ = io.WriteString(wr, body[i:min(i+1<<20, len(body))])
			}
			wr.Close()
		}()
		req, _ := http.NewRequest("POST", s.URL+"/rest/v1/copy", rd)
		name, value, _ := strings.Cut(format[1], ": ")
		req.Header.Set(name, value)
		req.Header.Set("Accept", "application/x-ndjson")
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		var line, last struct {
			Rows, Bytes, Affected int64
			Status                int
		}
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); last = line {
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Rows < last.Rows || line.Bytes < last.Bytes || last.Status != 0 {
				t.Errorf("%s after %+v: %v", lines.Bytes(), last, err)
			}
		}
		resp.Body.Close()
		if last.Rows != 10000 || last.Affected != 10000 || last.Bytes != int64(len(body)) || last.Status != 201 {
			t.Errorf("at the end: %+v of %d bytes", last, len(body))
		}
		if got, want := rowsOf(t, db, "public.copy"), rowsOf(t, db, "(select * from public.big where id <= 10000)"); !slices.Equal(got, want) {
			t.Errorf("%s: %d rows, want %d", format[1], len(got), len(want))
		}
		exec(t, db, `truncate public.copy`)
	}
	if peak := peakMemory(t, s); peak > 60<<20 {
		t.Errorf("the process had %d MB in memory", peak>>20)
	}
	a := s.call(t, "POST", "/rest/v1/copy", `{"id":1,"v":"x"}`+"\n"+`{"id":1,"v":"x"}`, sendsLines, "Accept: application/x-ndjson")
	if !strings.Contains(a.Body, `"status":409,"error":{"code":"23505"`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}

	// Of two with a key in common one is in, whole; none of the other.
	var wg sync.WaitGroup
	status := make([]int, 2)
	for i := range status {
		var body strings.Builder
		for n := range 2000 {
			fmt.Fprintf(&body, "{\"id\":%d,\"v\":\"of %d\"}\n", 10*n+5*i*(n%2), i) // every other is the other's too
		}
		wg.Go(func() {
			a, err := s.try("POST", "/rest/v1/copy", body.String(), sendsLines)
			if err != nil {
				t.Error(err)
			}
			status[i] = a.Status
		})
	}
	wg.Wait()
	slices.Sort(status)
	if !slices.Equal(status, []int{201, 409}) {
		t.Errorf("statuses %v", status)
	}
	if whole := s.call(t, "GET", "/rest/v1/copy?select=v", "", "Prefer: count=exact"); !strings.Contains(whole.Header.Get("Content-Range"), "/2000") ||
		strings.Contains(whole.Body, "of 0") == strings.Contains(whole.Body, "of 1") {
		t.Errorf("%s %.200s", whole.Header.Get("Content-Range"), whole.Body)
	}

	// One that goes away, or says nothing more, leaves nothing.
	const head = "POST /rest/v1/copy2 HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n{\"id\":1,\"v\":\"x\"}\n"
	gone := s.begin(t, head)
	eventually(t, "it is under way", func() bool { return busy(t, db) == 1 })
	gone.Close()
	silent := s.begin(t, head)
	line, err := bufio.NewReader(silent).ReadString('\n')
	if err != nil || !strings.Contains(line, " 504 ") {
		t.Errorf("silence: %q %v", line, err)
	}
	eventually(t, "the connections are free", func() bool { return busy(t, db) == 0 })
	if rows := rowsOf(t, db, "public.copy2"); len(rows) > 0 {
		t.Errorf("rows %s", rows)
	}
	if a := s.call(t, "POST", "/rest/v1/copy2", strings.Repeat(`{"id":1,"v":"x"}`+"\n", 1<<19), sendsLines); a.Status != 413 || !strings.Contains(a.Body, "FLUXBASE_REST_IMPORT_BYTES") {
		t.Errorf("%d %s", a.Status, a.Body)
	}

	// What is too large to be held means what it means to PostgREST all the same.
	rows := "v,j\nNULL,NULL\n,\"{\"\"a\"\":1}\"\n\n\"NULL\",x\r\n\"a\r\nb\",\"\"\n"
	if a := s.call(t, "POST", "/rest/v1/words", rows, "Content-Type: text/csv"); a.Status != 201 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	held := rowsOf(t, db, "public.words")
	exec(t, db, `truncate public.words`)
	if a := s.call(t, "POST", "/rest/v1/words", rows+strings.Repeat("more,more\n", 200), "Content-Type: text/csv"); a.Status != 201 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if got := rowsOf(t, db, "(select * from public.words where v is distinct from 'more')"); !slices.Equal(got, held) || len(got) != 4 {
		t.Errorf("got %q, want %q", got, held)
	}
	if a := s.call(t, "POST", "/rest/v1/words", strings.Repeat("more,more\n", 200), "Content-Type: text/csv", "Prefer: return=representation"); a.Status != 413 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}
