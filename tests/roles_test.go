package tests

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/plpgsql"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// withUser is a URL with another user, and database, in it.
func withUser(t testing.TB, raw, user, password, database string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.User, u.Path = url.UserPassword(user, password), "/"+database
	return u.String()
}

func TestLoginsBecomeOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	all := []string{"anon", "authenticated", "service_role", "fluxbase_admin", sql.Authenticator, sql.Service, sql.Replication, "postgres"}
	for login, want := range map[string][]string{
		sql.Authenticator: {"anon", "authenticated", sql.Authenticator},
		sql.Service:       {"service_role", sql.Service},
		sql.Replication:   {sql.Replication},
	} {
		conn := openURL(t, db.URL(login))
		var may []string
		for _, role := range all {
			if _, err := conn.Exec(t.Context(), `set role `+role); err == nil {
				may = append(may, role)
			}
			if _, err := conn.Exec(t.Context(), `reset role`); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(may, want) {
			t.Errorf("%s may become %v, want %v", login, may, want)
		}
		// Noinherit: nothing before it becomes someone. The one that becomes nobody calls
		// functions, and the one that serves requests reads their guards.
		var reads []string
		if err := conn.QueryRow(t.Context(), `
			select coalesce(array_agg(c.relname::text order by c.relname), '{}')
			from pg_class as c
			where c.relnamespace = 'fluxbase'::regnamespace and has_table_privilege(c.oid, 'select, insert, update, delete')`).Scan(&reads); err != nil {
			t.Fatal(err)
		}
		var calls bool
		if err := conn.QueryRow(t.Context(), `
			select bool_or(has_function_privilege(p.oid, 'execute')) from pg_proc as p
			where p.pronamespace = 'fluxbase'::regnamespace`).Scan(&calls); err != nil {
			t.Fatal(err)
		}
		wantReads := map[string][]string{sql.Authenticator: {"guards"}}[login]
		if calls != (login == sql.Replication) || login != sql.Replication && !slices.Equal(reads, wantReads) {
			t.Errorf("%s calls functions of schema fluxbase: %t, and reads %v", login, calls, reads)
		}
	}
}

// A managed database gives its owner CREATEROLE and no superuser. The rules of what
// that allows changed in 16.
func TestManagedAdminInstalls(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"15", "16", "17", "18"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c := dbtest.Private(t, dbtest.Options{Version: version})
			super := openURL(t, c.URL("postgres"))
			// Before 16 a role that inherits nothing could not act as the owner.
			inherit := "noinherit"
			if version == "15" {
				inherit = "inherit"
			}
			for _, statement := range []string{
				`create role managed login createrole createdb ` + inherit + ` password 'managed'`,
				`create database one owner managed`,
				`create database two owner managed`,
			} {
				if _, err := super.Exec(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			admin := withUser(t, c.URL("one"), "managed", "managed", "one")
			conn := openURL(t, admin)
			install(t, conn)
			before := snapshot(t, conn)
			total, err := sql.Ours().Len()
			if err != nil {
				t.Fatal(err)
			}
			if err := sql.Ours().Down(t.Context(), conn, total, sql.Options{}); err != nil {
				t.Fatal(err)
			}
			install(t, conn)
			sameCatalog(t, "up", before, "up, down, up", snapshot(t, conn))

			// Its second database finds the roles there.
			install(t, openURL(t, withUser(t, admin, "managed", "managed", "two")))

			made, err := sql.NewPasswords(t.Context(), conn)
			if err != nil || len(made) != 3 {
				t.Fatalf("made %d passwords: %v", len(made), err)
			}
			// Without event triggers, which only a superuser may make, all else goes on:
			// realtime.enable sees to the identity by itself.
			var triggers bool
			if err := conn.QueryRow(t.Context(), `select realtime.create_event_triggers()`).Scan(&triggers); err != nil || triggers {
				t.Errorf("made event triggers: %t (%v)", triggers, err)
			}
			const publish = `
				create table public.bare (id integer);
				insert into public.bare values (1);
				select realtime.enable('public.bare');
				update public.bare set id = 2;
				alter publication supabase_realtime drop table public.bare;
				drop table public.bare`
			if _, err := conn.Exec(t.Context(), publish); err != nil {
				t.Error(err)
			}
			d := found(diagnosesOf(t, admin), "warn", "event triggers are missing (fluxbase_ddl, fluxbase_drop, fluxbase_identity)")
			if d == nil || !strings.Contains(d.Mend, "as a superuser") {
				t.Errorf("doctor does not tell of the event triggers: %v", diagnosesOf(t, admin))
			}
			if _, err := conn.Exec(t.Context(), `create table public.notes (id integer); insert into public.notes values (1)`); err != nil {
				t.Fatal(err)
			}
			request := openURL(t, withUser(t, admin, sql.Authenticator, made[sql.Authenticator], "one"))
			if rows, code := as(t, request, "anon", "", `select from public.notes`); rows != 1 || code != "" {
				t.Errorf("anon sees %d rows of a new table without row level security, SQLSTATE %q; want 1", rows, code)
			}
			if rows, code := as(t, request, "anon", "", `truncate public.notes`); code != "42501" {
				t.Errorf("anon truncates: %d rows, SQLSTATE %q; row level security does not hold that", rows, code)
			}
			// To try policies, the admin becomes those whom they are for.
			for _, role := range []string{"anon", "authenticated", "service_role", "fluxbase_admin"} {
				if _, err := conn.Exec(t.Context(), `set role `+role+`; reset role`); err != nil {
					t.Errorf("the admin becomes %s: %v", role, err)
				}
			}
		})
	}
}

