package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fluxbase/fluxbase/tests/dbtest"
	"github.com/fluxbase/fluxbase/tests/deno"
)

// echoed is what the function echo tells.
type echoed struct {
	Method, Path, Query, Body string
	Headers                   map[string]string
}

// echo calls it, and what it answers must be 200.
func (s *server) echo(t *testing.T, method, path, body string, header ...string) (out echoed) {
	t.Helper()
	a := s.call(t, method, "/functions/v1"+path, body, header...)
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
	}
	return out
}

// Functions are called as Supabase's client calls them, and by whom they are for alone; what
// they see is what was sent, and what they answer is what comes.
func TestCallsOfFunctions(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	deployed(t, db, "echo", "stream!", "socket!", "fail!", "hello!", "env!", "talk!")
	exec(t, db, `select functions.deploy('broken', '{"index.ts": "throw new Error(1)"}')`)
	s := startFunctions(t, db, "a", "FLUXBASE_SERVER_H2C=true", "FLUXBASE_SERVER_REQUEST_TIMEOUT=1s", "FLUXBASE_FUNCTIONS_REGION=here")
	t.Run("the real client", func(t *testing.T) { runNode(t, s, "functions.test.mjs") })
	t.Run("the real client in a function", func(t *testing.T) { clientWithin(t, s, db) })
	t.Run("who may call", func(t *testing.T) { mayCall(t, s, db) })
	t.Run("what a function sees", func(t *testing.T) { sees(t, s) })
	t.Run("paths", func(t *testing.T) { hostilePaths(t, s) })
	t.Run("streams", func(t *testing.T) { streamed(t, s) })
	t.Run("WebSockets", func(t *testing.T) { sockets(t, s) })
	t.Run("what is written down", func(t *testing.T) { written(t, s, db) })
	noServerErrors(t, s)
}

