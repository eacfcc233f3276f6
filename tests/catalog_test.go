package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// rule is a query for what breaks a rule of the house, and an offender that it must
// find.
type rule struct {
	name, query string
	// plant makes the offender, whose line in the answer holds wants.
	plant, wants string
}

// Ours are the schemas that fluxbase_admin owns.
const ours = `
	with ours as (
	  select n.oid
	  from pg_namespace as n
	  where n.nspowner = 'fluxbase_admin'::regrole
	)`

// asOwner makes what follows belong to fluxbase_admin.
const asOwner = `set local role fluxbase_admin; `

var rules = []rule{
	{
		"every schema, table and view has a comment", `
		select n.nspname::text
		from pg_namespace as n
		join ours on ours.oid = n.oid
		where obj_description(n.oid, 'pg_namespace') is null
		union all
		select c.oid::regclass::text
		from pg_class as c
		join ours on ours.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'v', 'm')
		and obj_description(c.oid, 'pg_class') is null`,
		asOwner + `create view auth.bare as select 1 as a`, "auth.bare",
	}, {
		"every function has a comment", `
		select p.oid::regprocedure::text
		from pg_proc as p
		join ours on ours.oid = p.pronamespace
		where obj_description(p.oid, 'pg_proc') is null`,
		asOwner + `create function auth.bare() returns integer language sql return 1`, "auth.bare()",
	}, {
		"every table has row level security", `
		select c.oid::regclass::text
		from pg_class as c
		join ours on ours.oid = c.relnamespace
		where c.relkind in ('r', 'p')
		and not c.relrowsecurity`,
		asOwner + `create table auth.open (a integer)`, "auth.open",
	}, {
		"every security definer fixes its search_path", `
		select p.oid::regprocedure::text
		from pg_proc as p
		join ours on ours.oid = p.pronamespace
		where p.prosecdef
		and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)`,
		asOwner + `create function auth.loose() returns integer language sql security definer set search_path = '' as 'select 1'`, "auth.loose()",
	}, {
		"PUBLIC executes the five and nothing else", `
		select p.oid::regprocedure::text
		from pg_proc as p
		join ours on ours.oid = p.pronamespace
		cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
		where a.grantee = 0
		and p.oid::regprocedure::text <> all (array['auth.uid()', 'auth.role()', 'auth.email()', 'auth.jwt()', 'auth.aal()'])`,
		asOwner + `create function auth.wide() returns integer language sql return 1; grant execute on function auth.wide() to public`, "auth.wide()",
	}, {
		"PUBLIC and anon have no right to a table", `
		select c.oid::regclass::text
		from pg_class as c
		join ours on ours.oid = c.relnamespace
		cross join aclexplode(c.relacl) as a
		where a.grantee in (0, 'anon'::regrole)
		-- Clients are granted what its policies are there to decide about.
		and c.oid is distinct from to_regclass('realtime.messages')
		-- Shows nothing to whom has no key.
		and c.oid is distinct from to_regclass('realtime.claims')`,
		asOwner + `create table auth.wide (a integer); grant select on auth.wide to public`, "auth.wide",
	}, {
		"every foreign key has an index", `
		select format('%s %s', k.conrelid::regclass, k.conname)
		from pg_constraint as k
		join ours on ours.oid = k.connamespace
		where k.contype = 'f'
		and not exists (
		  select
		  from pg_index as i
		  where i.indrelid = k.conrelid
		  and i.indpred is null
		  and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
		)`,
		asOwner + `create table auth.one (a integer primary key);
			create table auth.two (a integer references auth.one (a), b integer);
			create index on auth.two (b, a)`, "auth.two two_a_fkey",
	}, {
		// A subtransaction can't begin in a worker of a parallel plan.
		"what catches exceptions is not parallel safe", `
		select p.oid::regprocedure::text
		from pg_proc as p
		join ours on ours.oid = p.pronamespace
		where p.proparallel <> 'u'
		and p.prosrc ~* '\mexception\s+when\M'`,
		asOwner + `create function auth.brave() returns integer language plpgsql parallel safe as
			$$ begin return 1 / 0; exception when others then return 1; end $$`, "auth.brave()",
	}, {
		// Before 18 a plan that has to do it all the same costs so much that it is compiled, for 100 ms.
		"what forbids scans forbids compiling", `
		select p.oid::regprocedure::text
		from pg_proc as p
		join ours on ours.oid = p.pronamespace
		where 'enable_seqscan=off' = any (p.proconfig)
		and not 'jit=off' = any (p.proconfig)`,
		asOwner + `create function auth.slow() returns integer language sql set enable_seqscan = off return 1`, "auth.slow()",
	}, {
		"all is owned by fluxbase_admin", `
		select c.oid::regclass::text
		from pg_class as c
		join ours on ours.oid = c.relnamespace
		where c.relowner <> 'fluxbase_admin'::regrole
		union all
		select p.oid::regprocedure::text
		from pg_proc as p
		join ours on ours.oid = p.pronamespace
		where p.proowner <> 'fluxbase_admin'::regrole`,
		`create function auth.stray() returns integer language sql return 1`, "auth.stray()",
	},
}

