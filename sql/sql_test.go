package sql

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"
)

func TestLoginURLKeepsAllButTheLogin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, admin, want string }{
		{
			"a URL", "postgres://postgres:secret@db.example:6543/app?sslmode=require&application_name=x",
			"postgres://authenticator:p%2Fw%40@db.example:6543/app?application_name=x&sslmode=require",
		},
		{
			"the admin in the query", "postgresql://db.example/app?user=postgres&password=secret&sslmode=disable",
			"postgresql://authenticator:p%2Fw%40@db.example/app?sslmode=disable",
		},
		{
			"a socket", "postgres:///app?host=/run/postgresql",
			"postgres://authenticator:p%2Fw%40@/app?host=%2Frun%2Fpostgresql",
		},
		{
			"key=value", "host=db.example port=6543 user=postgres password=secret dbname=app sslmode=disable",
			"postgres://authenticator:p%2Fw%40@/app?host=db.example&port=6543&sslmode=disable",
		},
	} {
		got, err := LoginURL(tt.admin, Authenticator, "p/w@")
		if err != nil || got != tt.want {
			t.Errorf("%s: got %s, want %s (%v)", tt.name, got, tt.want, err)
			continue
		}
		config, err := pgx.ParseConfig(got)
		if err != nil || config.User != Authenticator || config.Password != "p/w@" || config.Database != "app" {
			t.Errorf("%s: %s does not read as it was meant: %v", tt.name, got, err)
		}
	}
	if _, err := LoginURL("postgres://postgres:secret@host:port/", Service, "x"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a URL that is none: %v", err)
	}
}

func TestVerifierIsNewEachTimeAndHoldsNoPassword(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^SCRAM-SHA-256\$4096:[A-Za-z0-9+/=]{24}\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$`)
	one, err := scramVerifier("secret")
	if err != nil || !form.MatchString(one) {
		t.Fatalf("%s: %v", one, err)
	}
	if two, err := scramVerifier("secret"); err != nil || one == two {
		t.Errorf("twice the same salt: %v", err)
	}
}

func TestFolderTakesOnlyPlainNames(t *testing.T) {
	t.Parallel()
	for table, good := range map[string]bool{
		"": true, "public.schema_version": true, OursTable: false, "schema_version": false,
		"Public.t": false, `a."b"`: false, "a.b.c": false, "a.b; drop table c": false,
	} {
		if _, err := Folder(fstest.MapFS{}, table); (err == nil) != good {
			t.Errorf("%q: %v", table, err)
		}
	}
}

func TestFolderThatCannotBeRead(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for _, tt := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"empty", fstest.MapFS{}, "fluxbase migrate new"},
		{"a gap", fstest.MapFS{"0001_a.sql": file("select 1;"), "0003_c.sql": file("select 1;")}, "Missing migration 2"},
		{"a number twice", fstest.MapFS{"0001_a.sql": file("select 1;"), "0001_b.sql": file("select 1;")}, "Duplicate migration 1"},
		{"only comments", fstest.MapFS{"0001_a.sql": file("-- later\n")}, "0001_a.sql holds no statement yet"},
		{"half a template", fstest.MapFS{"0001_a.sql": file("select 1;"), "0002_b.sql": file("select '{{1}';")}, "0002_b.sql: "},
	} {
		set, err := Folder(tt.files, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Len(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestErrorsOfPostgresAreToldWhole(t *testing.T) {
	t.Parallel()
	pgErr := &pgconn.PgError{Severity: "ERROR", Message: "no", Code: "42601", Position: 16, Detail: "d", Hint: "h", Where: "w\nx"}
	err := Explain(migrate.MigrationPgError{MigrationName: "a", Sql: "select 'ü',\n1,\n;", PgError: pgErr})
	want := "ERROR: no (SQLSTATE 42601)\n  line: 3\n  where: w\n  detail: d\n  hint: h"
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if !errors.Is(err, error(pgErr)) {
		t.Error("the error of Postgres is not within")
	}
	if Explain(nil) != nil {
		t.Error("no error was made one")
	}
}
