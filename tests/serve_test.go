package tests

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// With the module rest alone any database can be served, and nothing of ours is
// made in it: no schema, no role, no setting.
func TestForeignDatabaseStaysAsItIs(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{})
	d := c.Empty(t)
	exec(t, d, `
		create role web_anon nologin;
		create role web_login login noinherit password 'web' in role web_anon;
		create schema api;
		create table api.things (id int primary key, name text);
		insert into api.things values (1, 'one');
		grant usage on schema api to web_anon;
		grant select, insert on api.things to web_anon`)
	const everything = `select md5(string_agg(x, '|' order by x)) from (
		select 'c ' || oid::text || relname || coalesce(relacl::text, '') from pg_class where relpersistence <> 't'
		union all select 'p ' || oid::text || proname from pg_proc
		union all select 'n ' || nspname || coalesce(nspacl::text, '') from pg_namespace where nspname not like 'pg_temp%' and nspname not like 'pg_toast_temp%'
		union all select 'r ' || rolname || coalesce(rolconfig::text, '') from pg_roles
		union all select 'm ' || roleid::text || member::text from pg_auth_members
		union all select 's ' || setdatabase::text || setconfig::text from pg_db_role_setting
		union all select 'e ' || evtname from pg_event_trigger
		union all select 'b ' || pubname from pg_publication
		union all select 'l ' || slot_name from pg_replication_slots) as t (x)`
	fingerprint := func() (sum string) {
		if err := d.Conn(t).QueryRow(t.Context(), everything).Scan(&sum); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	before := fingerprint()

	u, err := url.Parse(d.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("web_login", "web")
	s := runServer(t, command(t, []string{
		"FLUXBASE_DATABASE_URL=" + u.String(), "FLUXBASE_MODULES=rest", "FLUXBASE_REST_DB_SCHEMAS=api",
		"FLUXBASE_JWT_ANON_ROLE=web_anon", "FLUXBASE_SERVER_METRICS_ADDRESS=off",
	}, "serve"))
	if a := s.call(t, "GET", "/rest/v1/things", ""); a.Status != 200 || a.Body != `[{"id":1,"name":"one"}]` {
		t.Errorf("read: got %d %s", a.Status, a.Body)
	}
	if a := s.call(t, "POST", "/rest/v1/things", `{"id":2,"name":"two"}`); a.Status != 201 {
		t.Errorf("write: got %d %s", a.Status, a.Body)
	}
	if after := fingerprint(); after != before {
		t.Error("serving has changed the database's catalogue")
	}
}

const slowSchema = `
	create function public.slow(seconds float8) returns text language sql volatile as $$ select pg_sleep(seconds)::text || 'done' $$;
	create table public.log (id int generated always as identity primary key, note text unique);
	grant all on public.log to anon;
	grant execute on function public.slow to anon`

// Every request that was taken is answered, whatever it was doing at SIGTERM.
func TestSigtermAnswersEveryRequest(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, slowSchema)
	s := startServer(t, d)

	const inFlight = 100
	var slow, load sync.WaitGroup
	var lost, answered atomic.Int64
	// Keep-alive clients that go on until there is nothing to connect to.
	for i := range 16 {
		load.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			for n := 0; ; n++ {
				resp, err := client.Post(s.URL+"/rest/v1/log", "application/json", strings.NewReader(fmt.Sprintf(`{"note":"%d-%d"}`, i, n)))
				if err != nil {
					if !errors.Is(err, syscall.ECONNREFUSED) && !isReset(err) {
						lost.Add(1)
						t.Errorf("a request was taken and not answered: %v", err)
					}
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusCreated {
					answered.Add(1)
				} else {
					t.Errorf("got %d", resp.StatusCode)
				}
			}
		})
	}
	eventually(t, "rows are written", func() bool { return answered.Load() > 50 })
	for range inFlight {
		slow.Go(func() {
			a, err := s.try("POST", "/rest/v1/rpc/slow", `{"seconds":0.6}`)
			if err != nil || a.Status != 200 {
				lost.Add(1)
				t.Errorf("a request under way: %v %d %s", err, a.Status, a.Body)
			}
		})
	}
	eventually(t, "all are under way", func() bool {
		return s.metric(t, "fluxbase_http_requests_in_flight", nil) >= inFlight
	})
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	slow.Wait()
	load.Wait()
	<-s.done
	if s.err != nil {
		t.Errorf("the server ended with %v\n%s", s.err, tail(s.Log()))
	}
	var rows int64
	if err := d.Conn(t).QueryRow(t.Context(), `select count(*) from public.log`).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if rows != answered.Load() {
		t.Errorf("%d rows were written, %d were acknowledged", rows, answered.Load())
	}
}

