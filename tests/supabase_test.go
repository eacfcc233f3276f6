package tests

import (
	"context"
	"os"
	osexec "os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/demo"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// notesDB is a database with the demo and with tests/js/schema.sql.
func notesDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	set, err := sql.Folder(demo.Migrations, demo.Table)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Up(t.Context(), db.Conn(t), sql.Options{}); err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile("js/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, string(more))
	return db
}

// runNode runs a file of tests/js with node's test runner. What node says of a
// failure is what go test says of it. env is added to its environment.
func runNode(t *testing.T, s *server, file string, env ...string) {
	t.Helper()
	if _, err := os.Stat("js/node_modules/@supabase/supabase-js"); err != nil {
		t.Fatal("the real client is not installed: make test installs it, or: cd tests/js && npm ci --ignore-scripts")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	// The client leaves timers behind, of broadcasts that nobody answers and of
	// disconnect(), for which node would wait up to 20 seconds.
	cmd := osexec.CommandContext(ctx, "node", "--test", "--test-force-exit", "--test-reporter=spec", file)
	cmd.Dir = "js"
	cmd.Env = append(env,
		"PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"), "NO_COLOR=1", "NODE_NO_WARNINGS=1",
		"NODE_OPTIONS=--experimental-websocket", // Node 20 has what the client's constructor wants only then
		"FLUXBASE_TEST_URL="+s.URL, "FLUXBASE_TEST_JWT_SECRET="+jwtSecret,
	)
	out, err := cmd.CombinedOutput()
	if err != nil {
		passed := regexp.MustCompile(`(?m)^ *✔.*\n`)
		t.Fatalf("node --test %s: %v\n%s", file, err, passed.ReplaceAll(out, nil))
	}
	for _, want := range []string{`(?m)^ℹ pass [1-9]\d*$`, `(?m)^ℹ skipped 0$`, `(?m)^ℹ todo 0$`} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("node --test %s did not say %s:\n%s", file, want, out)
		}
	}
}

// noServerErrors checks that the server blames itself for nothing: every request gets an
// answer that says what is wrong with the request. That it was not ready at first is none.
func noServerErrors(t *testing.T, s *server) {
	t.Helper()
	for line := range strings.Lines(s.Log()) {
		if strings.Contains(line, `"level":"ERROR"`) && !strings.Contains(line, `"path":"/readyz"`) {
			t.Errorf("the server failed: %s", line)
		}
	}
}

func TestSupabaseClient(t *testing.T) {
	t.Parallel()
	s := startServer(t, notesDB(t))
	runNode(t, s, "supabase.test.mjs")
	noServerErrors(t, s)
}

// The typed client: tsc, as strict as it can be, compiles what then runs.
func TestTypedClient(t *testing.T) {
	t.Parallel()
	schema, err := os.ReadFile("js/typed.sql")
	if err != nil {
		t.Fatal(err)
	}
	db := dbtest.New(t)
	exec(t, db, string(schema))
	s := startServer(t, db, "FLUXBASE_REST_DB_PLAN_ENABLED=true", "FLUXBASE_REST_DB_AGGREGATES_ENABLED=true")
	cmd := osexec.CommandContext(t.Context(), "node", "node_modules/typescript/bin/tsc", "-p", ".")
	cmd.Dir = "js"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tsc: %v\n%s", err, out)
	}
	runNode(t, s, "node_modules/.typed/typed.test.js")
}