// clientWithin deploys a function that asks us, by Supabase's client, on behalf of its caller.
func clientWithin(t *testing.T, s *server, db *dbtest.DB) {
	exec(t, db, `
		create table public.mine (owner uuid, body text);
		insert into public.mine values ('`+ada+`', 'of ada'), ('`+bob+`', 'of bob');
		alter table public.mine enable row level security;
		create policy own on public.mine using (owner = auth.uid());
		grant select on public.mine to anon, authenticated`)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"mine/index.ts": `
			import { createClient } from 'npm:@supabase/supabase-js@2'
			Deno.serve(async (req: Request) => {
				const supabase = createClient(Deno.env.get('SUPABASE_URL')!, Deno.env.get('SUPABASE_ANON_KEY')!, {
					global: { headers: { Authorization: req.headers.get('Authorization')! } },
				})
				const { data, error } = await supabase.from('mine').select('body')
				return Response.json(error ?? data)
			})`,
		// Packages come from where npm has put them.
		"mine/package.json": `{"dependencies": {"@supabase/supabase-js": "2"}}`,
		"mine/deno.json":    `{"nodeModulesDir": "manual"}`,
	})
	packages, err := filepath.Abs("js/node_modules")
	if err == nil {
		err = os.Symlink(packages, filepath.Join(dir, "mine", "node_modules"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if o := runFluxbase(t, []string{"DATABASE_URL=" + db.AdminURL(), "FLUXBASE_DENO_BIN=" + deno.Bin(t)}, "functions", "deploy", "--dir", dir); o.status != 0 || !strings.Contains(o.out, "mine: version 1 is deployed") {
		t.Fatal(o)
	}
	eventually(t, "the server knows it", func() bool { return s.call(t, "POST", "/functions/v1/mine", "").Status == 401 })
	for token, want := range map[string]string{
		userToken(t, ada): `[{"body":"of ada"}]`, userToken(t, bob): `[{"body":"of bob"}]`, signToken(t, map[string]any{"role": "anon"}): `[]`,
	} {
		if a := s.call(t, "POST", "/functions/v1/mine", "", "Authorization: Bearer "+token); a.Status != 200 || a.Body != want {
			t.Errorf("%d %s, want %s", a.Status, a.Body, want)
		}
	}
}

func mayCall(t *testing.T, s *server, db *dbtest.DB) {
	conn := db.Conn(t)
	_, secret := issued(t, conn)
	_, publishable := issued(t, conn, `kind => 'publishable'`)
	_, jobsOnly := issued(t, conn, `modules => array['jobs']`)
	_, readOnly := issued(t, conn, `read_only => true`)
	expired := signToken(t, map[string]any{"role": "anon", "exp": 1})
	forged := userToken(t, ada) + "A"
	eventually(t, "the server knows the keys", func() bool { return s.call(t, "GET", "/functions/v1/echo", "", "apikey: "+readOnly).Status != 401 })
	for _, tt := range []struct {
		method, header string
		status         int
		body           string
	}{
		{"POST", "X-None: x", 401, `{"msg":"Error: Missing authorization header","request_id":"r-1"}`},
		{"POST", "Authorization: Basic eDp5", 401, `{"msg":"Error: Auth header is not 'Bearer {token}'","request_id":"r-1"}`},
		{"POST", "Authorization: Bearer x.y.z", 401, `{"msg":"Invalid JWT","request_id":"r-1"}`},
		{"POST", "Authorization: Bearer " + expired, 401, `{"msg":"Invalid JWT","request_id":"r-1"}`},
		{"POST", "Authorization: Bearer " + forged, 401, `{"msg":"Invalid JWT","request_id":"r-1"}`},
		{"POST", "apikey: sb_secret_no_such", 401, `{"msg":"Invalid JWT","request_id":"r-1"}`},
		{"POST", "apikey: " + jobsOnly, 403, `"code":"key_module"`},
		{"POST", "apikey: " + readOnly, 403, `"code":"key_read_only"`},
		{"GET", "apikey: " + readOnly, 200, ``},
		{"POST", "Authorization: Bearer " + userToken(t, ada), 200, ``},
		{"POST", "Authorization: Bearer " + signToken(t, map[string]any{"role": "anon"}), 200, ``},
		{"POST", "apikey: " + signToken(t, map[string]any{"role": "anon"}), 200, ``},
		{"POST", "apikey: " + secret, 200, ``},
		{"POST", "apikey: " + publishable, 200, ``},
		{"POST", "Authorization: Bearer " + secret, 200, ``},
		{"OPTIONS", "X-None: x", 200, ``},
	} {
		a := s.call(t, tt.method, "/functions/v1/echo", "", tt.header, "X-Request-Id: r-1")
		if a.Status != tt.status || tt.status == 401 && a.Body != tt.body || !strings.Contains(a.Body, tt.body) {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.header, a.Status, a.Body, tt.status, tt.body)
		}
	}
	// Where nobody is checked, the header says what the function makes of it.
	for _, header := range []string{"Authorization: Bearer x.y.z", "apikey: sb_secret_no_such", "Authorization: Basic eDp5"} {
		if a := s.call(t, "POST", "/functions/v1/fail", "", header); a.Status != http.StatusTeapot {
			t.Errorf("%s: %d %s", header, a.Status, a.Body)
		}
	}
}

func sees(t *testing.T, s *server) {
	a := s.echo(t, "PUT", "/echo/a%2Fb/c?x=1&x=2;3", "body", "Authorization: Bearer "+userToken(t, ada), "X-Fluxbase-Job-Id: 7", "Sb-Execution-Id: forged",
		"X-Forwarded-For: 8.8.8.8", "Forwarded: for=8.8.8.8", "X-Request-Id: mine", "Content-Encoding: gzip")
	if a.Method != "PUT" || a.Path != "/echo/a%2Fb/c" || a.Query != "?x=1&x=2;3" || a.Body != "body" {
		t.Errorf("got %+v", a)
	}
	for name, want := range map[string]string{
		"x-fluxbase-job-id": "", "forwarded": "", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-request-id": "mine",
		"content-encoding": "gzip", "x-forwarded-host": strings.TrimPrefix(s.URL, "http://"),
	} {
		if a.Headers[name] != want {
			t.Errorf("%s is %q, want %q", name, a.Headers[name], want)
		}
	}
	if a.Headers["sb-execution-id"] == "forged" {
		t.Error("who calls may say what the execution is")
	}
	// CORS is the function's own.
	for origin, header := range map[string]string{"/hello": "*", "/echo": ""} {
		a := s.call(t, "OPTIONS", "/functions/v1"+origin, "", "Origin: https://a.example", "Access-Control-Request-Method: POST")
		if a.Status != 200 || a.Header.Get("Access-Control-Allow-Origin") != header {
			t.Errorf("preflight of %s: %d %v", origin, a.Status, a.Header)
		}
	}
	if a := s.call(t, "BREW", "/functions/v1/fail", ""); a.Status != http.StatusTeapot {
		t.Errorf("a method of one's own: %d %s", a.Status, a.Body)
	}
	var env map[string]string
	if err := json.Unmarshal([]byte(s.call(t, "GET", "/functions/v1/env", "").Body), &env); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"SUPABASE_URL": s.URL, "FLUXBASE_URL": s.URL, "SB_REGION": "here", "FLUXBASE_DATABASE_URL": "", "SUPABASE_DB_URL": "", "FLUXBASE_JWT_SECRET": "", "PATH": ""} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	var keys map[string]string
	if json.Unmarshal([]byte(env["SUPABASE_SECRET_KEYS"]), &keys) != nil || keys["default"] != env["SUPABASE_SERVICE_ROLE_KEY"] || strings.Count(keys["default"], ".") != 2 {
		t.Errorf("the keys are %q", env["SUPABASE_SECRET_KEYS"])
	}
}

