package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	osexec "os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/demo"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// bouncerConfig is that of docs/how-to/behind-pgbouncer.md, with what differs here.
func bouncerConfig(t *testing.T, differs ...string) string {
	t.Helper()
	for _, f := range fences(t, "../docs/how-to/behind-pgbouncer.md") {
		if f.lang != "ini" {
			continue
		}
		for i := 0; i < len(differs); i += 2 {
			if !strings.Contains(f.text, differs[i]) {
				t.Fatalf("the page's configuration lacks %s", differs[i])
			}
		}
		return strings.NewReplacer(differs...).Replace(f.text)
	}
	t.Fatal("the page has no configuration")
	return ""
}

// startBouncer runs PgBouncer in transaction mode in front of db's server, and
// returns URLs of our logins that lead through it.
func startBouncer(t *testing.T, db *dbtest.DB, poolSize int) map[string]string {
	t.Helper()
	program, err := osexec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // Debian's place, not on every PATH
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatal("this test needs PgBouncer: apt-get install pgbouncer")
	}
	dir, port := clusterFolder(t), freePort(t)
	through := map[string]string{}
	users := ""
	var host, serverPort string
	for _, role := range []string{sql.Authenticator, sql.Service} {
		u, err := url.Parse(db.URL(role))
		if err != nil {
			t.Fatal(err)
		}
		password, _ := u.User.Password()
		users += fmt.Sprintf("%q %q\n", role, password)
		host, serverPort = u.Hostname(), u.Port()
		u.Host = "127.0.0.1:" + port
		through[role] = u.String()
	}
	usersFile, configFile := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	for file, text := range map[string]string{
		usersFile: users,
		configFile: bouncerConfig(t, "10.0.0.5", host, "port=5432", "port="+serverPort, "6432", port,
			"/etc/pgbouncer/users.txt", usersFile, "default_pool_size = 20", fmt.Sprint("default_pool_size = ", poolSize)),
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	log := new(syncBuffer)
	cmd := osexec.Command(program, configFile)
	if os.Geteuid() == 0 { // as which it will not run
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobody(t)}
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // a clean end; SIGTERM is the immediate one
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(tail(log.String()))
		}
	})
	eventually(t, "PgBouncer listens", func() bool { return strings.Contains(log.String(), "listening on 127.0.0.1:"+port) })
	return through
}

