package tests

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

const dropInFixture = `
create schema api;
grant usage on schema api to anon, authenticated, service_role;
create table api.things (id int primary key, name text);
insert into api.things values (1, 'one'), (2, 'two'), (3, 'three');
grant all on api.things to anon, authenticated;
create function api.setting(name text) returns text language sql stable return current_setting(name, true);
create function api.who() returns text language sql stable return current_user || ' of ' || session_user;
create function api.hoisted() returns text language plpgsql set statement_timeout = '7s' set work_mem = '3000kB' as $$
begin return current_setting('statement_timeout') || ' ' || current_setting('work_mem'); end $$;
create function api.guard() returns void language plpgsql as $$
begin
  if current_setting('request.headers')::json ->> 'x-refuse' is not null then raise 'refused'; end if;
end $$;
create schema other;
grant usage on schema other to anon;
create table other.secrets (id int);
grant all on other.secrets to anon;
`

// startDropIn runs the product as a PostgREST is run: with its variables alone.
func startDropIn(t *testing.T, db *dbtest.DB, env ...string) *server {
	t.Helper()
	return dropInServer(t, append([]string{
		"PGRST_DB_URI=" + db.URL(sql.Authenticator), "PGRST_DB_SCHEMAS=api", "PGRST_DB_ANON_ROLE=anon",
		"PGRST_DB_POOL=3", "PGRST_JWT_SECRET=" + jwtSecret, "PGRST_LOG_LEVEL=info",
	}, env...))
}

func dropInServer(t *testing.T, env []string) *server {
	t.Helper()
	s := runServer(t, command(t, env, "serve", "--modules", "rest", "--rest-prefix", "/"))
	eventually(t, "the server is ready", func() bool {
		a, err := s.try("GET", "/readyz", "")
		return err == nil && a.Status == 200
	})
	return s
}

func dropInDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	exec(t, db, dropInFixture)
	return db
}

// inDatabase sets a parameter of the login for this database alone: roles belong
// to all databases of the tests.
func inDatabase(t *testing.T, db *dbtest.DB, setting string) {
	t.Helper()
	exec(t, db, `do $$ begin execute format('alter role authenticator in database %I ', current_database()) || '`+setting+`'; end $$`)
}

func (s *server) want(t *testing.T, status int, body, method, path string, header ...string) answer {
	t.Helper()
	a := s.call(t, method, path, "", header...)
	if a.Status != status || a.Body != body {
		t.Errorf("%s %s: got %d %s, want %d %s", method, path, a.Status, a.Body, status, body)
	}
	return a
}

func TestPostgRESTsVariablesAreEnough(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	s := startDropIn(t, db,
		"PGRST_APP_SETTINGS_API_KEY=hush", "PGRST_DB_MAX_ROWS=2", "PGRST_DB_HOISTED_TX_SETTINGS=work_mem",
		"PGRST_DB_PRE_REQUEST=guard", "PGRST_DB_AGGREGATES_ENABLED=TRUE", "PGRST_DB_TX_END=rollback",
		"PGRST_SERVER_TRACE_HEADER=X-Trace", "PGRST_JWT_ROLE_CLAIM_KEY=.app.role", "PGRST_DB_POOL_MAX_IDLETIME=5",
		"PGRST_DB_EXTRA_SEARCH_PATH=", "PGRST_TELEPORT=on", "PGRST_SERVER_HOST=127.0.0.1", "PGRST_ADMIN_SERVER_PORT="+freePort(t))

	s.want(t, 200, `[{"id":1}, `+"\n "+`{"id":2}]`, "GET", "/things?select=id&order=id")
	s.want(t, 200, `[{"count":3}]`, "GET", "/things?select=count()")
	s.want(t, 200, `"hush"`, "GET", "/rpc/setting?name=app.settings.api_key")
	s.want(t, 200, `"\"api\""`, "GET", "/rpc/setting?name=search_path")
	s.want(t, 200, `"anon of authenticator"`, "GET", "/rpc/who")
	s.want(t, 200, `"authenticated of authenticator"`, "GET", "/rpc/who",
		"Authorization: Bearer "+signToken(t, map[string]any{"app": map[string]any{"role": "authenticated"}}))
	s.want(t, 400, `{"code":"P0001","details":null,"hint":null,"message":"refused"}`, "GET", "/things", "X-Refuse: 1")
	if a := s.call(t, "POST", "/rpc/hoisted", ""); a.Body != `"7s 3000kB"` {
		t.Errorf("a function's own settings: %s", a.Body)
	}
	if a := s.call(t, "POST", "/things", `{"id":9}`); a.Status != 201 {
		t.Errorf("insert: %d %s", a.Status, a.Body)
	}
	s.want(t, 200, `[]`, "GET", "/things?id=eq.9") // rolled back
	if a := s.call(t, "GET", "/things", "", "X-Trace: abc/1"); a.Header.Get("X-Trace") != "abc/1" {
		t.Errorf("the trace header is %q", a.Header["X-Trace"])
	}
	if a := s.call(t, "GET", "/nothing", ""); len(a.Header["X-Trace"]) != 1 || a.Header.Get("X-Trace") != "" || a.Header.Get("X-Request-Id") == "" {
		t.Errorf("headers of an error: %v", a.Header)
	}
	for path, want := range map[string]string{"/live": "", "/ready": "", "/metrics": "fluxbase_rest_plan_cache_hits_total"} {
		if a := s.admin().call(t, "GET", path, ""); a.Status != 200 || !strings.Contains(a.Body, want) {
			t.Errorf("admin port, %s: %d %.200s", path, a.Status, a.Body)
		}
	}
	s.logs(t, "PGRST_TELEPORT")
}