// hostilePaths are hostile ones: none leads out, and none breaks anything.
func hostilePaths(t *testing.T, s *server) {
	for _, path := range []string{
		"/", "", "/%2e%2e/rest/v1/", "/..", "/%00", "/echo%00", "/echo%2Fbelow", "/ECHO", "/echo%20", "//echo", "/-x", "/%ff", "/" + strings.Repeat("x", 300),
		"/functions", "/ec%68o/..%2f..%2fenv", "/nobody/echo",
	} {
		a := s.call(t, "GET", "/functions/v1"+path, "", "apikey: "+signToken(t, map[string]any{"role": "anon"}))
		switch {
		case strings.HasPrefix(path, "/ec%68o"): // an escaped letter is the letter
			if a.Status != 200 || !strings.Contains(a.Body, `..%2f..%2fenv`) {
				t.Errorf("%q: %d %s", path, a.Status, a.Body)
			}
		case a.Status != 404 || !strings.Contains(a.Body, `"request_id"`):
			t.Errorf("%q: %d %s", path, a.Status, a.Body)
		}
	}
}

// streamed shows that parts come as they are sent, in both directions, by HTTP/1 and 2, beyond
// the time that other requests have.
func streamed(t *testing.T, s *server) {
	for name, client := range map[string]*http.Client{"HTTP/1": {Transport: &http.Transport{}}, "HTTP/2": {Transport: func() *http.Transport {
		tr := &http.Transport{Protocols: new(http.Protocols)}
		tr.Protocols.SetUnencryptedHTTP2(true)
		return tr
	}()}} {
		read, write := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/functions/v1/stream", read)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(write, "one\n") }()
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		answer := bufio.NewReader(res.Body)
		begun := time.Now()
		for _, word := range []string{"", "two", "three"} {
			if word != "" {
				if word == "three" { // one second is over
					time.Sleep(time.Until(begun.Add(1200 * time.Millisecond)))
				}
				_, _ = io.WriteString(write, word+"\n")
			}
			want := strings.ToUpper(word) + "\n"
			if word == "" {
				want = "ONE\n"
			}
			if got, err := answer.ReadString('\n'); got != want {
				t.Fatalf("%s: got %q, want %q: %v", name, got, want, err)
			}
		}
		_ = write.Close()
		if rest, err := io.ReadAll(answer); len(rest) != 0 || err != nil || res.ProtoMajor != int(name[len(name)-1]-'0') || res.Header.Get("X-Deno-Execution-Id") == "" {
			t.Errorf("%s: %s ends with %q %v, headers %v", name, res.Proto, rest, err, res.Header)
		}
		res.Body.Close()
		client.CloseIdleConnections()
	}
}

func sockets(t *testing.T, s *server) {
	url := "ws" + strings.TrimPrefix(s.URL, "http") + "/functions/v1/socket/room?x=1"
	conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), url, http.Header{"X-Request-Id": {"ws-1"}})
	if err != nil {
		t.Fatalf("%v %+v", err, res)
	}
	defer conn.Close()
	for i, text := range []string{"a", strings.Repeat("b", 100_000)} {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.ReadMessage(); string(got) != "heard "+text {
			t.Errorf("message %d: %.40q %v", i, got, err)
		}
	}
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("the end: %v", err)
	}
}

