package tests

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/demo"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// openURL connects for the length of a test.
func openURL(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// migrationsFolder is a folder with these files.
func migrationsFolder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const line = "\n---- create above / drop below ----\n"

func TestOwnFolderOfMigrations(t *testing.T) {
	t.Parallel()
	// Nothing of ours is needed for it.
	db := dbtest.Empty(t)
	env := []string{"FLUXBASE_ADMIN_DATABASE_URL=" + db.AdminURL(), "DATABASE_URL=postgres://nowhere.invalid/"}
	dir := filepath.Join(t.TempDir(), "app")
	// In order: each step needs the one before it.
	made := runFluxbase(t, nil, "migrate", "new", "Add tasks!", "--dir", dir)
	file := filepath.Join(dir, "0001_add_tasks.sql")
	if made.status != 0 || strings.TrimSpace(made.out) != file {
		t.Fatalf("new: %s", made)
	}
	if up := runFluxbase(t, env, "migrate", "up", "--dir", dir); up.status != 1 || !strings.Contains(up.errOut, "0001_add_tasks.sql holds no statement yet") {
		t.Errorf("an unwritten migration: %s", up)
	}

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	written := "create table public.tasks (id integer);\n" + string(text) + "\ndrop table public.tasks;\n"
	if err := os.WriteFile(file, []byte(written), 0o644); err != nil {
		t.Fatal(err)
	}
	if second := runFluxbase(t, nil, "migrate", "new", "index_tasks", "--dir", dir); !strings.Contains(second.out, "0002_index_tasks.sql") {
		t.Errorf("the second: %s", second)
	}
	concurrently := "---- tern: disable-tx ----\ncreate index concurrently tasks_id_idx on public.tasks (id);" + line + "drop index public.tasks_id_idx;"
	if err := os.WriteFile(filepath.Join(dir, "0002_index_tasks.sql"), []byte(concurrently), 0o644); err != nil {
		t.Fatal(err)
	}
	if status := runFluxbase(t, env, "migrate", "status", "--dir", dir); status.status != 1 || strings.Count(status.out, "pending") != 2 {
		t.Errorf("status before: %s", status)
	}
	if up := runFluxbase(t, env, "migrate", "up", "--dir", dir); up.status != 0 || !strings.Contains(up.errOut, "0002_index_tasks.sql") || up.out != "" {
		t.Errorf("up: %s", up)
	}
	if up := runFluxbase(t, env, "migrate", "up", "--dir", dir); up.status != 0 || !strings.Contains(up.errOut, "up to date") {
		t.Errorf("up again: %s", up)
	}
	if status := runFluxbase(t, env, "migrate", "status", "--dir", dir); status.status != 0 || strings.Count(status.out, "applied") != 2 {
		t.Errorf("status after: %s", status)
	}
	if down := runFluxbase(t, env, "migrate", "down", "2", "--dir", dir); down.status != 0 {
		t.Errorf("down: %s", down)
	}
	var left, ours, open bool
	const ask = `
		select
		  to_regclass('public.tasks') is not null,
		  to_regnamespace('auth') is not null,
		  (select not c.relrowsecurity from pg_class as c where c.oid = 'fluxbase.user_schema_version'::regclass)`
	if err := db.Conn(t).QueryRow(t.Context(), ask).Scan(&left, &ours, &open); err != nil || left || ours || open {
		t.Errorf("after down: the table is left %v, ours was installed %v, the version table is open %v (%v)", left, ours, open, err)
	}
	// Ours goes beside it, whichever was first.
	if up := runFluxbase(t, env, "migrate", "up"); up.status != 0 {
		t.Errorf("ours after the application's: %s", up)
	}
}

func TestWrongCallsExitWithTwo(t *testing.T) {
	t.Parallel()
	dir := migrationsFolder(t, map[string]string{"0001_a.sql": "select 1;"})
	url := "DATABASE_URL=postgres://127.0.0.1:1/nowhere"
	for _, tt := range []struct {
		name string
		env  []string
		args []string
		want string
	}{
		{"no URL", nil, []string{"migrate", "up"}, "set FLUXBASE_ADMIN_DATABASE_URL"},
		{"no URL for doctor", nil, []string{"doctor"}, "set FLUXBASE_ADMIN_DATABASE_URL"},
		{"no such folder", []string{url}, []string{"migrate", "up", "--dir", dir + "/no"}, "there is no such folder"},
		{"our version table", []string{url}, []string{"migrate", "up", "--dir", dir, "--table", sql.OursTable}, "name another"},
		{"no version table", []string{url}, []string{"migrate", "up", "--dir", dir, "--table", `x"; drop`}, "write schema.table"},
		{"down nothing", []string{url}, []string{"migrate", "down", "0"}, "1 or more"},
		{"down what", []string{url}, []string{"migrate", "down", "all"}, "1 or more"},
		{"a name of nothing", nil, []string{"migrate", "new", "!", "--dir", dir}, "give the migration a name"},
		{"no such command", nil, []string{"migrate", "upp"}, "unknown command"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if o := runFluxbase(t, tt.env, tt.args...); o.status != 2 || !strings.Contains(o.errOut, tt.want) {
				t.Errorf("want status 2 and %q, got %s", tt.want, o)
			}
		})
	}
	t.Run("no server", func(t *testing.T) {
		t.Parallel()
		if o := runFluxbase(t, []string{url}, "migrate", "up"); o.status != 1 || !strings.Contains(o.errOut, "connect to the database") {
			t.Errorf("got %s", o)
		}
	})
}

