package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/fluxbase/fluxbase/sql"
)

// admin is the port of probes and metrics.
func (s *server) admin() *server {
	return &server{URL: strings.TrimSuffix(s.Metrics, "/metrics")}
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func TestDropInListensOnUnixSockets(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	dir := t.TempDir()
	public, admin := filepath.Join(dir, "p"), filepath.Join(dir, "a")
	// What a killed process leaves behind is in nobody's way.
	dead, err := net.Listen("unix", public)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = dead.Close()
	env := []string{
		"PGRST_SERVER_UNIX_SOCKET=" + public, "PGRST_ADMIN_SERVER_UNIX_SOCKET=" + admin, "PGRST_ADMIN_SERVER_UNIX_SOCKET_MODE=600",
	}
	s := startDropIn(t, db, env...)
	s.want(t, 200, `[{"id":1}]`, "GET", "/things?select=id&id=eq.1")
	if got := modeOf(t, public); got != fs.ModeSocket|0o660 {
		t.Errorf("the socket is %v", got)
	}
	if got := modeOf(t, admin); got != fs.ModeSocket|0o600 {
		t.Errorf("the socket of the probes is %v", got)
	}
	if status, out := runs(t, command(t, env, "ready")); status != 0 {
		t.Errorf("ready: %d %s", status, out)
	}
	uri := "PGRST_DB_URI=" + db.URL(sql.Authenticator)
	if status, out := runs(t, command(t, append(env, uri), "serve")); status != 1 || !strings.Contains(out, "taken") {
		t.Errorf("a second process: %d %s", status, out)
	}

	if err := os.Remove(public); err != nil {
		t.Fatal(err)
	}
	for _, probe := range []string{"/live", "/ready"} {
		s.admin().want(t, 500, "", "GET", probe)
	}
	s.stop(t)
	if _, err := os.Stat(admin); err == nil {
		t.Error("a socket is left behind")
	}

	for _, mode := range []string{"800", "577", "1777", "rw"} {
		status, out := runs(t, command(t, []string{uri, "PGRST_SERVER_UNIX_SOCKET_MODE=" + mode, "PGRST_ADMIN_SERVER_UNIX_SOCKET_MODE=" + mode}, "serve"))
		if status != 2 || !strings.Contains(out, "- PGRST_SERVER_UNIX_SOCKET_MODE is") || !strings.Contains(out, "- PGRST_ADMIN_SERVER_UNIX_SOCKET_MODE is") {
			t.Errorf("mode %s: %d %s", mode, status, out)
		}
	}
}

func TestPortIsSharedOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	port := "FLUXBASE_SERVER_PORT=" + freePort(t)
	old := startDropIn(t, db, port, "PGRST_SERVER_HOST=127.0.0.1", "PGRST_SERVER_REUSEPORT=true")
	young := startDropIn(t, db, port, "PGRST_SERVER_HOST=127.0.0.1", "PGRST_SERVER_REUSEPORT=true")
	if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if <-old.done; old.err != nil {
		t.Errorf("the old one ended with %v", old.err)
	}
	young.want(t, 200, `[{"id":1}]`, "GET", "/things?select=id&id=eq.1")

	status, out := runs(t, command(t, []string{"PGRST_DB_URI=" + db.URL(sql.Authenticator), port, "PGRST_SERVER_HOST=127.0.0.1"}, "serve"))
	if status != 1 || !strings.Contains(out, "taken") {
		t.Errorf("one that does not share: %d %s", status, out)
	}
	status, out = runs(t, command(t, []string{"PGRST_DB_URI=" + db.URL(sql.Authenticator), "FLUXBASE_SERVER_PORT=3000", "PGRST_ADMIN_SERVER_PORT=3000"}, "serve"))
	if status != 2 || !strings.Contains(out, "PGRST_ADMIN_SERVER_PORT is 3000") {
		t.Errorf("one port for two: %d %s", status, out)
	}
}

