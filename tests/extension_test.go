package tests

import (
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
	"github.com/fluxbase/fluxbase/plpgsql"
	"github.com/fluxbase/fluxbase/sql"
)

// postgresWithExtension is a Postgres whose folder of extensions holds ours. The
// server finds its folders relative to its own binary, so a copy of the binary among
// links to all the rest has one that we may write to; the system's stays as it is.
func postgresWithExtension(t *testing.T) (bin string) {
	t.Helper()
	system := toolsFolder(t)
	share := pgConfig(t, system, "--sharedir")
	prefix := commonFolder(system, share)
	root := clusterFolder(t)
	moved := func(path string) string { return filepath.Join(root, strings.TrimPrefix(path, prefix)) }

	linkAll(t, system, moved(system))
	copyFile(t, filepath.Join(system, "postgres"), filepath.Join(moved(system), "postgres"))
	copyFile(t, filepath.Join(system, "initdb"), filepath.Join(moved(system), "initdb"))
	if lib := pgConfig(t, system, "--pkglibdir"); lib != system {
		linkAll(t, lib, moved(lib))
	}
	linkAll(t, share, moved(share))
	extensions := filepath.Join(moved(share), "extension")
	if err := os.Remove(extensions); err != nil {
		t.Fatal(err)
	}
	linkAll(t, filepath.Join(share, "extension"), extensions)

	copyFile(t, "../sql/fluxbase.control", filepath.Join(extensions, "fluxbase.control"))
	printed := runFluxbase(t, nil, "install-sql", "--extension")
	if printed.status != 0 {
		t.Fatal(printed)
	}
	if err := os.WriteFile(filepath.Join(extensions, "fluxbase--0.1.0.sql"), []byte(printed.out), 0o644); err != nil {
		t.Fatal(err)
	}
	return moved(system)
}

func pgConfig(t *testing.T, bin, option string) string {
	t.Helper()
	out, err := osexec.Command(filepath.Join(bin, "pg_config"), option).Output()
	if err != nil {
		t.Fatalf("pg_config %s: %v", option, err)
	}
	return strings.TrimSpace(string(out))
}

func commonFolder(a, b string) string {
	for !strings.HasPrefix(b, a+"/") {
		a = filepath.Dir(a)
	}
	return a
}

// linkAll makes folder to, in which each entry is a link to that of from.
func linkAll(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if err := os.Symlink(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// copyFile puts a copy in the place of a link, if there is one.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, info.Mode()&fs.ModePerm); err != nil {
		t.Fatal(err)
	}
}

func TestExtensionIsMigrate(t *testing.T) {
	t.Parallel()
	bin, tools := postgresWithExtension(t), toolsFolder(t)
	c := startIn(t, cluster.Options{Dir: filepath.Join(clusterFolder(t), "pg"), Bin: bin})
	admin := openURL(t, c.URL("postgres"))
	database := func(name string) *pgx.Conn {
		t.Helper()
		if _, err := admin.Exec(t.Context(), `create database `+name); err != nil {
			t.Fatal(err)
		}
		return openURL(t, c.URL(name))
	}

	// The extension first: it must make the roles too.
	extended := database("extended")
	if _, err := extended.Exec(t.Context(), `create extension fluxbase`); err != nil {
		t.Fatal(sql.Explain(err))
	}
	// Publications can't belong to an extension.
	if _, err := extended.Exec(t.Context(), `select realtime.create_publications()`); err != nil {
		t.Fatal(sql.Explain(err))
	}
	byExtension := snapshot(t, extended)
	migrated := database("migrated")
	install(t, migrated)
	sameCatalog(t, "migrate", snapshot(t, migrated), "the extension", byExtension)

	t.Run("create extension refuses a migrated database", func(t *testing.T) {
		_, err := migrated.Exec(t.Context(), `create extension fluxbase`)
		if err == nil || !strings.Contains(err.Error(), "migrate was here before") {
			t.Errorf("got %v", err)
		}
	})

	t.Run("migrate leaves it alone", func(t *testing.T) {
		if install(t, extended) {
			t.Error("the code was installed again")
		}
		env := []string{"DATABASE_URL=" + c.URL("extended")}
		if up := runFluxbase(t, env, "migrate", "up"); up.status != 0 || !strings.Contains(up.out, "FLUXBASE_DATABASE_URL=") {
			t.Errorf("migrate up does not give the logins their passwords: %s", up)
		}
		// An older extension under a newer binary.
		if _, err := extended.Exec(t.Context(), `begin; update fluxbase.schema_version set version = 2`); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"up":   sql.Migrate(t.Context(), extended, sql.Options{}),
			"down": sql.Ours().Down(t.Context(), extended, 1, sql.Options{}),
		} {
			if err == nil || !strings.Contains(err.Error(), "alter extension fluxbase update") {
				t.Errorf("%s: got %v", what, err)
			}
		}
		if _, err := extended.Exec(t.Context(), `rollback; begin; update fluxbase.code set hash = repeat('0', 64)`); err != nil {
			t.Fatal(err)
		}
		_, err := plpgsql.Install(t.Context(), extended)
		if err == nil || !strings.Contains(err.Error(), "alter extension fluxbase update") {
			t.Errorf("install: got %v", err)
		}
		if _, err := extended.Exec(t.Context(), `rollback`); err != nil {
			t.Fatal(err)
		}
		if out, err := psql(t, tools, c.URL("extended"), runFluxbase(t, nil, "install-sql").out); err == nil ||
			!strings.Contains(out, "alter extension fluxbase update") {
			t.Errorf("the script of install-sql: %v\n%s", err, out)
		}
	})

	t.Run("dump and restore keep all", func(t *testing.T) {
		dumpAndRestore(t, tools, extended, database("restored"))
	})

	t.Run("every table of ours is dumped", func(t *testing.T) {
		const ask = `
			select coalesce(string_agg(c.oid::regclass::text, ', '), '')
			from pg_class as c
			join pg_depend as d on d.objid = c.oid and d.deptype = 'e'
			join pg_extension as e on e.oid = d.refobjid and e.extname = 'fluxbase'
			where c.relkind in ('r', 'p', 'S')
			and c.oid <> all (e.extconfig)`
		var forgotten string
		if err := extended.QueryRow(t.Context(), ask).Scan(&forgotten); err != nil || forgotten != "" {
			t.Errorf("pg_dump would lose the rows of %s (%v)", forgotten, err)
		}
	})
}

