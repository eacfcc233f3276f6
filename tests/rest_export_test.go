package tests

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// streamFixture has every kind of value.
const streamFixture = restFixture + `
create domain public.short as varchar(3);
create type public.pair as (x int, y text);
create table public.odd (
  id int primary key, big bigint, small smallint, f double precision, r real, n numeric, b boolean, t text, c char(4), v varchar(5),
  u uuid, by bytea, j json, jb jsonb, d date, ts timestamp, tz timestamptz, tm time, iv interval, ip inet, a int[], aa text[], p public.pair,
  s public.short, bits bit(3), mood public.mood, "odd ""name""" text
);
insert into public.odd values
  (1, 9223372036854775807, -1, 'NaN', 'Infinity', 'NaN', true, E'tab\t"quote" \\ line\nbreak \u0001 \u2028 ü', 'ab', '', gen_random_uuid(),
   '\xdeadbeef00', E'{"a":\n [1,\r\n 2]}', '{"b": "\n"}', '0044-03-15 BC', 'infinity', '2024-06-01 12:00:00.5+02', '10:11:12.5', '1 day 2 hours', '10.0.0.1/8',
   '{1,NULL}', '{{a,"b c"},{NULL,""}}', '(1,"a b")', 'abc', '101', 'ok', 'NULL'),
  (2, null, null, -1e300, 1.5e-30, 1e20, false, '', null, null, null, '', 'null', 'null', '-infinity', null, null, null, null, null, '{}', null, null, null, null, null, ''),
  (3, 0, 0, 0, -0.0, 0.10, null, E'\\.', ' ', 'x,y', null, null, '"x"', '[]', '2024-01-01', '1999-12-31 23:59:59', '-infinity', null, null, '::1', null, null, null, null, null, 'sad', null);
create view public.early_failure as select id, 1 / (id - 1) as q from public.items;
`

// bigFixture has enough rows to fill what the kernel keeps of a connection.
const bigFixture = `
create table public.big (id int primary key, v text not null);
insert into public.big select i, repeat('x', 200) || i from generate_series(1, 50000) as i;
create view public.late_failure as select id, 1 / (40000 - id) as q from public.big;
create view public.slow as select i as id, pg_sleep(0.05)::text as s from generate_series(1, 100) as i;
`

const (
	asLines      = "Accept: application/x-ndjson"
	asStream     = "Accept: application/json;stream=true"
	asCSVStream  = "Accept: text/csv; stream=true"
	sendsLines   = "Content-Type: application/x-ndjson"
	sendsCSVCopy = "Content-Type: text/csv;stream=true"
)

func extended(c *restConfig) { c.Extensions, c.ETags, c.AggregatesEnabled = true, true, true }

