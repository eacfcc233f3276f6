package tests

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

func TestDevPrintsLinesThatWork(t *testing.T) {
	t.Parallel()
	dir := clusterFolder(t)
	first := startDev(t, dir, nil)
	t.Logf("first start: %v", first.ready)
	read, write := first.curls(t)
	if got := shell(t, read); !strings.HasSuffix(got, " 200") || !strings.Contains(got, `"title"`) {
		t.Errorf("%s\ngot %s, want public notes", read, got)
	}
	if got := shell(t, write); !strings.HasSuffix(got, " 201") || !strings.Contains(got, "from curl") {
		t.Errorf("%s\ngot %s, want the new note", write, got)
	}
	pid := postmasterPID(t, dir)
	if err := first.stop(t, os.Interrupt); err != nil {
		t.Errorf("after Ctrl-C dev ended with %v:\n%s", err, first.stderr)
	}
	if alive(pid) || !cluster.Free(dir) {
		t.Error("Postgres outlived dev")
	}

	second := startDev(t, dir, nil)
	t.Logf("second start: %v", second.ready)
	// Ada's line of the first start, at the second start's port: secret and data are there.
	list := strings.ReplaceAll(write[:strings.Index(write, " -H 'Content-Type")], first.value(t, "URL"), second.value(t, "URL"))
	if got := shell(t, list); !strings.HasSuffix(got, " 200") || !strings.Contains(got, "from curl") {
		t.Errorf("%s\ngot %s, want the note of the first run", list, got)
	}
}

func TestDevKeepsItsSecretsToItself(t *testing.T) {
	t.Parallel()
	dir := clusterFolder(t)
	startDev(t, dir, nil)
	for _, name := range []string{"dev.json", "lock", "postgres.log", "data/fluxbase.password", "data/fluxbase.conf"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, want 600", name, mode)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, ".gitignore")); err != nil || string(text) != "*\n" {
		t.Errorf("git would see the folder: %q, %v", text, err)
	}
}

func TestDevSurvivesKills(t *testing.T) {
	t.Parallel()
	dir := clusterMade(t)
	first := startDev(t, dir, nil)
	read, write := first.curls(t)
	shell(t, write)

	pid := postmasterPID(t, dir)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "dev starts another Postgres", func() bool {
		other, ok := readPID(dir)
		return ok && other != pid
	})
	eventually(t, "and serves from it", func() bool { return strings.HasSuffix(shell(t, read), " 200") })

	if err := first.stop(t, syscall.SIGKILL); err == nil {
		t.Error("a killed dev ended well")
	}
	second := startDev(t, dir, nil) // while the first one's Postgres may still be stopping
	list := strings.ReplaceAll(write[:strings.Index(write, " -H 'Content-Type")], first.value(t, "URL"), second.value(t, "URL"))
	if got := shell(t, list); !strings.Contains(got, "from curl") {
		t.Errorf("%s\ngot %s, want the note from before", list, got)
	}
}

func TestSecondDevSaysWhereTheFirstIs(t *testing.T) {
	t.Parallel()
	dir := clusterMade(t)
	first := startDev(t, dir, nil)
	url := first.value(t, "URL")
	port := url[strings.LastIndex(url, ":")+1:]
	for _, env := range [][]string{nil, {"FLUXBASE_SERVER_PORT=" + port}} {
		status, out := runs(t, command(t, env, "dev", "--data", dir))
		if status != 1 || !strings.Contains(out, "serving "+url) {
			t.Errorf("with %v: status %d, %s\nwant 1, and %s", env, status, out, url)
		}
	}
}

func TestDevSaysThatThePortIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	dir := clusterFolder(t)
	status, out := runs(t, command(t, []string{"FLUXBASE_SERVER_PORT=" + port}, "dev", "--data", dir))
	if status != 1 || !strings.Contains(out, "127.0.0.1:"+port+" is taken") || !strings.Contains(out, "FLUXBASE_SERVER_PORT") {
		t.Errorf("status %d, %s\nwant 1, the port and the variable", status, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("a database was made before that was noticed")
	}
}

func TestDevRefusesHalfAnEnvironment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, env, want string
		args            []string
	}{
		{name: "login without admin", env: "FLUXBASE_DATABASE_URL=postgres://authenticator:x@127.0.0.1/app", want: "set DATABASE_URL"},
		{name: "folder that is not there", args: []string{"--dir", "/nowhere"}, want: "migrate new NAME"},
		{name: "version too old", env: "FLUXBASE_PG_VERSION=9", want: "FLUXBASE_PG_VERSION"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"dev", "--data", clusterFolder(t)}, tt.args...)
			status, out := runs(t, command(t, []string{tt.env}, args...))
			if status != 2 || !strings.Contains(out, tt.want) {
				t.Errorf("status %d, %s\nwant 2, and %q", status, out, tt.want)
			}
		})
	}
}