// offenders asks one rule.
func offenders(t testing.TB, conn *pgx.Conn, r rule) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), ours+r.query)
	if err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	return list
}

func TestCatalogKeepsTheRules(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			conn := db.Conn(t)
			if list := offenders(t, conn, r); len(list) > 0 {
				t.Errorf("broken by %s", strings.Join(list, ", "))
			}
			// The rule itself: it finds an offender.
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback(t.Context())
			if _, err := tx.Exec(t.Context(), r.plant+"; reset role"); err != nil {
				t.Fatal(err)
			}
			if list := offenders(t, conn, r); !slices.Contains(list, r.wants) {
				t.Errorf("the rule does not see %s, only %v", r.wants, list)
			}
		})
	}
}

// plpgsql_check reads bodies as the compiler does not: missing columns, types that
// do not fit, variables nobody uses.
func TestBodiesOfFunctionsAreSound(t *testing.T) {
	t.Parallel()
	conn := withExtension(t, "plpgsql_check").Conn(t)
	r := rule{
		name: "plpgsql_check finds nothing",
		query: `
		select format('%s line %s: %s', p.oid::regprocedure, c.lineno, c.message)
		from pg_proc as p
		join ours on ours.oid = p.pronamespace
		join pg_language as l on l.oid = p.prolang
		cross join plpgsql_check_function_tb(p.oid, fatal_errors => false) as c
		where l.lanname = 'plpgsql'
		and p.prorettype <> 'trigger'::regtype
		union all
		select format('%s line %s: %s', p.oid::regprocedure, c.lineno, c.message)
		from pg_proc as p
		join ours on ours.oid = p.pronamespace
		join pg_trigger as g on g.tgfoid = p.oid
		cross join plpgsql_check_function_tb(
		  p.oid, g.tgrelid, fatal_errors => false, oldtable => g.tgoldtable, newtable => g.tgnewtable
		) as c`,
	}
	if list := offenders(t, conn, r); len(list) > 0 {
		t.Errorf("%s", strings.Join(list, "\n"))
	}
	const plant = `
		create function auth.wrong() returns integer language plpgsql as $$
		begin
		  return (select c.no_such_column from fluxbase.code as c);
		end;
		$$`
	if _, err := conn.Exec(t.Context(), plant); err != nil {
		t.Fatal(err)
	}
	if list := offenders(t, conn, r); len(list) != 1 || !strings.Contains(list[0], "no_such_column") {
		t.Errorf("the check does not see the missing column: %v", list)
	}
}

func TestEveryFileOfCodeIsInstalledAndTested(t *testing.T) {
	t.Parallel()
	install, err := os.ReadFile("../plpgsql/install.sql")
	if err != nil {
		t.Fatal(err)
	}
	tests := sqlFiles(t, "sql")
	var code []string
	for _, path := range sqlFiles(t, "../plpgsql") {
		if path != "install.sql" {
			code = append(code, path)
		}
	}
	for _, problem := range unlisted(string(install), code, tests) {
		t.Error(problem)
	}

	// The rule itself.
	got := unlisted(`{{ template "auth/a.sql" . }}`, []string{"auth/a.sql", "auth/b.sql"}, []string{"auth/a.sql", "auth/c.sql"})
	if len(got) != 3 {
		t.Errorf("want the file that is not named, the one without a test, the test of nothing; got %v", got)
	}
}

// unlisted compares the files of plpgsql with its table of contents and its tests.
func unlisted(install string, code, tests []string) (problems []string) {
	for _, path := range code {
		if strings.Count(install, `{{ template "`+path+`" . }}`) != 1 {
			problems = append(problems, path+" is not named once in install.sql")
		}
		if strings.Contains(path, "/") && !slices.Contains(tests, path) {
			problems = append(problems, path+" has no tests/sql/"+path)
		}
	}
	for _, path := range tests {
		if !slices.Contains(code, path) {
			problems = append(problems, "tests/sql/"+path+" tests no file")
		}
	}
	return problems
}