func TestDropInMetricsHavePostgRESTsNames(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	s := startDropIn(t, db, "PGRST_SERVER_HOST=127.0.0.1", "PGRST_ADMIN_SERVER_PORT="+freePort(t), "PGRST_JWT_CACHE_MAX_ENTRIES=1")
	for _, sub := range []string{"ada", "ada", "eve"} {
		s.want(t, 200, `"authenticated of authenticator"`, "GET", "/rpc/who",
			"Authorization: Bearer "+signToken(t, map[string]any{"role": "authenticated", "sub": sub}))
	}
	if a := s.admin().call(t, "GET", "/metrics", "", "Accept: application/openmetrics-text"); a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("the metrics are %s", a.Header.Get("Content-Type"))
	}
	for _, line := range []string{
		"pgrst_jwt_cache_requests_total 3", "pgrst_jwt_cache_hits_total 1", "pgrst_jwt_cache_evictions_total 1",
		`pgrst_schema_cache_loads_total{status="FAIL"} 0`,
		"pgrst_db_pool_max 3", "pgrst_db_pool_waiting 0", "pgrst_db_pool_timeouts_total 0",
	} {
		if a := s.admin().call(t, "GET", "/metrics", ""); !strings.Contains(a.Body, "\n"+line+"\n") {
			t.Errorf("no %s in\n%s", line, a.Body)
		}
	}
	if loads := s.metric(t, "pgrst_schema_cache_loads_total", map[string]string{"status": "SUCCESS"}); loads < 1 {
		t.Errorf("%v loads of the catalogue are counted", loads)
	}
	if took := s.metric(t, "pgrst_schema_cache_query_time_seconds", nil); took <= 0 {
		t.Errorf("the catalogue took %v s to load", took)
	}
	eventually(t, "a connection is back in the pool", func() bool { return s.metric(t, "pgrst_db_pool_available", nil) > 0 })
}