func TestExportsSayWhatReadsSay(t *testing.T) {
	t.Parallel()
	s := newRest(t, streamFixture, extended)
	user := "Authorization: Bearer " + restToken(t, ada)
	for _, path := range []string{
		"/odd", "/odd?select=*&order=id.desc", "/odd?select=id,f::text,t2:t,jb->b,jb->>b,p->x,d::text,tz&order=id", "/odd?select=id,id,t&order=id",
		"/items?select=*,label_length&order=id", "/items?data->>k=eq.x&select=tags,span,words,raw", "/items?select=qty.sum(),n:count()",
		"/items?id=gt.1&order=id&limit=2&offset=1", "/items?id=lt.0", "/notes?order=id",
		"/projects?select=*,clients(name),tasks(name,users(name))&order=id.desc", "/projects?select=id,...clients(client:name)&order=id",
		"/projects?select=id,clients!inner(*)&clients.name=eq.Apple&order=id", "/tasks?select=id,project:projects(id)&order=project(id),id",
		"/clients?select=name,projects(id)&projects.order=id.desc&projects.limit=1", "/Ünï%20çødé%20☃", "/items_view?order=id",
	} {
		whole := s.send(t, "GET", path, "", user).Body.Bytes()
		if got := s.send(t, "GET", path, "", user, asStream).Body.Bytes(); !bytes.Equal(got, whole) {
			t.Errorf("%s:\n%s\nwant\n%s", path, got, whole)
		}
		var rows []json.RawMessage
		if err := json.Unmarshal(whole, &rows); err != nil {
			t.Fatalf("%s: %v %s", path, err, whole)
		}
		var joined []string
		for line := range strings.Lines(s.send(t, "GET", path, "", user, asLines).Body.String()) {
			joined = append(joined, line)
		}
		if len(joined) != len(rows) {
			t.Errorf("%s: %d lines, want %d", path, len(joined), len(rows))
		}
		sameJSON(t, []byte("["+strings.Join(joined, ",")+"]"), string(whole), false)
	}
	s.run(t, []restCase{
		{name: "headers", path: "/items?select=id&id=lt.3&order=id", header: []string{asLines}, status: 200, wantText: "{\"id\":1}\n{\"id\":2}\n", wantHeader: []string{"Content-Type: application/x-ndjson", "Content-Range: */*", "ETag:"}},
		{name: "another name", path: "/items?select=id&id=eq.1", header: []string{"Accept: application/jsonl; charset=utf-8"}, status: 200, wantText: "{\"id\":1}\n", wantHeader: []string{"Content-Type: application/jsonl"}},
		{name: "counted", path: "/items?select=id&order=id&limit=2&offset=1", header: []string{asStream, "Prefer: count=estimated"}, status: 206, wantText: "[{\"id\":2}, \n {\"id\":3}]", wantHeader: []string{"Content-Type: application/json; charset=utf-8", "Content-Range: 1-2/4", "Preference-Applied: count=exact"}},
		{name: "beyond the end", path: "/items?offset=9", header: []string{asLines, "Prefer: count=exact"}, status: 416, want: `{"code":"PGRST103"}`, wantHeader: []string{"Content-Range: */4"}},
		{name: "a head", method: "HEAD", path: "/items", header: []string{asLines}, status: 200, wantHeader: []string{"Content-Type: application/x-ndjson", "Content-Range: 0-3/*"}},
		{name: "an error before the first row", path: "/early_failure", header: []string{asLines}, status: 400, want: `{"code":"22012"}`, wantHeader: []string{"Content-Type: application/json; charset=utf-8", "Content-Range:", "Content-Location:"}},
		{name: "no right", path: "/secret", header: []string{asLines}, status: 401, want: `{"code":"42501"}`},
		{name: "filters in a body", method: "POST", path: "/items/query", body: "select=id&id=eq.3", header: []string{asLines, "Content-Type: application/x-www-form-urlencoded"}, status: 200, wantText: "{\"id\":3}\n"},
		{name: "pages are no exports", path: "/items?cursor=&limit=1", header: []string{asLines}, status: 406, want: `{"code":"PGRST107"}`},
		{name: "of functions there are none", path: "/rpc/all_items", header: []string{asLines}, status: 406, want: `{"code":"PGRST107"}`},
		{
			name: "CSV as COPY writes it", path: "/odd?select=id,t,c,aa&order=id", header: []string{asCSVStream}, status: 200,
			wantText:   "id,t,c,aa\n1,\"tab\t\"\"quote\"\" \\ line\nbreak \x01 \u2028 ü\",ab  ,\"{{a,\"\"b c\"\"},{NULL,\"\"\"\"}}\"\n2,\"\",,\n3,\\.,    ,\n",
			wantHeader: []string{"Content-Type: text/csv; charset=utf-8"},
		},
		{name: "CSV of one column", path: "/odd?select=t&id=eq.3", header: []string{asCSVStream}, status: 200, wantText: "t\n\"\\.\"\n"},
		{name: "CSV of no row", path: "/odd?select=id,t&id=eq.9", header: []string{asCSVStream}, status: 200, wantText: "id,t\n"},
	})
}

func TestExportsAreOffInDropIns(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	s.run(t, []restCase{
		{name: "lines", path: "/items", header: []string{asLines}, status: 406, want: `{"code":"PGRST107","message":"None of these media types are available: application/x-ndjson"}`},
		{name: "a parameter says nothing", path: "/items?select=id&id=eq.1", header: []string{asCSVStream}, status: 200, wantText: "id\n1", wantHeader: []string{"Content-Range: 0-0/*", "Content-Length: 4"}},
		{name: "nor in a body", method: "POST", path: "/nopk", body: "v\nNULL\n\"\"", header: []string{sendsCSVCopy, "Prefer: return=representation"}, status: 201, want: `[{"v":null},{"v":""}]`},
		{name: "nor are lines taken", method: "POST", path: "/nopk", body: `{"v":"x"}`, header: []string{sendsLines}, status: 400, want: `{"code":"PGRST102","message":"Content-Type not acceptable: application/x-ndjson"}`},
	})
}

// streamServer is a process with little memory and less patience.
func streamServer(t *testing.T, env ...string) (*server, *dbtest.DB) {
	db := dbtest.New(t)
	exec(t, db, bigFixture)
	return startServer(t, db, append([]string{"FLUXBASE_REST_STREAM_PATIENCE=3s", "FLUXBASE_REST_STREAMS=2"}, env...)...), db
}