// requests are the lines of the access log, but those of probes: status, role and
// number of statements.
func (s *server) requests() string {
	var lines []string
	for line := range strings.Lines(s.Log()) {
		var entry struct {
			Msg, Path, Role string
			Status          int
			SQL             []string
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "request" && entry.Path != "/readyz" {
			lines = append(lines, fmt.Sprintf("%d %s %d", entry.Status, entry.Role, len(entry.SQL)))
		}
	}
	return strings.Join(lines, "; ")
}

func TestDropInLogsAtPostgRESTsLevels(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	exec(t, db, `create function api.broken() returns int language plpgsql as $$ begin raise sqlstate 'XX000'; end $$`)
	const all = "500  0; 404 anon 0; 200 anon 3; 200 anon 0; 500 anon 2"
	for level, want := range map[string]string{
		"crit": "", "error": "500  0; 500 anon 2", "warn": "500  0; 404 anon 0; 500 anon 2", "info": all, "debug": all,
	} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			socket := filepath.Join(t.TempDir(), "s")
			s, _ := launch(t, command(t, []string{
				"PGRST_DB_URI=" + db.URL(sql.Authenticator), "PGRST_DB_SCHEMAS=api", "PGRST_DB_ANON_ROLE=anon", "PGRST_DB_POOL=1",
				"PGRST_SERVER_UNIX_SOCKET=" + socket, "PGRST_LOG_LEVEL=" + level, "PGRST_LOG_QUERY=true", "PGRST_DB_PRE_REQUEST=guard",
			}, "serve"))
			to := &server{URL: "unix:" + socket}
			eventually(t, "the server is ready", func() bool {
				a, err := to.try("GET", "/readyz", "")
				return err == nil && a.Status == 200
			})
			preflight := []string{"Origin: http://example.com", "Access-Control-Request-Method: POST"}
			for _, tt := range []struct {
				status       int
				method, path string
				header       []string
			}{
				{500, "GET", "/things", []string{"Authorization: Bearer " + userToken(t, ada)}}, // there is no secret
				{404, "GET", "/thinks", nil},
				{200, "GET", "/things", nil},
				{200, "OPTIONS", "/things", preflight}, // never logged
				{200, "OPTIONS", "/things", nil},
				{500, "POST", "/rpc/broken", nil},
			} {
				if a := to.call(t, tt.method, tt.path, "", tt.header...); a.Status != tt.status {
					t.Errorf("%s %s: %d %s", tt.method, tt.path, a.Status, a.Body)
				}
			}
			s.stop(t)
			if got := s.requests(); got != want {
				t.Errorf("logged %q, want %q", got, want)
			}
		})
	}
}