func TestOurVariablesWinOverPostgRESTs(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	inDatabase(t, db, "set pgrst.db_max_rows = 2")
	file := filepath.Join(t.TempDir(), "uri")
	if err := os.WriteFile(file, []byte(db.URL(sql.Authenticator)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := dropInServer(t, []string{
		"PGRST_DB_URI=@" + file, "PGRST_DB_SCHEMA=other", "FLUXBASE_REST_DB_SCHEMAS=api", "PGRST_DB_ANON_ROLE=nobody",
		"FLUXBASE_JWT_ANON_ROLE=anon", "FLUXBASE_REST_DB_MAX_ROWS=1", "PGRST_DB_MAX_ROWS=3", "FLUXBASE_LOG_LEVEL=info",
	})
	s.want(t, 200, `[{"id":1}]`, "GET", "/things?select=id&order=id")
}

func TestDropInErrorsHavePostgRESTsKeysOnly(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	s := startDropIn(t, db)
	a := s.call(t, "GET", "/thinks", "")
	var keys map[string]any
	if err := json.Unmarshal([]byte(a.Body), &keys); err != nil || len(keys) != 4 || keys["code"] != "PGRST205" || keys["details"] != nil {
		t.Errorf("error body: %s", a.Body)
	}
	if a.Header.Get("X-Request-Id") == "" || a.Header.Get("Proxy-Status") != "PostgREST; error=PGRST205" {
		t.Errorf("error headers: %v", a.Header)
	}

	minimal := startDropIn(t, db, "PGRST_CLIENT_ERROR_VERBOSITY=minimal")
	minimal.want(t, 404, `{"code":"PGRST205","message":"Could not find the table 'api.thinks' in the schema cache"}`, "GET", "/thinks")
}

func TestDropInHasNoAnonymousRoleUnlessGiven(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	s := startDropIn(t, db, "PGRST_DB_ANON_ROLE=")
	a := s.want(t, 401, `{"code":"PGRST302","details":null,"hint":null,"message":"Anonymous access is disabled"}`, "GET", "/things")
	if a.Header.Get("Www-Authenticate") != "Bearer" {
		t.Errorf("challenge: %v", a.Header)
	}
	s.want(t, 200, `[{"id":1}]`, "GET", "/things?select=id&limit=1&order=id", "Authorization: Bearer "+userToken(t, ada))
}

func TestDropInMistakesAreNamedAsTheyWereGiven(t *testing.T) {
	t.Parallel()
	status, output := runs(t, command(t, []string{
		"PGRST_DB_URI=@/nowhere", "PGRST_DB_SCHEMAS=pg_catalog", "PGRST_DB_POOL=many", "PGRST_DB_TX_END=maybe",
		"PGRST_JWT_SECRET=short", "PGRST_JWT_SECRET_IS_BASE64=perhaps", "PGRST_LOG_LEVEL=loud", "PGRST_CLIENT_ERROR_VERBOSITY=some",
		"PGRST_APP_SETTINGS_A-B=1", "PGRST_DB_AGGREGATES_ENABLED=1x", "PGRST_SERVER_TRACE_HEADER=a b", "FLUXBASE_REST_DB_MAX_ROWS=-1",
	}, "serve"))
	if status != 2 {
		t.Errorf("status %d", status)
	}
	for _, name := range []string{
		"PGRST_DB_URI", "PGRST_DB_SCHEMAS", "PGRST_DB_POOL", "PGRST_DB_TX_END", "PGRST_JWT_SECRET", "PGRST_JWT_SECRET_IS_BASE64",
		"PGRST_LOG_LEVEL", "PGRST_CLIENT_ERROR_VERBOSITY", "PGRST_APP_SETTINGS_A-B", "PGRST_DB_AGGREGATES_ENABLED",
		"PGRST_SERVER_TRACE_HEADER", "FLUXBASE_REST_DB_MAX_ROWS",
	} {
		if n := len(regexp.MustCompile(`\n  - `+name+`\b`).FindAllString(output, -1)); n == 0 {
			t.Errorf("%s is not reported:\n%s", name, output)
		}
	}
	if strings.Contains(output, "short") {
		t.Errorf("a secret is shown:\n%s", output)
	}
}

func TestServerTiming(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	s := startDropIn(t, db, "PGRST_SERVER_TIMING_ENABLED=true")
	for _, tt := range []struct {
		method, path, body, token, want string
	}{
		{"GET", "/things", "", "", "jwt parse plan transaction response"},
		{"HEAD", "/things", "", "", "jwt parse plan transaction response"},
		{"POST", "/things", `{"id":4}`, "", "jwt parse plan transaction response"},
		{"OPTIONS", "/things", "", "", "jwt parse plan transaction response"},
		{"GET", "/things", "", "bad", "jwt"},
		{"GET", "/things?id=bad", "", "", "jwt parse"},
		{"GET", "/thinks", "", "", "jwt parse plan"},
		{"GET", "/things?id=eq.bad", "", "", "jwt parse plan transaction"},
	} {
		header := []string{}
		if tt.token != "" {
			header = append(header, "Authorization: Bearer "+tt.token)
		}
		got := s.call(t, tt.method, tt.path, tt.body, header...).Header.Get("Server-Timing")
		steps := regexp.MustCompile(`;dur=\d+\.\d,? ?`).ReplaceAllString(got, " ")
		if strings.TrimSpace(steps) != tt.want {
			t.Errorf("%s %s: %q, want the steps %s", tt.method, tt.path, got, tt.want)
		}
	}
	if got := startDropIn(t, db).call(t, "GET", "/things", "").Header.Get("Server-Timing"); got != "" {
		t.Errorf("not asked for: %q", got)
	}
}

func TestDropInAnswersBrowsersAsPostgREST(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	preflight := []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: Foo,Bar"}
	s := startDropIn(t, db)
	a := s.want(t, 200, "", "OPTIONS", "/things", append(preflight, "Origin: http://example.com")...)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":  "*",
		"Access-Control-Allow-Methods": "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD",
		"Access-Control-Allow-Headers": "Authorization, Foo, Bar, Accept, Accept-Language, Content-Language",
		"Access-Control-Max-Age":       "86400",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	a = s.call(t, "GET", "/things", "", "Origin: http://example.com")
	if got := a.Header.Get("Access-Control-Expose-Headers"); got != "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, Range-Unit" {
		t.Errorf("exposed: %q", got)
	}

	listed := startDropIn(t, db, "PGRST_SERVER_CORS_ALLOWED_ORIGINS=http://example.com, http://example2.com")
	a = listed.call(t, "OPTIONS", "/things", "", append(preflight, "Origin: http://example2.com")...)
	if a.Header.Get("Access-Control-Allow-Origin") != "http://example2.com" || a.Header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("an origin that is listed: %v", a.Header)
	}
	a = listed.call(t, "GET", "/things", "", "Origin: http://invalid.com")
	if a.Status != 200 || a.Header["Access-Control-Allow-Origin"] != nil {
		t.Errorf("an origin that is not: %d %v", a.Status, a.Header)
	}
}

func TestSettingsComeFromTheDatabase(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	exec(t, db, `
create function public.configure() returns void language plpgsql as $$
begin
  perform set_config('pgrst.db_max_rows', '1', true), set_config('pgrst.db_schemas', 'nowhere', true);
end $$;`)
	inDatabase(t, db, "set pgrst.db_schemas = ''api''")
	inDatabase(t, db, "set pgrst.jwt_secret = ''"+jwtSecret+"''")
	env := []string{
		"PGRST_DB_URI=" + db.URL(sql.Authenticator), "PGRST_DB_ANON_ROLE=anon", "PGRST_DB_SCHEMAS=other", "PGRST_DB_MAX_ROWS=3",
		"PGRST_LOG_LEVEL=info", "PGRST_DB_PRE_CONFIG=public.configure",
	}
	s := dropInServer(t, env)
	s.want(t, 200, `[{"id":1}]`, "GET", "/things?select=id&order=id", "Authorization: Bearer "+userToken(t, ada))
	off := dropInServer(t, append(env, "PGRST_DB_CONFIG=false"))
	off.want(t, 200, `[]`, "GET", "/secrets")
	if a := off.call(t, "GET", "/things", ""); a.Status != 404 {
		t.Errorf("settings of the database were read: %d %s", a.Status, a.Body)
	}
}

func TestDropInReloadsWhenTold(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	s := startDropIn(t, db, "PGRST_DB_CHANNEL=my \"channel")
	is := func(what, path, body string) {
		t.Helper()
		eventually(t, what, func() bool { return s.call(t, "GET", path, "").Body == body })
	}
	eventually(t, "it listens", func() bool { return strings.Contains(s.Log(), "listening for reloads") })

	inDatabase(t, db, "set pgrst.db_max_rows = 1")
	exec(t, db, `notify "my ""channel", 'reload config'`)
	is("the limit holds", "/things?select=id&order=id", `[{"id":1}]`)

	inDatabase(t, db, "set pgrst.db_max_rows = ''many''")
	if err := s.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mistake is logged", func() bool { return strings.Contains(s.Log(), "pgrst.db_max_rows is") })
	s.want(t, 200, `[{"id":1}]`, "GET", "/things?select=id&order=id")

	inDatabase(t, db, "set pgrst.db_schemas = ''other''")
	inDatabase(t, db, "reset pgrst.db_max_rows")
	exec(t, db, `notify "my ""channel"`)
	is("the schema is another", "/secrets", `[]`)

	loads := func() int { return strings.Count(s.Log(), `"schema":true`) }
	before := loads()
	if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the schema is looked at", func() bool { return loads() > before })

	// The listener's connection is lost, and with it what is said meanwhile.
	inDatabase(t, db, "set pgrst.db_schemas = ''api''")
	exec(t, db, `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fluxbase listener' and datname = current_database()`)
	is("the listener is back", "/things?select=id&id=eq.1", `[{"id":1}]`)
}

func TestDropInWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	closed, err := url.Parse(db.URL(sql.Authenticator))
	if err != nil {
		t.Fatal(err)
	}
	closed.Host = "127.0.0.1:" + freePort(t)
	inDatabase(t, db, "set pgrst.db_schemas = ''api''")
	s := runServer(t, command(t, []string{"PGRST_DB_URI=" + closed.String(), "PGRST_DB_ANON_ROLE=anon", "PGRST_LOG_LEVEL=info"}, "serve"))
	a := s.call(t, "GET", "/things", "")
	if a.Status != 503 || !strings.Contains(a.Body, "PGRST002") || a.Header.Get("Retry-After") == "" {
		t.Errorf("without a database: %d %s %v", a.Status, a.Body, a.Header)
	}
	relayAt(t, closed.Host, db.URL(sql.Authenticator))
	t.Cleanup(func() { s.stop(t) }) // before the relay, which waits for its connections to close
	eventually(t, "it serves what the database says", func() bool {
		return s.call(t, "GET", "/things?id=eq.1&select=id", "").Body == `[{"id":1}]`
	})
}