// busy counts the connections of s that are in a transaction.
func busy(t *testing.T, db *dbtest.DB) (n int) {
	t.Helper()
	const ask = `select count(*) from pg_stat_activity where datname = current_database() and usename = 'authenticator' and state <> 'idle'`
	if err := db.Conn(t).QueryRow(t.Context(), ask).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// begin sends a request and reads nothing of the answer.
func (s *server) begin(t *testing.T, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestExportsInConstantMemory(t *testing.T) {
	t.Parallel()
	s, db := streamServer(t, "FLUXBASE_SERVER_REQUEST_TIMEOUT=4s")
	var slow sync.WaitGroup
	slow.Go(func() { // longer than a request may take
		if a, err := s.try("GET", "/rest/v1/slow", "", asLines); err != nil || a.Status != 200 || strings.Count(a.Body, "\n") != 100 {
			t.Errorf("%v %d %s", err, a.Status, a.Body)
		}
	})
	for _, accept := range []string{asLines, asStream, asCSVStream} {
		a := s.call(t, "GET", "/rest/v1/big?order=id", "", accept)
		rows := strings.Count(a.Body, "xxx1\n") + strings.Count(a.Body, `xxx1"}`)
		if a.Status != 200 || rows != 1 || len(a.Body) < 10<<20 || a.Header.Get("Content-Length") != "" {
			t.Errorf("%s: %d, %d bytes, %v", accept, a.Status, len(a.Body), a.Header)
		}
		if !strings.Contains(a.Body[len(a.Body)-20:], "x50000") {
			t.Errorf("%s ends with %q", accept, a.Body[len(a.Body)-20:])
		}
	}

	// One that breaks off must not look whole, nor one be taken by clients who can't tell.
	resp, err := http.Get(s.URL + "/rest/v1/late_failure?select=id,q&order=id")
	if err != nil || resp.StatusCode != 400 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	req, _ := http.NewRequest("GET", s.URL+"/rest/v1/late_failure?order=id", nil)
	req.Header.Set("Accept", "application/x-ndjson")
	req.Header.Set("X-Request-Id", "broken-off")
	if resp, err = http.DefaultClient.Do(req); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) == 0 || bytes.Contains(got, []byte(`"id":40000`)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	eventually(t, "the error is in the log", func() bool {
		return slices.ContainsFunc(strings.Split(s.Log(), "\n"), func(line string) bool {
			return strings.Contains(line, `"broken-off"`) && strings.Contains(line, `"22012"`)
		})
	})
	old := s.begin(t, "GET /rest/v1/big HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n")
	if line, err := bufio.NewReader(old).ReadString('\n'); err != nil || !strings.Contains(line, " 400 ") {
		t.Errorf("HTTP/1.0: %q %v", line, err)
	}

	slow.Wait()
	if a := s.call(t, "GET", "/rest/v1/slow", ""); a.Status != 504 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	// Two who don't read, and the third is refused; others are served all the same.
	const unread = "GET /rest/v1/big?order=id HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n"
	s.begin(t, unread)
	gone := s.begin(t, unread)
	eventually(t, "both are under way", func() bool { return busy(t, db) == 2 })
	a := s.call(t, "GET", "/rest/v1/big?limit=1", "", asLines)
	if a.Status != 429 || a.Header.Get("Retry-After") == "" || !strings.Contains(a.Body, `"too_many_requests"`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.call(t, "GET", "/rest/v1/big?select=id&limit=1", ""); a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	gone.Close()
	eventually(t, "their connections are free", func() bool { return busy(t, db) == 0 })
	eventually(t, "there is room again", func() bool { return s.call(t, "GET", "/rest/v1/big?limit=1", "", asLines).Status == 200 })
	if peak := peakMemory(t, s); peak > 60<<20 {
		t.Errorf("the process had %d MB in memory", peak>>20)
	}
}

// rowsOf gives all rows of a table, as text.
func rowsOf(t *testing.T, db *dbtest.DB, table string) []string {
	t.Helper()
	rows, err := db.Conn(t).Query(t.Context(), fmt.Sprintf("select r::text from %s as r order by 1", table))
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What was exported comes back as it was.
func TestExportsCanBeImported(t *testing.T) {
	t.Parallel()
	s := newRest(t, streamFixture+`create table public.odd2 (like public.odd);
		create table public.alone (v text); insert into public.alone values (''), (null), ('\.'), (E'a\r\n"b"'), ('NULL');
		create table public.alone2 (v text)`, extended)
	want := rowsOf(t, s.db, "public.odd")
	for _, format := range [][2]string{{asLines, sendsLines}, {asCSVStream, sendsCSVCopy}} {
		body := s.send(t, "GET", "/odd", "", format[0]).Body.String()
		s.check(t, restCase{method: "POST", path: "/odd2", header: []string{format[1]}, body: body, status: 201})
		if got := rowsOf(t, s.db, "public.odd2"); !slices.Equal(got, want) {
			// A JSON null is a NULL, where the row is JSON.
			for i := range want {
				if i >= len(got) || got[i] != want[i] && format[0] != asLines {
					t.Errorf("%s:\n%s\nwant\n%s", format[0], got, want[i])
				}
			}
		}
		exec(t, s.db, `truncate public.odd2`)
		body = s.send(t, "GET", "/alone", "", format[0]).Body.String()
		s.check(t, restCase{method: "POST", path: "/alone2", header: []string{format[1]}, body: body, status: 201})
		if got, want := rowsOf(t, s.db, "public.alone2"), rowsOf(t, s.db, "public.alone"); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", body, got, want)
		}
		exec(t, s.db, `truncate public.alone2`)
	}
	if records, err := csv.NewReader(s.send(t, "GET", "/odd", "", asCSVStream).Body).ReadAll(); err != nil || len(records) != 4 {
		t.Errorf("%d records, %v", len(records), err)
	}
}