// A new limit of the login reaches every connection, and no request is interrupted.
func TestReloadMakesThePoolAnew(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	exec(t, db, `create table api.gate (i int); grant all on api.gate to anon`)
	s := startDropIn(t, db)
	limit := func() string { return s.call(t, "GET", "/rpc/setting?name=statement_timeout", "").Body }

	lock, err := db.Conn(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), `lock api.gate`); err != nil {
		t.Fatal(err)
	}
	var held sync.WaitGroup
	held.Go(func() { s.want(t, 200, `[]`, "GET", "/gate") })
	eventually(t, "a request is under way", func() bool {
		var n int
		const ask = `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
		return lock.QueryRow(t.Context(), ask).Scan(&n) == nil && n == 1
	})
	inDatabase(t, db, "set statement_timeout = ''54321ms''")
	reloads := func() int { return strings.Count(s.Log(), `"schema":true`) }
	known := reloads()
	if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the schema is looked at", func() bool { return reloads() > known })
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	held.Wait()
	for range 4 * 3 { // more than the pool has connections
		if got := limit(); got != `"54321ms"` {
			t.Errorf("a connection has the limit %s", got)
		}
	}
	// What belongs to a role is asked for with the configuration.
	exec(t, db, fmt.Sprintf(`alter role anon in database %q set work_mem = '4321kB'`, db.Name))
	exec(t, db, `notify pgrst, 'reload config'`)
	eventually(t, "the role's setting holds", func() bool {
		return s.call(t, "GET", "/rpc/setting?name=work_mem", "").Body == `"4321kB"`
	})
}

func TestWithoutRecoveryALostDatabaseEndsTheProcess(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	away := strings.Replace(db.URL(sql.Authenticator), "/"+db.Name, "/nothing_of_that_name", 1)
	status, out := runs(t, command(t, []string{"PGRST_DB_URI=" + away, "PGRST_DB_POOL_AUTOMATIC_RECOVERY=false"}, "serve"))
	if status != 1 || !strings.Contains(out, "nothing_of_that_name") {
		t.Errorf("no database: %d %s", status, out)
	}
	for _, channel := range []string{"true", "false"} {
		s := startDropIn(t, db, "PGRST_DB_POOL_AUTOMATIC_RECOVERY=false", "PGAPPNAME=lost "+channel, "PGRST_DB_CHANNEL_ENABLED="+channel)
		conn := db.Conn(t)
		eventually(t, "the connections are cut until it ends", func() bool {
			const cut = `select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1`
			if _, err := conn.Exec(t.Context(), cut, "lost "+channel); err != nil {
				t.Fatal(err)
			}
			select {
			case <-s.done:
				return true
			default:
				return false
			}
		})
		if status := s.cmd.ProcessState.ExitCode(); status != 1 {
			t.Errorf("channel %s: ended with %d", channel, status)
		}
	}
}

// What is made later is waited for, and nothing is served meanwhile that would look
// like an empty schema.
func TestDropInWaitsForASchemaAndADatabase(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	s := runServer(t, command(t, []string{
		"PGRST_DB_URI=" + db.URL(sql.Authenticator), "PGRST_DB_SCHEMAS=api,later", "PGRST_DB_ANON_ROLE=anon", "PGRST_JWT_SECRET=" + jwtSecret,
		"PGRST_SERVER_HOST=127.0.0.1", "PGRST_ADMIN_SERVER_PORT=" + freePort(t), "PGRST_LOG_LEVEL=info",
	}, "serve"))
	a := s.call(t, "GET", "/things", "", "Authorization: Bearer "+userToken(t, ada))
	if a.Status != 503 || !strings.Contains(a.Body, "PGRST002") {
		t.Errorf("without a schema: %d %s", a.Status, a.Body)
	}
	s.admin().want(t, 503, "", "GET", "/ready")
	s.admin().want(t, 200, "", "GET", "/live")
	exec(t, db, `create schema later`)
	eventually(t, "it is ready", func() bool { return s.admin().call(t, "GET", "/ready", "").Status == 200 })
	s.want(t, 200, `[{"id":1}]`, "GET", "/things?select=id&id=eq.1")

	name := db.Name + "_later"
	uri := strings.Replace(db.URL(sql.Authenticator), "/"+db.Name, "/"+name, 1)
	s = runServer(t, command(t, []string{
		"PGRST_DB_URI=" + uri, "PGRST_DB_ANON_ROLE=anon", "PGRST_SERVER_HOST=127.0.0.1", "PGRST_LOG_LEVEL=info",
	}, "serve"))
	if a := s.call(t, "GET", "/things", ""); a.Status != 503 {
		t.Errorf("without a database: %d %s", a.Status, a.Body)
	}
	exec(t, db, `create database "`+name+`"`)
	conn := db.Conn(t)
	t.Cleanup(func() {
		if _, err := conn.Exec(context.Background(), `drop database "`+name+`" with (force)`); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "it serves", func() bool { return s.call(t, "GET", "/things", "").Status == 404 })
}

// A stream is read once, although settings are looked at again.
func TestSettingsAreReadFromAStream(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	cmd := command(t, []string{
		"PGRST_DB_URI=@/dev/stdin", "PGRST_DB_SCHEMAS=api", "PGRST_DB_ANON_ROLE=anon", "PGRST_LOG_LEVEL=info",
	}, "serve")
	cmd.Stdin = strings.NewReader(db.URL(sql.Authenticator) + "\n")
	s := runServer(t, cmd)
	serves := func() bool { return s.call(t, "GET", "/things?select=id&id=eq.1", "").Body == `[{"id":1}]` }
	eventually(t, "it serves", serves)
	inDatabase(t, db, "set pgrst.db_max_rows = 7")
	eventually(t, "it was told", func() bool {
		exec(t, db, `notify pgrst`) // it may not have listened yet when it began to serve
		return strings.Contains(s.Log(), `"schema":true,"config":true`)
	})
	if !serves() {
		t.Error("not after a reload")
	}
}