func diagnosesOf(t *testing.T, admin string) []diagnosis {
	t.Helper()
	all, _ := diagnose(t, "DATABASE_URL="+admin)
	return all
}

func TestWhoMayNotCreateRolesIsTold(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{})
	super := openURL(t, c.URL("postgres"))
	for _, statement := range []string{`create role plain login password 'plain'`, `create database plain owner plain`} {
		if _, err := super.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	err := sql.Migrate(t.Context(), openURL(t, withUser(t, c.URL("postgres"), "plain", "plain", "plain")), sql.Options{})
	if err == nil || !strings.Contains(err.Error(), "plain may not create the role anon") || !strings.Contains(err.Error(), "CREATEROLE") {
		t.Errorf("got %v", err)
	}
}

func TestRolesAreRacedSafely(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{})
	const databases = 8
	var wg sync.WaitGroup
	var mu sync.Mutex
	logins := map[string][]string{}
	for i := range databases {
		conn := c.Empty(t).Conn(t)
		wg.Go(func() {
			if err := sql.Migrate(t.Context(), conn, sql.Options{}); err != nil {
				t.Errorf("database %d: migrate: %v", i, err)
				return
			}
			if _, err := plpgsql.Install(t.Context(), conn); err != nil {
				t.Errorf("database %d: install: %v", i, err)
			}
			made, err := sql.NewPasswords(t.Context(), conn)
			if err != nil {
				t.Errorf("database %d: passwords: %v", i, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for role, password := range made {
				logins[role] = append(logins[role], password)
			}
		})
	}
	wg.Wait()
	for _, role := range sql.Logins() {
		if len(logins[role]) != 1 {
			t.Errorf("%s was given %d passwords, want one", role, len(logins[role]))
			continue
		}
		openURL(t, withUser(t, c.URL("postgres"), role, logins[role][0], "postgres"))
	}

	// All set the same passwords at once, as eight starts of the same service do.
	for i := range databases {
		conn := openURL(t, c.URL("postgres"))
		wg.Go(func() {
			same := map[string]string{sql.Authenticator: "one", sql.Service: "two", sql.Replication: "three"}
			if err := sql.SetPasswords(t.Context(), conn, same); err != nil {
				t.Errorf("process %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	openURL(t, withUser(t, c.URL("postgres"), sql.Service, "two", "postgres"))
}

// Another database of the cluster makes a role, and grants one, in the moment between
// our looking for it and our making it.
func TestRoleMadeMeanwhileIsTaken(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{})
	other, watch := openURL(t, c.URL("postgres")), openURL(t, c.URL("postgres"))
	conn := c.Empty(t).Conn(t)
	const meanwhile = `
		begin;
		create role anon nologin noinherit;
		create role authenticator login noinherit;
		grant anon to authenticator`
	if _, err := other.Exec(t.Context(), meanwhile); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- sql.Migrate(t.Context(), conn, sql.Options{}) }()

	eventually(t, "the migration waits for the other transaction", func() bool {
		var waits bool
		const ask = `select exists (select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock')`
		if err := watch.QueryRow(t.Context(), ask, conn.PgConn().PID()).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		return waits
	})
	if _, err := other.Exec(t.Context(), `commit`); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if made, err := sql.NewPasswords(t.Context(), conn); err != nil || made[sql.Authenticator] != "" || made[sql.Service] == "" {
		t.Errorf("the other's login was given a password, or ours was not (%v)", err)
	}
}

func TestLoginThatWasThereKeepsItsPassword(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{})
	// As in a database that comes from Supabase.
	const before = `
		create role anon nologin noinherit;
		create role service_role nologin noinherit bypassrls;
		create role authenticator login noinherit password 'theirs';
		grant anon, service_role to authenticator`
	db := c.Empty(t)
	exec(t, db, before)
	admin := "DATABASE_URL=" + db.AdminURL()

	up := runFluxbase(t, []string{admin}, "migrate", "up")
	if up.status != 0 || strings.Contains(up.out, "FLUXBASE_DATABASE_URL") || !strings.Contains(up.out, "FLUXBASE_SERVICE_DATABASE_URL") {
		t.Fatalf("want URLs of the new logins only: %s", up)
	}
	theirs := withUser(t, c.URL("postgres"), sql.Authenticator, "theirs", "postgres")
	conn := openURL(t, theirs)
	for _, role := range []string{"anon", "authenticated", "service_role"} {
		if _, err := conn.Exec(t.Context(), `set role `+role); err != nil {
			t.Errorf("it may no longer become %s: %v", role, err)
		}
	}
	var comment *string
	if err := conn.QueryRow(t.Context(), `select shobj_description(to_regrole('authenticator'), 'pg_authid')`).Scan(&comment); err != nil || comment != nil {
		t.Errorf("it was given the comment %v (%v)", comment, err)
	}

	// Unless the environment says so.
	ours := withUser(t, c.URL("postgres"), sql.Authenticator, "ours", "postgres")
	up = runFluxbase(t, []string{admin, "FLUXBASE_DATABASE_URL=" + ours}, "migrate", "up")
	if up.status != 0 || up.out != "" {
		t.Fatalf("with the URL in the environment: %s", up)
	}
	openURL(t, ours)
}

func TestPasswordsComeFromTheEnvironment(t *testing.T) {
	t.Parallel()
	db := dbtest.Private(t, dbtest.Options{}).Empty(t)
	login := func(role, password string) string { return withUser(t, db.AdminURL(), role, password, db.Name) }
	env := []string{
		"DATABASE_URL=" + db.AdminURL(),
		"FLUXBASE_DATABASE_URL=" + login(sql.Authenticator, `a '"%$ password`),
		// Not one of ours: nothing is set, and ours is made as if none were given.
		"FLUXBASE_SERVICE_DATABASE_URL=" + login("postgres", "wrong"),
		// Ours, its password kept elsewhere: PGPASSWORD here is the admin's.
		"FLUXBASE_REPLICATION_DATABASE_URL=postgres://" + sql.Replication + "@127.0.0.1/" + db.Name,
		"PGPASSWORD=admin",
	}

	up := runFluxbase(t, env, "migrate", "up")
	if up.status != 0 || strings.Count(up.out, "\n") != 1 || !strings.HasPrefix(up.out, "FLUXBASE_SERVICE_DATABASE_URL=postgres://fluxbase_service:") {
		t.Fatalf("want the one URL that is not in the environment: %s", up)
	}
	openURL(t, login(sql.Authenticator, `a '"%$ password`))
	openURL(t, strings.TrimSpace(strings.TrimPrefix(up.out, "FLUXBASE_SERVICE_DATABASE_URL=")))
	var stored *string
	if err := db.Conn(t).QueryRow(t.Context(), `select rolpassword from pg_authid where rolname = $1`, sql.Replication).Scan(&stored); err != nil || stored != nil {
		t.Errorf("the replication login was given a password (%v)", err)
	}
	if again := runFluxbase(t, env, "migrate", "up"); again.status != 0 || again.out != "" {
		t.Errorf("a password was shown again: %s", again)
	}
	for _, secret := range []string{`a '`, "a%20", "SCRAM"} {
		if strings.Contains(up.out+up.errOut, secret) {
			t.Errorf("the output holds %q: %s", secret, up)
		}
	}
}

func TestPasswordsThatNobodyShouldUse(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Conn(t)
	for _, password := range []string{"", "schlüssel", "a\nb"} {
		err := sql.SetPasswords(t.Context(), conn, map[string]string{sql.Service: password})
		if err == nil || (password != "" && strings.Contains(err.Error(), password)) {
			t.Errorf("%q: got %v", password, err)
		}
	}
	if err := sql.SetPasswords(t.Context(), conn, map[string]string{"nobody_of_that_name": "x"}); err == nil {
		t.Error("a role that is missing was given a password")
	}
}

// As Postgres computes auth.uid() for each row unless it is inlined, and policies
// of every table of every application call it.
func TestAuthFunctionsAreInlined(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Conn(t)
	for _, call := range []string{"auth.uid() is null", "auth.role() = 'x'", "auth.email() = 'x'", "auth.jwt() is null"} {
		var plan string
		if err := conn.QueryRow(t.Context(), fmt.Sprintf(`explain (format json, verbose) select from pg_class where %s`, call)).Scan(&plan); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(plan, "auth.") || !strings.Contains(plan, "current_setting") {
			t.Errorf("%s is not inlined: %s", call, plan)
		}
	}
}
