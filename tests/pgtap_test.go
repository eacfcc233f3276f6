package tests

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// withExtension is an installed database that has an extension of Debian's, on the
// version under test if that has it, else on a private 15.
func withExtension(t testing.TB, extension string) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	var there bool
	const ask = `select exists (select from pg_available_extensions where name = $1)`
	if err := db.Conn(t).QueryRow(t.Context(), ask, extension).Scan(&there); err != nil {
		t.Fatal(err)
	}
	if !there {
		db = dbtest.Private(t, dbtest.Options{Version: "15"}).New(t)
	}
	if _, err := db.Conn(t).Exec(t.Context(), `create extension `+extension); err != nil {
		t.Fatalf("%v; make test installs it", err)
	}
	return db
}

// TestSQL runs each file of tests/sql in a transaction that is rolled back.
func TestSQL(t *testing.T) {
	t.Parallel()
	db := withExtension(t, "pgtap")
	for _, path := range sqlFiles(t, "sql") {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("sql", path))
			if err != nil {
				t.Fatal(err)
			}
			lines, err := runTAP(t, db.Conn(t), string(text))
			// They share a database, and some change its publications, or lock a table, in another order.
			for state := sqlState(err); state == "40P01" || state == "55P03" || caughtDeadlock(lines); state = sqlState(err) {
				lines, err = runTAP(t, db.Conn(t), string(text))
			}
			if err := errors.Join(err, checkTAP(lines)); err != nil {
				t.Errorf("%v\n%s", err, strings.Join(lines, "\n"))
			}
		})
	}
}

// caughtDeadlock tells that a test which wants another error has met this one.
func caughtDeadlock(lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, "caught: 40P01") })
}

// sqlFiles lists the .sql files below dir, relative to it.
func sqlFiles(t testing.TB, dir string) (paths []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".sql") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files in %s: %v", len(paths), dir, err)
	}
	return paths
}

// runTAP returns the lines that the functions of pgTAP answered with.
func runTAP(t testing.TB, conn *pgx.Conn, text string) (lines []string, err error) {
	t.Helper()
	results, err := conn.PgConn().Exec(t.Context(), "begin;\n"+text+"\n;rollback;").ReadAll()
	for _, result := range results {
		for _, row := range result.Rows {
			lines = append(lines, strings.Split(string(row[0]), "\n")...)
		}
		err = errors.Join(err, result.Err)
	}
	return lines, err
}

var (
	tapPlan   = regexp.MustCompile(`^1\.\.(\d+)$`)
	tapResult = regexp.MustCompile(`^(not )?ok (\d+)`)
)

// checkTAP wants one plan, and as many passed tests as it says, in order.
func checkTAP(lines []string) error {
	planned, ran := 0, 0
	for _, line := range lines {
		if m := tapPlan.FindStringSubmatch(line); m != nil {
			if planned > 0 {
				return errors.New("two plans")
			}
			planned, _ = strconv.Atoi(m[1]) // digits
			continue
		}
		m := tapResult.FindStringSubmatch(line)
		if m == nil {
			continue // a diagnosis, or a row of the file's own
		}
		ran++
		if m[1] != "" || m[2] != strconv.Itoa(ran) {
			return fmt.Errorf("want ok %d, got: %s", ran, line)
		}
	}
	if planned == 0 || ran != planned {
		return fmt.Errorf("%d tests ran, %d were planned", ran, planned)
	}
	return nil
}

func TestTAPThatFailsIsNoticed(t *testing.T) {
	t.Parallel()
	conn := withExtension(t, "pgtap").Conn(t)
	for _, tt := range []struct{ name, text, want string }{
		{"passes", `select plan(1); select pass('a'); select * from finish();`, ""},
		{"fails", `select plan(2); select pass('a'); select is(1, 2, 'b'); select * from finish();`, "want ok 2, got: not ok 2"},
		{"too few", `select plan(2); select pass('a'); select * from finish();`, "1 tests ran, 2 were planned"},
		{"too many", `select plan(1); select pass('a'); select pass('b'); select * from finish();`, "2 tests ran, 1 were planned"},
		{"no plan", `select 1;`, "0 tests ran, 0 were planned"},
		{"an error", `select plan(1); select pass('a'); select 1/0;`, "division by zero"},
		{"marked as to do", `select plan(1); select todo(1, 'later'); select fail('a'); select * from finish();`, "not ok 1"},
	} {
		// In order: they share a connection.
		t.Run(tt.name, func(t *testing.T) {
			lines, err := runTAP(t, conn, tt.text)
			err = errors.Join(err, checkTAP(lines))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q\n%s", err, tt.want, strings.Join(lines, "\n"))
			}
			if _, err := conn.Exec(t.Context(), `rollback`); err != nil {
				t.Fatal(err)
			}
		})
	}
}
