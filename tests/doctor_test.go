package tests

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// diagnosis is one finding of fluxbase doctor --json.
type diagnosis struct{ Level, What, Mend string }

func diagnose(t testing.TB, env ...string) (all []diagnosis, status int) {
	t.Helper()
	o := runFluxbase(t, env, "doctor", "--json")
	if err := json.Unmarshal([]byte(o.out), &all); err != nil {
		t.Fatalf("%v: %s", err, o)
	}
	return all, o.status
}

func found(all []diagnosis, level, what string) *diagnosis {
	for _, d := range all {
		if d.Level == level && strings.Contains(d.What, what) {
			return &d
		}
	}
	return nil
}

func TestDoctorFindsEachFaultAndItsMendMends(t *testing.T) {
	t.Parallel()
	// A cluster of its own, because most faults are in its roles.
	c := dbtest.Private(t, dbtest.Options{Settings: map[string]string{"max_slot_wal_keep_size": "1GB", "max_prepared_transactions": "5"}})
	db := c.New(t)
	exec(t, db, `create schema app`)
	env := []string{
		"DATABASE_URL=" + db.AdminURL(),
		"FLUXBASE_DATABASE_URL=" + db.URL(sql.Authenticator),
		"FLUXBASE_SERVICE_DATABASE_URL=" + db.URL(sql.Service),
		"FLUXBASE_REPLICATION_DATABASE_URL=" + db.URL(sql.Replication),
	}
	all, status := diagnose(t, env...)
	for _, d := range all {
		if status != 0 || d.Level != "ok" {
			t.Errorf("a sound database, status %d: %s %s", status, d.Level, d.What)
		}
	}

	for _, tt := range []struct{ spoil, level, what string }{
		{`alter role authenticator superuser`, "fail", "authenticator is a superuser"},
		{`alter role authenticator bypassrls`, "fail", "authenticator passes row level security"},
		{`alter role anon bypassrls`, "fail", "anon passes row level security"},
		{`alter role authenticator inherit`, "warn", "authenticator inherits"},
		{`grant service_role to authenticator`, "warn", "authenticator may become service_role"},
		{`grant service_role to anon`, "fail", "anon may become service_role"},
		{`revoke anon from authenticator`, "fail", "authenticator may not become anon"},
		{`revoke service_role from fluxbase_service`, "fail", "fluxbase_service may not become service_role"},
		{`alter role fluxbase_service nologin`, "fail", "fluxbase_service may not log in"},
		{`create table public.open (id integer); create table public."O pen" (id integer)`, "warn", `public."O pen", public.open`},
		{
			`create table app."o pen" (id integer primary key); grant usage on schema app to anon; grant select (id) on app."o pen" to anon; select realtime.enable('app."o pen"')`,
			"warn", `tell every change to whoever has the anonymous key: app."o pen"`,
		},
		{`alter event trigger fluxbase_drop disable`, "warn", "event triggers are off: fluxbase_drop"},
		{`drop event trigger fluxbase_ddl`, "warn", "event triggers are missing (fluxbase_ddl)"},
		{`drop publication supabase_realtime; alter publication fluxbase_system drop table fluxbase.message_keys`, "fail", "not whole: supabase_realtime, fluxbase_system"},
		{
			`alter event trigger fluxbase_identity disable; create table app.bare (id integer) partition by list (id); ` +
				`create table app."p art" partition of app.bare default; alter publication supabase_realtime add table app.bare; alter event trigger fluxbase_identity enable`,
			"fail", `UPDATE and DELETE fail: app."p art"`,
		},
		{
			`alter event trigger fluxbase_identity disable; create table app.part (id integer primary key, n integer); ` +
				`alter publication supabase_realtime add table app.part (id); alter event trigger fluxbase_identity enable`,
			"warn", "only some rows or columns are published, so that UPDATE and DELETE may fail: app.part",
		},
		{`select pg_create_logical_replication_slot('fluxbase_gone', 'pgoutput')`, "warn", "nobody reads now keep the log: fluxbase_gone"},
		{`alter system set max_slot_wal_keep_size = -1; select pg_reload_conf()`, "warn", "max_slot_wal_keep_size is unlimited"},
	} {
		// In order: each spoils the one cluster and mends it again.
		t.Run(tt.what, func(t *testing.T) {
			for statement := range strings.SplitSeq(tt.spoil, "; ") {
				exec(t, db, statement)
			}
			all, status := diagnose(t, env...)
			d := found(all, tt.level, tt.what)
			if d == nil || (status == 1) != (tt.level == "fail") {
				t.Fatalf("status %d, %s %q is not among %v", status, tt.level, tt.what, all)
			}
			for statement := range strings.SplitSeq(d.Mend, ";") {
				// The last words may be advice instead.
				if statement = strings.TrimSpace(strings.TrimPrefix(statement, "as a superuser: ")); statement != "" && !strings.HasPrefix(statement, "then ") {
					exec(t, db, statement)
				}
			}
			if all, status := diagnose(t, env...); found(all, tt.level, tt.what) != nil || status != 0 {
				t.Errorf("status %d after %q: %v", status, d.Mend, all)
			}
		})
	}

	t.Run("who holds up jobs", func(t *testing.T) {
		s := jobSessions(t, db, 2)
		s[0].do(`select jobs.enqueue('k', queue => 'held'); begin; select count(*) from jobs.claim('00000000-0000-4000-8000-00000000000a', queues => '{held}')`)
		s[1].do(`begin; select jobs.enqueue('k', queue => 'kept'); prepare transaction 'forgotten'; select jobs.enqueue('k', queue => 'kept');
			select count(*) from jobs.claim('00000000-0000-4000-8000-00000000000b', queues => '{kept}')`)
		const lock, keep = "holds the lock of these queues of jobs, so that nobody claims from them: held", "the prepared transaction 'forgotten' keeps what was done in these queues of jobs from being given back: kept"
		eventually(t, "both are named", func() bool {
			all, status := diagnose(t, env...)
			return status == 0 && found(all, "warn", lock) != nil && found(all, "warn", keep) != nil
		})
		all, _ := diagnose(t, env...)
		exec(t, db, found(all, "warn", keep).Mend)
		exec(t, db, found(all, "warn", lock).Mend)
		if all, _ := diagnose(t, env...); found(all, "warn", "queues of jobs") != nil {
			t.Errorf("after it is mended: %v", all)
		}
	})
	t.Run("older code", func(t *testing.T) {
		exec(t, db, `update fluxbase.code set hash = repeat('0', 64)`)
		if all, status := diagnose(t, env...); status != 1 || found(all, "fail", "of another release") == nil {
			t.Errorf("status %d: %v", status, all)
		}
		if up := runFluxbase(t, env, "migrate", "up"); up.status != 0 {
			t.Fatal(up)
		}
		if all, status := diagnose(t, env...); status != 0 {
			t.Errorf("after migrate up: %v", all)
		}
	})
	t.Run("more processes than connections", func(t *testing.T) {
		const what = "20 processes serve this database now, and may open 70 connections each"
		exec(t, db, `insert into fluxbase.proxies (id, name, timeline, confirmed_lsn, live_until)
			select gen_random_uuid(), n::text, 1, '0/0', now() + interval '1 hour' from generate_series(1, 20) as n`)
		all, status := diagnose(t, env...)
		d := found(all, "warn", what)
		if d == nil || status != 0 || !strings.Contains(d.Mend, "alter system set max_connections = ") {
			t.Fatalf("status %d: %v", status, all)
		}
		exec(t, db, `delete from fluxbase.proxies where id in (select id from fluxbase.proxies limit 18)`)
		if all, _ := diagnose(t, append(env, "FLUXBASE_DATABASE_MAX_CONNECTIONS=13")...); found(all, "warn", "processes serve this database now") != nil {
			t.Errorf("2 processes of 20 connections: %v", all)
		}
		exec(t, db, `delete from fluxbase.proxies`)
	})
	t.Run("a pooler in between", func(t *testing.T) {
		for i, want := range []diagnosis{
			{"fail", "the admin's URL leads to a connection pooler", "give FLUXBASE_ADMIN_DATABASE_URL"},
			{"warn", "FLUXBASE_DATABASE_URL leads to a connection pooler", "FLUXBASE_DATABASE_PREPARED_STATEMENTS=false"},
			{"warn", "FLUXBASE_SERVICE_DATABASE_URL leads to a connection pooler", "FLUXBASE_DATABASE_PREPARED_STATEMENTS=false"},
			{"fail", "FLUXBASE_REPLICATION_DATABASE_URL leads to a connection pooler", "Postgres itself"},
		} {
			pooled := slices.Clone(env)
			name, url, _ := strings.Cut(env[i], "=")
			pooled[i] = name + "=" + poolerBefore(t, url)
			all, _ := diagnose(t, pooled...)
			if d := found(all, want.Level, want.What); d == nil || !strings.Contains(d.Mend, want.Mend) {
				t.Errorf("%s %q is not among %v", want.Level, want.What, all)
			}
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		wrong := append(env[:1:1], "FLUXBASE_DATABASE_URL="+withUser(t, db.AdminURL(), sql.Authenticator, "not it", db.Name))
		all, status := diagnose(t, wrong...)
		if d := found(all, "fail", "FLUXBASE_DATABASE_URL"); status != 1 || d == nil || strings.Contains(d.What, "not it") {
			t.Errorf("status %d: %v", status, all)
		}
	})
}

func TestDoctorOfAServerThatNobodyPrepared(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{Settings: map[string]string{
		"wal_level": "replica", "max_replication_slots": "0", "max_connections": "20",
	}})
	db := c.Empty(t)
	env := []string{"DATABASE_URL=" + db.AdminURL()}

	all, status := diagnose(t, env...)
	if status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	for _, what := range []string{"wal_level is replica", "max_replication_slots: all 0 are in use", "missing roles: anon", "0 have run", "may open 50 connections"} {
		if d := found(all, "fail", what); d == nil || d.Mend == "" {
			t.Errorf("no failure with a mend says %q: %v", what, all)
		}
	}
	// Tables and functions alone need nothing of that but the connections.
	all, status = diagnose(t, append(env, "FLUXBASE_MODULES=rest", "FLUXBASE_DATABASE_MAX_CONNECTIONS=10")...)
	if status != 0 || found(all, "warn", "wal_level is replica") == nil {
		t.Errorf("status %d with FLUXBASE_MODULES=rest: %v", status, all)
	}
	plain := runFluxbase(t, env, "doctor")
	if plain.status != 1 || !strings.Contains(plain.out, "fail  wal_level is replica") || !strings.Contains(plain.out, "mend: alter system set wal_level = 'logical';") {
		t.Errorf("in words: %s", plain)
	}
}

func TestDoctorOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	all, status := diagnose(t, "DATABASE_URL=postgres://someone:secret@127.0.0.1:1/nowhere")
	d := found(all, "fail", "cannot be reached")
	if status != 1 || d == nil || d.Mend == "" || strings.Contains(d.What, "secret") {
		t.Errorf("status %d: %v", status, all)
	}
}

// poolerBefore stands before a server as a pooler does: it passes on what is said,
// but the process id that a client may cancel with is one of its own.
func poolerBefore(t *testing.T, target string) string {
	t.Helper()
	return between(t, "127.0.0.1:0", target, func(client, server net.Conn) (up, down func()) {
		return func() { _, _ = io.Copy(server, client); _ = server.Close() }, func() { passWithOtherKey(client, server); _ = client.Close() }
	})
}

// passWithOtherKey copies messages of the server and changes BackendKeyData.
func passWithOtherKey(to io.Writer, from io.Reader) {
	for {
		var head [5]byte
		if _, err := io.ReadFull(from, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		if head[0] == 'K' {
			body[0] ^= 1
		}
		if _, err := to.Write(append(head[:], body...)); err != nil {
			return
		}
	}
}