func TestFailingMigrationSaysWhereAndLeavesNothing(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	for _, tt := range []struct{ name, text, want string }{
		{"syntax", "create table public.t ();\nselect 1;\nselct 2;", "line: 3"},
		{"a rule of the table", "create table public.t (a integer check (a > 0));\ninsert into public.t values (0);", "detail: Failing row"},
		{"template", "select '{{1,2}}'::integer[];", "two opening braces begin an action"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := migrationsFolder(t, map[string]string{"0001_good.sql": "select 1;", "0002_bad.sql": tt.text})
			set, err := sql.Folder(os.DirFS(dir), "fluxbase.at_"+strings.ReplaceAll(tt.name, " ", "_"))
			if err != nil {
				t.Fatal(err)
			}
			err = set.Up(t.Context(), db.Conn(t), sql.Options{})
			if err == nil || !strings.Contains(err.Error(), "0002_bad.sql: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want 0002_bad.sql and %q, got %v", tt.want, err)
			}
			var left bool
			if err := db.Conn(t).QueryRow(t.Context(), `select to_regclass('public.t') is not null`).Scan(&left); err != nil || left {
				t.Errorf("the table is left: %v (%v)", left, err)
			}
		})
	}
}

func TestOlderReleaseRefusesNewerDatabase(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conn := db.Conn(t)
	if _, err := conn.Exec(t.Context(), `update fluxbase.schema_version set version = 9000`); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"up":   sql.Migrate(t.Context(), conn, sql.Options{}),
		"down": sql.Ours().Down(t.Context(), conn, 1, sql.Options{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "a newer release was at work") {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// Who waits for a lock inside a statement holds a snapshot, which "create index
// concurrently" waits for: two deploys at once would end in a deadlock.
func TestConcurrentIndexWhileOthersWait(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	dir := migrationsFolder(t, map[string]string{
		"0001_t.sql": "create table public.t as select i from generate_series(1, 20000) as i;",
		"0002_i.sql": "---- tern: disable-tx ----\ncreate index concurrently t_i_idx on public.t (i);",
	})
	var ran []string
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 6 {
		conn := db.Conn(t)
		wg.Go(func() {
			set, err := sql.Folder(os.DirFS(dir), "")
			if err != nil {
				t.Error(err)
				return
			}
			err = set.Up(t.Context(), conn, sql.Options{Progress: func(name string, _ time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				ran = append(ran, name)
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if want := []string{"0001_t.sql", "0002_i.sql"}; !slices.Equal(ran, want) {
		t.Errorf("ran %v, want %v", ran, want)
	}
}

func TestSchemaAuthOfAnotherProductIsInTheWay(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	const supabase = `
		create schema auth;
		create function auth.uid() returns uuid language sql stable return null::uuid`
	exec(t, db, supabase)

	up := runFluxbase(t, []string{"DATABASE_URL=" + db.AdminURL()}, "migrate", "up")
	if up.status != 1 || !strings.Contains(up.errOut, "schema auth already exists and belongs to") || !strings.Contains(up.errOut, "FLUXBASE_MODULES=rest") {
		t.Errorf("got %s", up)
	}
	var functions int
	const ask = `select count(*) from pg_proc where pronamespace = 'auth'::regnamespace`
	if err := db.Conn(t).QueryRow(t.Context(), ask).Scan(&functions); err != nil || functions != 1 {
		t.Errorf("schema auth has %d functions now, want its own one (%v)", functions, err)
	}
	doctor := runFluxbase(t, []string{"DATABASE_URL=" + db.AdminURL()}, "doctor")
	if doctor.status != 1 || !strings.Contains(doctor.out, "schema auth belongs to") {
		t.Errorf("doctor: %s", doctor)
	}
}

// as runs a statement as a user of the demo, and returns how many rows it was about
// and the SQLSTATE.
func as(t *testing.T, conn *pgx.Conn, role, user, statement string) (int64, string) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	const become = `select set_config('role', $1, true), set_config('request.jwt.claims', json_build_object('sub', $2::text, 'role', $1::text)::text, true)`
	if _, err := tx.Exec(t.Context(), become, role, user); err != nil {
		t.Fatal(err)
	}
	tag, err := tx.Exec(t.Context(), statement)
	var pgErr *pgconn.PgError
	if err != nil && !errors.As(err, &pgErr) {
		t.Fatal(err)
	}
	if pgErr != nil {
		return 0, pgErr.Code
	}
	return tag.RowsAffected(), ""
}

func TestDemoLetsEachSeeTheirOwn(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	set, err := sql.Folder(demo.Migrations, demo.Table)
	if err != nil {
		t.Fatal(err)
	}
	admin := db.Conn(t)
	total, err := set.Len()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return set.Up(t.Context(), admin, sql.Options{}) },
		func() error { return set.Down(t.Context(), admin, total, sql.Options{}) },
		func() error { return set.Up(t.Context(), admin, sql.Options{}) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	request, service := openURL(t, db.URL(sql.Authenticator)), openURL(t, db.URL(sql.Service))

	for _, tt := range []struct {
		name, role, user, statement string
		rows                        int64
		code                        string
	}{
		{"anon sees the public notes", "anon", "", `select from notes`, 2, ""},
		{"anon sees what was said about them", "anon", "", `select from comments`, 3, ""},
		{"anon sees no notebook", "anon", "", `select from notebooks`, 0, ""},
		{"anon writes nothing", "anon", "", `insert into notes (title, owner_id) values ('x', '` + demo.Ada + `')`, 0, "42501"},
		{"anon changes nothing", "anon", "", `update notes set title = 'x'`, 0, ""},
		{"Ada sees hers and the public", "authenticated", demo.Ada, `select from notes`, 4, ""},
		{"Bob sees his and the public", "authenticated", demo.Bob, `select from notes`, 3, ""},
		{"a new note is one's own", "authenticated", demo.Ada, `insert into notes (title) values ('x')`, 1, ""},
		{"not for someone else", "authenticated", demo.Ada, `insert into notes (title, owner_id) values ('x', '` + demo.Bob + `')`, 0, "42501"},
		{"not into their notebook", "authenticated", demo.Ada, `insert into notes (title, notebook_id) values ('x', 3)`, 0, "42501"},
		{"nor given away", "authenticated", demo.Ada, `update notes set owner_id = '` + demo.Bob + `' where title = 'Loops'`, 0, "42501"},
		{"changes just hers", "authenticated", demo.Ada, `update notes set body = 'x'`, 3, ""},
		{"deletes just hers", "authenticated", demo.Ada, `delete from notes`, 3, ""},
		{"may comment on a public note", "authenticated", demo.Ada, `insert into comments (note_id, body) values (4, 'x')`, 1, ""},
		{"not on a private one", "authenticated", demo.Ada, `insert into comments (note_id, body) values (5, 'x')`, 0, "42501"},
		{"not in another's name", "authenticated", demo.Ada, `insert into comments (note_id, body, author_id) values (1, 'x', '` + demo.Bob + `')`, 0, "42501"},
		{"search finds what one sees", "authenticated", demo.Bob, `select from search_notes('the')`, 2, ""},
		{"publishes hers", "authenticated", demo.Ada, `select from publish_note(2)`, 1, ""},
		{"finds no one else's", "authenticated", demo.Ada, `select from publish_note(4)`, 0, "PT404"},
		{"service sees all", "service_role", "", `select from notes`, 5, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := request
			if tt.role == "service_role" {
				conn = service
			}
			if rows, code := as(t, conn, tt.role, tt.user, tt.statement); rows != tt.rows || code != tt.code {
				t.Errorf("%s: %d rows, SQLSTATE %q; want %d, %q", tt.statement, rows, code, tt.rows, tt.code)
			}
		})
	}
}