// isReset tells a connection that the listener's queue lost, never accepted by
// the server, from one that the server took.
func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// Postgres dies under load: 503 until it is back, then answers again, and nothing
// that was acknowledged is lost.
func TestPostgresKilledUnderLoad(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{Durable: true})
	d := c.New(t)
	exec(t, d, slowSchema)
	s := startServer(t, d)

	var mu sync.Mutex
	statuses := map[int]int{}
	var acknowledged []string
	stop := make(chan struct{})
	var load sync.WaitGroup
	for i := range 16 {
		load.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				note := fmt.Sprintf("%d-%d", i, n)
				a, err := s.try("POST", "/rest/v1/log", `{"note":"`+note+`"}`)
				if err != nil {
					t.Errorf("the server itself failed: %v", err)
					return
				}
				mu.Lock()
				statuses[a.Status]++
				if a.Status == 201 {
					acknowledged = append(acknowledged, note)
				}
				mu.Unlock()
				if a.Status == 503 && a.Header.Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
			}
		})
	}
	count := func(status int) int {
		mu.Lock()
		defer mu.Unlock()
		return statuses[status]
	}
	eventually(t, "rows are written", func() bool { return count(201) > 50 })
	c.Kill()
	eventually(t, "clients are told", func() bool { return count(503) > 50 })
	if a := s.call(t, "GET", "/readyz", ""); a.Status != 503 {
		t.Errorf("/readyz says %d without a database", a.Status)
	}
	if a := s.call(t, "GET", "/livez", ""); a.Status != 200 {
		t.Errorf("/livez says %d without a database", a.Status)
	}
	written := count(201)
	c.Restart(t)
	eventually(t, "rows are written again", func() bool { return count(201) > written+50 })
	close(stop)
	load.Wait()

	for status, n := range statuses {
		if status != 201 && status != 503 && status != 504 {
			t.Errorf("%d answers with %d", n, status)
		}
	}
	rows, err := d.Conn(t).Query(t.Context(), `select note from public.log`)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for rows.Next() {
		var note string
		if err := rows.Scan(&note); err != nil {
			t.Fatal(err)
		}
		there[note] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, note := range acknowledged {
		if !there[note] {
			t.Errorf("row %s was acknowledged and is gone", note)
		}
	}
	select {
	case <-s.done:
		t.Error("the server ended")
	default:
	}
}

func TestStartFailuresSayHowToMend(t *testing.T) {
	t.Parallel()
	// Private: another server may trust everyone, whatever the password.
	d := dbtest.Private(t, dbtest.Options{}).New(t)
	with := func(change func(*url.URL)) string {
		u, err := url.Parse(d.URL(sql.Authenticator))
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return "FLUXBASE_DATABASE_URL=" + u.String()
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() }) // after the parallel subtests
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, tt := range []struct {
		name   string
		env    []string
		status int
		say    string
	}{
		{"wrong password", []string{with(func(u *url.URL) { u.User = url.UserPassword("authenticator", "hunter2") })}, 1, "correct user and password"},
		{"no such database", []string{with(func(u *url.URL) { u.Path = "/nowhere" })}, 1, "create the database"},
		{"port taken", []string{with(func(*url.URL) {}), "FLUXBASE_SERVER_PORT=" + port}, 1, "set FLUXBASE_SERVER_PORT"},
		{"metrics port taken", []string{with(func(*url.URL) {}), "FLUXBASE_SERVER_METRICS_ADDRESS=127.0.0.1:" + port}, 1, "set FLUXBASE_SERVER_METRICS_ADDRESS"},
		{"no settings", nil, 2, "FLUXBASE_DATABASE_URL is not set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := append([]string{"FLUXBASE_JWT_SECRET=" + jwtSecret, "FLUXBASE_SERVER_METRICS_ADDRESS=off"}, tt.env...)
			status, out := runs(t, command(t, env, "serve"))
			if status != tt.status || !strings.Contains(out, tt.say) || strings.Contains(out, "hunter2") {
				t.Errorf("status %d, want %d with %q:\n%s", status, tt.status, tt.say, out)
			}
		})
	}
}