func TestDevRunsTheUsersMigrations(t *testing.T) {
	t.Parallel()
	migrations := t.TempDir()
	const tasks = `create table public.tasks (id integer primary key);
insert into public.tasks values (42);
grant select on public.tasks to anon;
`
	if err := os.WriteFile(filepath.Join(migrations, "0001_tasks.sql"), []byte(tasks), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := "a secret of the user's own, long enough"
	d := startDev(t, clusterMade(t), []string{"FLUXBASE_JWT_SECRET=" + secret}, "--dir", migrations)
	line := fmt.Sprintf("curl '%s/rest/v1/tasks' -H 'apikey: %s'", d.value(t, "URL"), d.value(t, "anon key"))
	if got := shell(t, line); got != `[{"id":42}] 200` {
		t.Errorf("got %s, want the row of the migration, read with a key of the user's secret", got)
	}
	if got := textOf(t, psqlURL(t, d), `select coalesce(to_regclass('public.notes')::text, 'none')`); got != "none" {
		t.Error("the demo was loaded beside the user's migrations")
	}
}

func TestDevUsesADatabaseElsewhere(t *testing.T) {
	t.Parallel()
	server := dbtest.Private(t, dbtest.Options{})
	db := server.Empty(t)
	dir := clusterFolder(t)
	env := []string{"DATABASE_URL=" + db.AdminURL()}
	d := startDev(t, dir, env)
	read, _ := d.curls(t)
	if got := shell(t, read); !strings.HasSuffix(got, " 200") {
		t.Errorf("%s: %s", read, got)
	}
	if strings.Contains(d.out, db.AdminURL()) {
		t.Error("the administrator's URL was printed")
	}
	if err := d.stop(t, os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("a cluster was made although there is a database")
	}
	again := startDev(t, dir, env) // with the passwords that it kept
	read, _ = again.curls(t)
	if got := shell(t, read); !strings.HasSuffix(got, " 200") {
		t.Errorf("%s: %s", read, got)
	}

	// Another folder knows nothing of the passwords, and must not change them.
	status, out := runs(t, command(t, env, "dev", "--data", clusterFolder(t)))
	if status != 1 || !strings.Contains(out, "FLUXBASE_DATABASE_URL=postgres://authenticator:PASSWORD@") {
		t.Errorf("status %d, %s\nwant 1, and the variable to set", status, out)
	}
}

func TestDevLeavesTablesOfOthersAlone(t *testing.T) {
	t.Parallel()
	server := dbtest.Private(t, dbtest.Options{})
	db := server.Empty(t)
	exec(t, db, `create table public.notes (mine text)`)
	d := startDev(t, clusterFolder(t), []string{"DATABASE_URL=" + db.AdminURL()})
	if strings.Contains(d.out, "curl ") {
		t.Errorf("lines for a demo that is not there:\n%s", d.out)
	}
	if got := textOf(t, db.AdminURL(), `select string_agg(tablename, ' ') from pg_tables where schemaname = 'public'`); got != "notes" {
		t.Errorf("schema public now holds %s, want just the user's table", got)
	}
	if !strings.Contains(d.stderr.String(), "the demo stays out") {
		t.Errorf("it does not say so:\n%s", d.stderr)
	}
}

// psqlURL is the administrator's URL in the line for psql.
func psqlURL(t *testing.T, d *devRun) string {
	t.Helper()
	url := strings.Trim(strings.TrimPrefix(d.value(t, "database"), "psql "), "'")
	if _, err := pgx.ParseConfig(url); err != nil {
		t.Fatal(err)
	}
	return url
}

func postmasterPID(t *testing.T, dir string) int {
	t.Helper()
	pid, ok := readPID(dir)
	if !ok {
		t.Fatal("no postmaster.pid")
	}
	return pid
}

func readPID(dir string) (int, bool) {
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	pid, err := strconv.Atoi(string(line))
	return pid, err == nil
}

func TestDevAsRootKeepsDataWherePostgresCanGo(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	d := startDev(t, filepath.Join(closed, ".fluxbase"), nil)
	data := textOf(t, psqlURL(t, d), `show data_directory`)
	if os.Geteuid() != 0 {
		if !strings.HasPrefix(data, closed) {
			t.Errorf("the data is in %s, want it below %s", data, closed)
		}
		return
	}
	elsewhere := filepath.Dir(data)
	t.Cleanup(func() { _ = os.RemoveAll(elsewhere) })
	if !strings.HasPrefix(elsewhere, "/var/lib/fluxbase/dev-") || !strings.Contains(d.stderr.String(), "its data is in "+elsewhere) {
		t.Errorf("the data is in %s, and dev says\n%s", data, d.stderr)
	}
	if err := d.stop(t, os.Interrupt); err != nil {
		t.Error(err)
	}
}