// dumpAndRestore moves source, with the extension and an application in it, to restored.
func dumpAndRestore(t *testing.T, tools string, source, restored *pgx.Conn) {
	t.Helper()
	// Rows of the application, a policy of its own that asks us, and the count of
	// its migrations.
	const app = `
		create table public.notes (id integer primary key, owner_id uuid);
		alter table public.notes enable row level security;
		create policy mine on public.notes using (owner_id = (select auth.uid()));
		insert into public.notes values (1, null)`
	if _, err := source.Exec(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	folder := os.DirFS(migrationsFolder(t, map[string]string{"0001_a.sql": `create table public.a ();`}))
	set, err := sql.Folder(folder, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Up(t.Context(), source, sql.Options{}); err != nil {
		t.Fatal(err)
	}

	dump, err := osexec.CommandContext(t.Context(), filepath.Join(tools, "pg_dump"), source.Config().ConnString()).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	runPsql(t, tools, restored.Config().ConnString(), "\\set ON_ERROR_STOP on\n"+string(dump))

	var notes, policies, codes, versions int
	const ask = `
		select
		  (select count(*) from public.notes),
		  (select count(*) from pg_policy where polname = 'mine'),
		  (select count(*) from fluxbase.code),
		  (select count(*) from fluxbase.schema_version)`
	if err := restored.QueryRow(t.Context(), ask).Scan(&notes, &policies, &codes, &versions); err != nil {
		t.Fatal(err)
	}
	if notes != 1 || policies != 1 || codes != 1 || versions != 1 {
		t.Errorf("restored %d notes, %d policies, %d rows of code, %d of schema_version; want 1 each",
			notes, policies, codes, versions)
	}
	if version, err := set.Version(t.Context(), restored); err != nil || version != 1 {
		t.Errorf("the count of the application's migrations came back as %d (%v)", version, err)
	}
	if install(t, restored) {
		t.Error("after the restore, the code was installed again")
	}
	if _, err := restored.Exec(t.Context(), `select realtime.create_publications()`); err != nil {
		t.Fatal(err)
	}
	sameCatalog(t, "the dumped database", snapshot(t, source), "the restored", snapshot(t, restored))
	wantRows := tablesOf(t, source)
	if got := tablesOf(t, restored); got != wantRows {
		t.Errorf("after the restore our tables hold\n%s\nwant\n%s", got, wantRows)
	}
}

// tablesOf is every row of every table in our schemas, but when it was installed and
// the keys of messages, of which every database has its own.
func tablesOf(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	const ask = `
		select coalesce(string_agg(format('%s %s', c.oid::regclass,
		  query_to_xml(format('select to_jsonb(t) - ''installed_at'' from %s as t', c.oid::regclass), false, false, '')), e'\n'
		  order by c.oid::regclass::text), '')
		from pg_class as c
		where c.relkind in ('r', 'p')
		and c.oid <> all (array['fluxbase.message_keys', 'pagination.keys', 'jobs.rotation', 'jobs.homes']::regclass[])
		and c.relnamespace in ('audit'::regnamespace, 'auth'::regnamespace, 'fluxbase'::regnamespace,
			'idempotency'::regnamespace, 'jobs'::regnamespace, 'pagination'::regnamespace,
			'ratelimit'::regnamespace, 'realtime'::regnamespace)`
	var all string
	if err := conn.QueryRow(t.Context(), ask).Scan(&all); err != nil {
		t.Fatal(err)
	}
	return all
}
