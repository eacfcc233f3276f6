package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/plpgsql"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// cli is the fluxbase binary, built once for all tests that run it.
var cli struct {
	once sync.Once
	path string
	err  error
}

// fluxbaseBinary returns the path of the built binary.
func fluxbaseBinary(t testing.TB) string {
	t.Helper()
	cli.once.Do(func() {
		// Not t.TempDir, which goes with the first test that asks.
		dir, err := os.UserCacheDir()
		if err != nil {
			dir = os.TempDir()
		}
		cli.path = filepath.Join(dir, "fluxbase-test", "fluxbase")
		args := []string{"build", "-o", cli.path}
		if os.Getenv("FLUXBASE_TEST_RACE") != "" { // a race that it finds ends the server with status 66
			cli.path += "-race"
			args = []string{"build", "-race", "-o", cli.path}
		}
		build := osexec.Command("go", append(args, "github.com/fluxbase/fluxbase/cmd/fluxbase")...)
		if out, err := build.CombinedOutput(); err != nil {
			cli.err = fmt.Errorf("build fluxbase: %w\n%s", err, out)
		}
	})
	if cli.err != nil {
		t.Fatal(cli.err)
	}
	return cli.path
}

// outcome is what one run of the binary printed and how it ended.
type outcome struct {
	out, errOut string
	status      int
}

// runFluxbase runs the binary with just these variables of ours in its environment.
func runFluxbase(t testing.TB, env []string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := osexec.CommandContext(ctx, fluxbaseBinary(t), args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "FLUXBASE_") && !strings.HasPrefix(kv, "DATABASE_URL=") && !strings.HasPrefix(kv, "PG") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *osexec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

func (o outcome) String() string {
	return fmt.Sprintf("status %d\n--- stdout\n%s--- stderr\n%s", o.status, o.out, o.errOut)
}

// snapshotQuery tells all that installing leaves in a database and in its cluster, a
// line each, in words that don't depend on oids or on the order of grants.
const snapshotQuery = `
with ours as (
  select n.oid, n.nspname, n.nspowner, n.nspacl
  from pg_namespace as n
  where n.nspname in ('audit', 'auth', 'fluxbase', 'idempotency', 'pagination', 'ratelimit', 'realtime')
),
grants (what, acl) as (
  select format('schema %s', n.nspname), coalesce(n.nspacl, acldefault('n', n.nspowner))
  from pg_namespace as n
  where n.nspname in ('audit', 'auth', 'fluxbase', 'idempotency', 'pagination', 'ratelimit', 'realtime', 'public')
  union all
  select format('relation %s', c.oid::regclass), coalesce(c.relacl, acldefault('r', c.relowner))
  from pg_class as c
  join ours on ours.oid = c.relnamespace
  where c.relkind in ('r', 'v', 'S', 'p', 'm')
  union all
  select format('function %s', p.oid::regprocedure), coalesce(p.proacl, acldefault('f', p.proowner))
  from pg_proc as p
  join ours on ours.oid = p.pronamespace
  union all
  select format('default %s %s %s', d.defaclrole::regrole, d.defaclnamespace::regnamespace, d.defaclobjtype), d.defaclacl
  from pg_default_acl as d
)
select format('schema %s owner %s: %s', n.nspname, n.nspowner::regrole, obj_description(n.oid, 'pg_namespace'))
from ours as n
union all
select format('relation %s %s owner %s rls %s %s: %s', c.oid::regclass, c.relkind, c.relowner::regrole,
  c.relrowsecurity, c.relforcerowsecurity, obj_description(c.oid, 'pg_class'))
from pg_class as c
join ours on ours.oid = c.relnamespace
union all
select format('column %s.%s %s %s %s %s: %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
  a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum))
from pg_attribute as a
join pg_class as c on c.oid = a.attrelid
join ours on ours.oid = c.relnamespace
left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attnum > 0
and not a.attisdropped
union all
select format('constraint %s on %s %s', k.conname, k.conrelid::regclass, pg_get_constraintdef(k.oid))
from pg_constraint as k
join ours on ours.oid = k.connamespace
union all
select format('index %s', pg_get_indexdef(i.indexrelid))
from pg_index as i
join pg_class as c on c.oid = i.indexrelid
join ours on ours.oid = c.relnamespace
union all
select format('policy %s on %s %s %s %s %s %s', p.polname, p.polrelid::regclass, p.polcmd, p.polpermissive,
  p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
from pg_policy as p
join pg_class as c on c.oid = p.polrelid
join ours on ours.oid = c.relnamespace
union all
select format('trigger %s', pg_get_triggerdef(g.oid))
from pg_trigger as g
join pg_class as c on c.oid = g.tgrelid
join ours on ours.oid = c.relnamespace
where not g.tgisinternal
union all
select format('function %s owner %s: %s %s', p.oid::regprocedure, p.proowner::regrole,
  pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'))
from pg_proc as p
join ours on ours.oid = p.pronamespace
union all
select format('publication %s owner %s via root %s: %s', p.pubname, p.pubowner::regrole, p.pubviaroot,
  (select string_agg(format('%s %s', t.tablename, t.attnames), ', ' order by t.tablename, t.schemaname)
   from pg_publication_tables as t where t.pubname = p.pubname))
from pg_publication as p
union all
select format('event trigger %s %s %s %s %s', e.evtname, e.evtevent, e.evtenabled, e.evttags, e.evtfoid::regprocedure)
from pg_event_trigger as e
union all
select format('grant on %s by %s to %s: %s %s', g.what, a.grantor::regrole, a.grantee::regrole, a.privilege_type, a.is_grantable)
from grants as g, aclexplode(g.acl) as a
union all
-- Roles belong to all databases: other tests give them passwords meanwhile.
select format('role %s %s', r.rolname, to_jsonb(r) - 'oid' - 'rolpassword')
  || replace(shobj_description(r.oid, 'pg_authid'), ' (no password yet)', '')
from pg_roles as r
where r.rolname in ('anon', 'authenticated', 'service_role', 'authenticator', 'fluxbase_service',
  'fluxbase_admin', 'fluxbase_replication', 'supabase_auth_admin')
union all
select format('member %s of %s', m.member::regrole, m.roleid::regrole)
from pg_auth_members as m
where m.roleid > 16383
-- Not what other tests grant meanwhile.
and m.roleid::regrole::text in ('anon', 'authenticated', 'service_role', 'authenticator', 'fluxbase_service',
  'fluxbase_admin', 'fluxbase_replication', 'supabase_auth_admin')
order by 1`

// snapshot is the catalog as text, to be compared with another.
func snapshot(t testing.TB, conn *pgx.Conn) []string {
	t.Helper()
	// A plain search_path makes regclass and regprocedure print every schema. To compile
	// the query would take longer than to run it.
	if _, err := conn.Exec(t.Context(), `set search_path = pg_catalog; set jit = off`); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), snapshotQuery)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 50 {
		t.Fatalf("the catalog has only %d lines of ours", len(lines))
	}
	if _, err := conn.Exec(t.Context(), `reset search_path; reset jit`); err != nil {
		t.Fatal(err)
	}
	return lines
}