func TestSQLLooksLikeTheHouse(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"../sql", "../plpgsql", "../cmd/fluxbase/demo", "sql"} {
		for _, path := range sqlFiles(t, dir) {
			text, err := os.ReadFile(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			problems := untidy(string(text))
			if dir == "../plpgsql" {
				problems = append(problems, ungranted(string(text))...)
			}
			for _, problem := range problems {
				t.Errorf("%s: %s", filepath.Join(dir, path), problem)
			}
		}
	}

	// The rules themselves.
	for offender, want := range map[string]string{
		"SELECT 1;\n":                                "line 1: SELECT",
		"select 1;\t\n":                              "line 1: a tab",
		"select 1; \n":                               "line 1: space at the end",
		"-- " + strings.Repeat("x", 100) + "\n":      "line 1: over 100 columns",
		"select 1;":                                  "no end of line",
		"select a from t x;\n":                       "line 1: alias without as",
		"select *\nfrom auth.users as u;\n":          "line 1: select *",
		"create function a.b() returns int\n":        "no comment on function a.b",
		"create or replace function a.b(c int)\n":    "no revoke",
		"create function a() security definer\n as":  "security definer without",
		"if TG_OP = 'DELETE' then NEW := OLD;\n":     "",
		"-- A WORD in a comment\nselect 'A WORD';\n": "",
		"select x from auth.users as u;\n":           "",
	} {
		got := strings.Join(append(untidy(offender), ungranted(offender)...), "; ")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", offender, got, want)
		}
	}
}

var (
	sqlQuoted   = regexp.MustCompile(`'(?:[^']|'')*'|--[^\n]*`)
	sqlUpper    = regexp.MustCompile(`\b[A-Z][A-Z_]+\b`)
	sqlFunction = regexp.MustCompile(`(?m)^create (?:or replace )?function ([a-z_]+\.?[a-z0-9_]*)`)
	sqlAlias    = regexp.MustCompile(`(?m)^ *(?:select .* )?(?:from|join) [a-z_.]+ (\w+)(?: on|;|$)`)
	sqlStar     = regexp.MustCompile(`(?i)select \*\s+from (?:auth|fluxbase|public)\.`)
)

// untidy lists what breaks the rules for the looks of SQL in it.
func untidy(text string) (problems []string) {
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if !strings.HasSuffix(text, "\n") {
		report("no end of line")
	}
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.Contains(line, "\t"):
			report("line %d: a tab", i+1)
		case strings.TrimRight(line, " ") != line:
			report("line %d: space at the end", i+1)
		case len([]rune(line)) > 100:
			report("line %d: over 100 columns", i+1)
		}
	}
	// Texts and comments may say what they like, but keep their lines.
	bare := sqlQuoted.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) })
	lineOf := func(at int) int { return 1 + strings.Count(bare[:at], "\n") }
	for _, m := range sqlUpper.FindAllStringIndex(bare, -1) {
		if word := bare[m[0]:m[1]]; !slices.Contains([]string{"NEW", "OLD", "TG_OP", "TG_TABLE_NAME"}, word) {
			report("line %d: %s is not in lower case", lineOf(m[0]), word)
		}
	}
	for _, m := range sqlAlias.FindAllStringSubmatchIndex(bare, -1) {
		report("line %d: alias without as: %s", lineOf(m[0]), bare[m[2]:m[3]])
	}
	for _, m := range sqlStar.FindAllStringIndex(bare, -1) {
		report("line %d: select *", lineOf(m[0]))
	}
	if strings.Contains(bare, "security definer") && !strings.Contains(bare, "set search_path = pg_catalog, pg_temp") {
		report("security definer without a fixed search_path")
	}
	return problems
}

// ungranted lists what a file's functions lack after their bodies. Not a grant: what
// only triggers and other functions of ours call has none.
func ungranted(text string) (problems []string) {
	for _, m := range sqlFunction.FindAllStringSubmatch(text, -1) {
		for _, want := range []string{"comment on function ", "revoke all on function "} {
			if !strings.Contains(text, "\n"+want+m[1]+"(") {
				problems = append(problems, "no "+want+m[1])
			}
		}
	}
	return problems
}