// A database that starts later than we do is waited for, with 503 meanwhile.
func TestServerMayStartBeforeItsDatabase(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{Durable: true})
	d := c.New(t)
	exec(t, d, slowSchema)
	c.Kill()
	cmd := command(t, []string{
		"FLUXBASE_DATABASE_URL=" + d.URL(sql.Authenticator), "FLUXBASE_JWT_SECRET=" + jwtSecret,
		"FLUXBASE_SERVER_METRICS_ADDRESS=off",
	}, "serve")
	s := runServer(t, cmd)
	if a := s.call(t, "GET", "/rest/v1/log", ""); a.Status != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %s, want 503 with Retry-After", a.Status, a.Body)
	}
	c.Restart(t)
	eventually(t, "requests are answered", func() bool { return s.call(t, "GET", "/rest/v1/log", "").Status == 200 })
}

func TestMetricsAreOnTheirOwnPort(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, slowSchema)
	s := startServer(t, d)
	s.call(t, "GET", "/rest/v1/log", "")
	if a := s.call(t, "GET", "/metrics", ""); a.Status != 404 {
		t.Errorf("the public port answers /metrics with %d", a.Status)
	}
	rest := map[string]string{"route": "/rest/v1/*path", "method": "GET", "status": "200"}
	if got := s.metric(t, "fluxbase_http_requests_total", rest); got != 1 {
		t.Errorf("%v requests counted, want 1", got)
	}
	if got := s.metric(t, "fluxbase_database_connections", map[string]string{"pool": "requests", "state": "max"}); got != 10 {
		t.Errorf("the pool's size is %v, want 10", got)
	}
}