// sameCatalog reports what only one of two snapshots has.
func sameCatalog(t testing.TB, wantName string, want []string, gotName string, got []string) {
	t.Helper()
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("only %s has: %s", wantName, line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("only %s has: %s", gotName, line)
		}
	}
}

// install brings db up to date through Go, and reports whether the code was installed.
func install(t testing.TB, conn *pgx.Conn) (changed bool) {
	t.Helper()
	if err := sql.Migrate(t.Context(), conn, sql.Options{}); err != nil {
		t.Fatal(err)
	}
	changed, err := plpgsql.Install(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func TestInstallingTwiceIsOnce(t *testing.T) {
	t.Parallel()
	conn := dbtest.Empty(t).Conn(t)

	if !install(t, conn) {
		t.Error("the first install says that nothing changed")
	}
	once := snapshot(t, conn)
	if install(t, conn) {
		t.Error("the second install says that something changed")
	}
	sameCatalog(t, "once", once, "twice", snapshot(t, conn))
}

func TestUpDownUpIsUp(t *testing.T) {
	t.Parallel()
	conn := dbtest.Empty(t).Conn(t)
	install(t, conn)
	before := snapshot(t, conn)
	total, err := sql.Ours().Len()
	if err != nil {
		t.Fatal(err)
	}

	// Each depth of down must leave what up can start from. A soak tries them all.
	for n := 1; n <= total; n++ {
		if *soak == 0 && n != total && n > 2 && n%5 != 0 {
			continue
		}
		if err := sql.Ours().Down(t.Context(), conn, n, sql.Options{}); err != nil {
			t.Fatal(err)
		}
		if !install(t, conn) {
			t.Errorf("after %d down the code package was thought to be in place", n)
		}
		sameCatalog(t, "up", before, fmt.Sprintf("%d down, up", n), snapshot(t, conn))
	}
	if err := sql.Ours().Down(t.Context(), conn, total+1, sql.Options{}); err == nil {
		t.Error("more migrations were undone than ran")
	}
}

func TestEightProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	// A cluster of its own, so that the roles are new too.
	db := dbtest.Private(t, dbtest.Options{}).Empty(t)
	fluxbaseBinary(t)

	outcomes := make([]outcome, 8)
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() {
			outcomes[i] = runFluxbase(t, []string{"DATABASE_URL=" + db.AdminURL()}, "migrate", "up")
		})
	}
	wg.Wait()

	var printed []string
	ran := 0
	for _, o := range outcomes {
		if o.status != 0 {
			t.Fatal(o)
		}
		printed = append(printed, strings.Fields(o.out)...)
		ran += strings.Count(o.errOut, ".sql ") + strings.Count(o.errOut, "functions and policies")
	}
	if total, err := sql.Ours().Len(); err != nil || ran != total+1 {
		t.Errorf("%d steps ran, want each of %d migrations and the code once (%v)", ran, total, err)
	}
	// Each login was printed by one process, and what was printed works.
	if len(printed) != len(sql.Logins()) {
		t.Fatalf("%d logins were printed, want one each:\n%s", len(printed), strings.Join(printed, "\n"))
	}
	for _, line := range printed {
		_, login, _ := strings.Cut(line, "=")
		conn, err := pgx.Connect(t.Context(), login)
		if err != nil {
			t.Errorf("the printed login does not work: %v", err)
			continue
		}
		conn.Close(t.Context())
	}
	snapshot(t, db.Conn(t))
}