// written shows that what a function did and said is in the database, and tells operators.
func written(t *testing.T, s *server, db *dbtest.DB) {
	var calls sync.WaitGroup
	for i := range 5 {
		calls.Go(func() {
			a, err := s.try("POST", "/functions/v1/talk", fmt.Sprintf(`{"name":"n%d"}`, i), "X-Request-Id: "+fmt.Sprintf("talk-%d", i))
			if err != nil || a.Status != 200 || a.Header.Get("X-Deno-Execution-Id") == "" {
				t.Errorf("%v %d %s", err, a.Status, a.Body)
			}
		})
	}
	calls.Wait()
	gives(t, db, "5 ok 200 POST /talk role:anon here", `select count(*) || ' ' || coalesce(string_agg(distinct concat_ws(' ', outcome, status, method, path, caller, 'here'), ','), '') from functions.invocations where function = 'talk' and duration_ms > 0 and process <> ''`)
	gives(t, db, "debug n3|hello n3 { n: 1 }|warn n3|error n3", `select coalesce(string_agg(message, '|' order by l.seq), '') from functions.logs as l where invocation = (select id from functions.invocations where request_id = 'talk-3')`)
	gives(t, db, "debug,info,warn,error", `select coalesce(string_agg(level, ',' order by l.seq), '') from functions.logs as l where invocation = (select id from functions.invocations where request_id = 'talk-3')`)
	service := "Authorization: Bearer " + signToken(t, map[string]any{"role": "service_role"})
	var page struct {
		Lines []struct{ Level, Message, Invocation string }
		Next  *string
	}
	read := func(query string) {
		t.Helper()
		page.Lines, page.Next = nil, nil
		if err := json.Unmarshal([]byte(s.code(t, "200", "GET", "/api/v1/admin/functions/talk/logs"+query, "", service).Body), &page); err != nil {
			t.Fatal(err)
		}
	}
	if read("?level=error"); len(page.Lines) != 5 || page.Next != nil {
		t.Errorf("got %+v", page)
	}
	seen := map[string]bool{}
	read("?limit=7")
	for range 10 {
		for _, l := range page.Lines {
			seen[l.Invocation+l.Message] = true
		}
		if page.Next == nil {
			break
		}
		read("?limit=7&before=" + *page.Next)
	}
	if len(seen) != 20 {
		t.Errorf("%d lines in pages, want 20", len(seen))
	}
	// However many lines have one time, each is in one page.
	if _, err := db.Conn(t).Exec(t.Context(), `insert into functions.logs (invocation, at, seq, function, version, level, message)
		select md5('call' || i)::uuid, '2026-01-01', n, 'same', 1, 'info', i || ' ' || n from generate_series(1, 5) as i, generate_series(1, 4) as n`); err != nil {
		t.Fatal(err)
	}
	var got []string
	for next := "?limit=3"; next != ""; {
		page.Lines, page.Next = nil, nil
		if err := json.Unmarshal([]byte(s.code(t, "200", "GET", "/api/v1/admin/functions/same/logs"+next, "", service).Body), &page); err != nil {
			t.Fatal(err)
		}
		for _, l := range page.Lines {
			got = append(got, l.Message)
		}
		if next = ""; page.Next != nil {
			next = "?limit=3&before=" + *page.Next
		}
	}
	slices.Sort(got)
	if all := len(got); all != 20 || len(slices.Compact(got)) != 20 {
		t.Errorf("%d lines in pages, %q, want 20 of them once", all, got)
	}
	for query, want := range map[string]string{
		"nope=1": "400 invalid_request", "limit=-1": "400 invalid_request", "limit=99999999999999999999": "400 invalid_request", "limit=": "400 invalid_request",
		"limit=2147483647": "200", "level=loud": "400 22023", "level=": "400 22023", "level=" + strings.Repeat("x", 5000): "400 22023",
		"before=cursor": "400 22007", "before=": "400 22007", "since=1e999": "400 22007", "since=99999999-01-01": "400 22008", "before=%00": "400 22021", "before=2026-01-01,x,1": "400 22P02", "before=2026-01-01,00000000-0000-4000-8000-000000000001,x": "400 22P02", "before=,,": "400 22007", "invocation=x": "400 22P02",
	} {
		s.code(t, want, "GET", "/api/v1/admin/functions/talk/logs?"+query, "", service)
	}
	for _, name := range []string{strings.Repeat("x", 5000), "%C3%A4", "%2E%2E", "a'b"} {
		s.code(t, "404 function_not_found", "GET", "/api/v1/admin/functions/"+name+"/versions", "", service)
	}
	s.code(t, "404 function_not_found", "POST", "/api/v1/admin/functions/talk/rollback", `{"version":-1}`, service)
	s.code(t, "400 22003", "POST", "/api/v1/admin/functions/talk/rollback", `{"version":2147483648}`, service)
	for name, labels := range map[string]map[string]string{
		"fluxbase_functions_invocations_total": {"function": "talk", "outcome": "ok"},
		"fluxbase_functions_open_descriptors":  nil,
		"fluxbase_functions_workers":           {"state": "idle"},
	} {
		if n := s.metric(t, name, labels); n < 1 {
			t.Errorf("%s is %g", name, n)
		}
	}
}