func nobody(t *testing.T) *syscall.Credential {
	t.Helper()
	account, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.ParseUint(account.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(account.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

const bouncerSchema = `
	create function public.who(n integer)
	  returns jsonb
	  language sql
	  volatile
	return jsonb_build_object('role', current_user, 'sub', auth.uid(), 'n', n, 'pid', pg_backend_pid(),
	  'read_only', current_setting('transaction_read_only'));

	create function public.nap()
	  returns void
	  language sql
	  volatile
	begin atomic
	  select pg_sleep(60);
	end;`

// bouncedServer is a server that reaches its database through PgBouncer.
func bouncedServer(t *testing.T, db *dbtest.DB, poolSize int, env ...string) *server {
	t.Helper()
	through := startBouncer(t, db, poolSize)
	return startServer(t, db, append([]string{
		"FLUXBASE_DATABASE_URL=" + through[sql.Authenticator],
		"FLUXBASE_SERVICE_DATABASE_URL=" + through[sql.Service],
		"FLUXBASE_DATABASE_PREPARED_STATEMENTS=false",
		"FLUXBASE_DATABASE_MAX_CONNECTIONS=40", "FLUXBASE_DATABASE_MIN_CONNECTIONS=20", "FLUXBASE_SERVICE_DATABASE_MAX_CONNECTIONS=10",
	}, env...)...)
}

// Many clients on few connections, each as someone else: nobody ever gets what
// another's role, claims or transaction would give.
func TestPgBouncerNeverMixesCallers(t *testing.T) {
	t.Parallel()
	db := notesDB(t)
	exec(t, db, bouncerSchema)
	const poolSize = 3
	s := bouncedServer(t, db, poolSize)
	callers := []struct {
		role, sub, token string
		notes            int
	}{
		{"anon", "", "", 2},
		{"authenticated", demo.Ada, userToken(t, demo.Ada), 4},
		{"authenticated", demo.Bob, userToken(t, demo.Bob), 3},
		{"service_role", "", signToken(t, map[string]any{"role": "service_role"}), 5},
	}
	var mu sync.Mutex
	backends := map[int]bool{}
	var workers sync.WaitGroup
	for w := range 24 {
		workers.Go(func() {
			me := callers[w%len(callers)]
			var header []string
			if me.token != "" {
				header = append(header, "Authorization: Bearer "+me.token)
			}
			for i := range 25 {
				n := w*1000 + i
				method, path, body := http.MethodGet, fmt.Sprintf("/rest/v1/rpc/who?n=%d", n), ""
				if i%2 == 1 {
					method, path, body = http.MethodPost, "/rest/v1/rpc/who", fmt.Sprintf(`{"n": %d}`, n)
				}
				a, err := s.try(method, path, body, append(header, "Content-Type: application/json")...)
				var got struct {
					Role, Sub string
					N, PID    int
					ReadOnly  string `json:"read_only"`
				}
				if err = errors.Join(err, json.Unmarshal([]byte(a.Body), &got)); err != nil {
					t.Errorf("%s %s: %d %s, %v", method, path, a.Status, a.Body, err)
					return
				}
				readOnly := map[string]string{http.MethodGet: "on", http.MethodPost: "off"}[method]
				if got.Role != me.role || got.Sub != me.sub || got.N != n || got.ReadOnly != readOnly {
					t.Errorf("%s as %s %s, n %d: got %s", method, me.role, me.sub, n, a.Body)
				}
				mu.Lock()
				backends[got.PID] = true
				mu.Unlock()

				// A failure in between must leave nothing behind for the next client.
				if a, err := s.try(http.MethodGet, "/rest/v1/notes?select=id&id=eq.x", "", header...); err != nil || a.Status != http.StatusBadRequest {
					t.Errorf("a bad filter: %v, got %d %s, want 400", err, a.Status, a.Body)
				}
				a, err = s.try(http.MethodGet, "/rest/v1/notes?select=id", "", header...)
				if err != nil || a.Status != http.StatusOK || strings.Count(a.Body, `"id"`) != me.notes {
					t.Errorf("notes as %s %s: %v, got %d %s, want %d rows", me.role, me.sub, err, a.Status, a.Body, me.notes)
				}
			}
		})
	}
	workers.Wait()
	// Without this the test would pass in front of a pooler that shares nothing.
	if len(backends) > 2*poolSize || len(backends) < 2 {
		t.Errorf("%d backends have answered; two logins may have %d each", len(backends), poolSize)
	}
	noServerErrors(t, s)
}

// A client that goes away takes its statement along, also through PgBouncer.
func TestPgBouncerCancelsWhatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	db := notesDB(t)
	exec(t, db, bouncerSchema)
	s := bouncedServer(t, db, 1)
	admin := db.Conn(t)
	naps := func() (n int) {
		const ask = `select count(*) from pg_stat_activity where usename = $1 and state = 'active' and datname = current_database()`
		if err := admin.QueryRow(t.Context(), ask, sql.Authenticator).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	client := &http.Client{Timeout: time.Second}
	if resp, err := client.Post(s.URL+"/rest/v1/rpc/nap", "application/json", strings.NewReader("{}")); err == nil {
		_ = resp.Body.Close()
		t.Fatalf("the nap ended with %s", resp.Status)
	}
	eventually(t, "the statement is cancelled", func() bool { return naps() == 0 })
	// The one connection there is serves the next client.
	if a := s.call(t, http.MethodGet, "/rest/v1/notes?select=id", ""); a.Status != http.StatusOK {
		t.Errorf("after it: got %d %s", a.Status, a.Body)
	}
}