func TestUnchangedInstallTakesNoLock(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	holder, conn := db.Conn(t), db.Conn(t)
	// What a migration, and any change of our tables, would have to wait for.
	const hold = `
		select pg_advisory_lock(%d);
		begin;
		lock table fluxbase.code, fluxbase.schema_version in exclusive mode`
	if _, err := holder.Exec(t.Context(), fmt.Sprintf(hold, sql.LockNumber)); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := sql.Migrate(ctx, conn, sql.Options{}); err != nil {
		t.Errorf("migrate with nothing to do: %v", err)
	}
	if changed, err := plpgsql.Install(ctx, conn); err != nil || changed {
		t.Errorf("install with nothing to do: changed %v, %v", changed, err)
	}
}

func TestChangedCodeIsInstalledOverTheOld(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Conn(t)
	want := snapshot(t, conn)
	// An older release left other code, and a grant that its file no longer gives.
	const older = `
		update fluxbase.code set hash = repeat('0', 64);
		create or replace function auth.role() returns text language sql stable return 'old';
		create function auth.internal() returns integer language sql return 1;
		alter function auth.internal() owner to fluxbase_admin;
		grant execute on function auth.internal() to public, anon`
	if _, err := conn.Exec(t.Context(), older); err != nil {
		t.Fatal(err)
	}

	if !install(t, conn) {
		t.Fatal("the code was thought to be in place")
	}
	var open bool
	const ask = `select has_function_privilege('anon', 'auth.internal()', 'execute')`
	if err := conn.QueryRow(t.Context(), ask).Scan(&open); err != nil || open {
		t.Errorf("a grant that no file gives lives on (%v)", err)
	}
	if _, err := conn.Exec(t.Context(), `drop function auth.internal()`); err != nil {
		t.Fatal(err)
	}
	sameCatalog(t, "fresh", want, "upgraded", snapshot(t, conn))
}

func TestScriptIsMigrate(t *testing.T) {
	t.Parallel()
	bin := toolsFolder(t)
	db := dbtest.Private(t, dbtest.Options{}).Empty(t)
	printed := runFluxbase(t, nil, "install-sql")
	if printed.status != 0 {
		t.Fatal(printed)
	}

	runPsql(t, bin, db.AdminURL(), printed.out)
	conn := db.Conn(t)
	once := snapshot(t, conn)
	runPsql(t, bin, db.AdminURL(), printed.out)
	sameCatalog(t, "once", once, "the script twice", snapshot(t, conn))

	if up := runFluxbase(t, []string{"DATABASE_URL=" + db.AdminURL()}, "migrate", "status"); up.status != 0 {
		t.Errorf("migrate does not go on from the script: %s", up)
	}
	if install(t, conn) {
		t.Error("migrate installed the code again")
	}

	// A half-done older state: the script runs just the rest.
	if err := sql.Ours().Down(t.Context(), conn, 1, sql.Options{}); err != nil {
		t.Fatal(err)
	}
	runPsql(t, bin, db.AdminURL(), printed.out)
	sameCatalog(t, "whole", once, "the script's rest", snapshot(t, conn))

	// A newer state: it does nothing.
	if _, err := conn.Exec(t.Context(), `update fluxbase.schema_version set version = 9000`); err != nil {
		t.Fatal(err)
	}
	if out, err := psql(t, bin, db.AdminURL(), printed.out); err == nil || !strings.Contains(out, "newer than this script") {
		t.Errorf("on a newer database the script says: %v\n%s", err, out)
	}
}

// toolsFolder is where psql and pg_dump are, which npm's packages of Postgres lack:
// those of the version under test, else of the system's.
func toolsFolder(t testing.TB) string {
	t.Helper()
	for _, version := range []string{dbtest.Version(), "15"} {
		bin := dbtest.Binaries(t, version)
		if _, err := os.Stat(filepath.Join(bin, "psql")); err == nil {
			return bin
		}
	}
	t.Fatal("there is no psql beside any Postgres of the tests; make test installs Debian's")
	return ""
}

func psql(t testing.TB, bin, url, script string) (string, error) {
	t.Helper()
	cmd := osexec.CommandContext(t.Context(), filepath.Join(bin, "psql"), "-X", "-q", "-d", url)
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func runPsql(t testing.TB, bin, url, script string) {
	t.Helper()
	if out, err := psql(t, bin, url, script); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
}