// metric reads one value from the metrics page.
func (s *server) metric(t *testing.T, name string, labels map[string]string) float64 {
	t.Helper()
	resp, err := http.Get(s.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[name].GetMetric() {
		match := 0
		for _, l := range m.GetLabel() {
			if labels[l.GetName()] == l.GetValue() {
				match++
			}
		}
		if match == len(labels) {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return 0
}

// The id of a request is in its answer, in our log, and in what SQL sees.
func TestRequestIDReachesEverything(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, `create function public.my_id() returns text language sql stable as $$ select current_setting('request.id') $$;
		grant execute on function public.my_id to anon`)
	s := startServer(t, d)
	a := s.call(t, "GET", "/rest/v1/rpc/my_id", "", "X-Request-ID: id-of-the-test")
	if a.Status != 200 || a.Body != `"id-of-the-test"` || a.Header.Get("X-Request-Id") != "id-of-the-test" {
		t.Errorf("got %d %s %v", a.Status, a.Body, a.Header)
	}
	eventually(t, "the log has the id", func() bool { return strings.Contains(s.Log(), `"request_id":"id-of-the-test"`) })
	var body struct {
		RequestID string `json:"request_id"`
	}
	a = s.call(t, "GET", "/rest/v1/nowhere", "")
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil || body.RequestID == "" || body.RequestID != a.Header.Get("X-Request-Id") {
		t.Errorf("an error: %s %v", a.Body, a.Header)
	}
}

// What net/http refuses by itself is refused; all else has our shape and a 4xx.
func TestHostileHTTP(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, slowSchema)
	s := startServer(t, d)
	raw := func(request string) string {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		go func() { _, _ = io.WriteString(conn, request) }()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%.60q: no answer: %v", request, err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return fmt.Sprintf("%d %s", resp.StatusCode, body)
	}
	get := func(target string, header ...string) string {
		return raw("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + strings.Join(append(header, "Connection: close"), "\r\n") + "\r\n\r\n")
	}
	post := func(body string, header ...string) string {
		return raw("POST /rest/v1/log HTTP/1.1\r\nHost: x\r\n" + strings.Join(append(header, "Connection: close"), "\r\n") +
			"\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body)
	}
	for _, tt := range []struct{ name, got, want string }{
		{"10 MB header", get("/rest/v1/log", "X-Big: "+strings.Repeat("a", 10<<20)), "431"},
		{"no host", raw("GET / HTTP/1.1\r\n\r\n"), "400"},
		{"not HTTP", raw("\x16\x03\x01\x02\r\n\r\n"), "400"},
		{"two lengths", raw("POST /rest/v1/log HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\naa"), "400"},
		{"NUL in the path", get("/rest/v1/lo%00g"), "400"},
		{"invalid UTF-8 in the path", get("/rest/v1/%ff%fe"), "400"},
		{"NUL in a value", get("/rest/v1/log?note=eq.%00"), "400"},
		{"invalid UTF-8 in a value", get("/rest/v1/log?note=eq.%ff"), "400"},
		{"invalid UTF-8 in a name", get("/rest/v1/log?%ff=eq.1"), "400"},
		{"unknown table", get("/rest/v1/nope"), "404"},
		{"unknown column", get("/rest/v1/log?nope=eq.1"), "400"},
		{"unknown operator", get("/rest/v1/log?id=is_like.1"), "400"},
		{"no operator", get("/rest/v1/log?id=5"), "400"},
		{"wrong type", get("/rest/v1/log?id=eq.abc"), "400"},
		{"huge number", get("/rest/v1/log?id=eq." + strings.Repeat("9", 400)), "400"},
		{"huge limit", get("/rest/v1/log?limit=" + strings.Repeat("9", 40)), "4"},
		{"negative limit", get("/rest/v1/log?limit=-1"), "416"},
		{"broken token", get("/rest/v1/log", "Authorization: Bearer a.b.c"), "401"},
		{"expired token", get("/rest/v1/log", "Authorization: Bearer "+signToken(t, map[string]any{"role": "anon", "exp": 1})), "401"},
		{"token for a role that is not", get("/rest/v1/log", "Authorization: Bearer "+signToken(t, map[string]any{"role": "nobody-at-all"})), "401"},
		{"token for a role out of reach", get("/rest/v1/log", "Authorization: Bearer "+signToken(t, map[string]any{"role": "fluxbase_admin"})), "403"},
		{"body is not JSON", post(`{"note":`), "400"},
		{"body has NUL", post("{\"note\":\"a\x00b\"}"), "400"},
		{"body has an escaped NUL", post(`{"note":"a\u0000b"}`), "400"},
		{"body is not UTF-8", post("{\"note\":\"\xff\"}"), "400"},
		{"body is too deep", post(strings.Repeat("[", 10000)), "400"},
		{"body names an unknown column", post(`{"nope":1}`), "400"},
		{"body too large", post(`{"note":"` + strings.Repeat("a", 11<<20) + `"}`), "413"},
	} {
		if !strings.HasPrefix(tt.got, tt.want) {
			t.Errorf("%s: got %.300s, want %s", tt.name, tt.got, tt.want)
			continue
		}
		_, body, _ := strings.Cut(tt.got, " ")
		var shape struct {
			Code, Message string
			RequestID     string `json:"request_id"`
		}
		byNetHTTP := tt.want == "431" || tt.name == "no host" || tt.name == "not HTTP" || tt.name == "two lengths"
		if err := json.Unmarshal([]byte(body), &shape); !byNetHTTP && (err != nil || shape.Code == "" || shape.Message == "" || shape.RequestID == "") {
			t.Errorf("%s: not our shape: %.300s", tt.name, body)
		}
	}
	var rows int
	if err := d.Conn(t).QueryRow(t.Context(), `select count(*) from public.log`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows were written (%v)", rows, err)
	}
	noServerErrors(t, s)
}

// One table that nobody can use must not take all others with it.
func TestForeignTableWithoutHandlerHarmsNoOther(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, slowSchema+`;
		create foreign data wrapper without_handler;
		create server nowhere foreign data wrapper without_handler;
		create foreign table public.far (id int) server nowhere`)
	s := startServer(t, d)
	if a := s.call(t, "GET", "/rest/v1/log", ""); a.Status != 200 {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	if a := s.call(t, "OPTIONS", "/rest/v1/far", ""); a.Status != 200 || a.Header.Get("Allow") != "OPTIONS,GET,HEAD,QUERY" {
		t.Errorf("the foreign table: got %d %v", a.Status, a.Header)
	}
}
