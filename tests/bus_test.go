package tests

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// Every process hears of every change of the schema, and of nothing else, when new
// snapshots show it.
func TestSchemaChangesReachEveryProcess(t *testing.T) {
	t.Parallel()
	// A cluster of its own, because settings of roles are those of all databases.
	db := dbtest.Private(t, dbtest.Options{}).New(t)
	conn := db.Conn(t)
	exec(t, db, `create table public.was (id integer primary key); create role settled nologin`)

	// What a process finds in the database at the moment it is told.
	seen := map[string]chan string{}
	var all []*member
	for _, name := range []string{"one", "two"} {
		look := db.Pool(t)
		found := make(chan string, 100)
		seen[name] = found
		all = append(all, newMember(t, db, name, func() {
			var text string
			const ask = `select coalesce(max(n.nspname || obj_description(n.oid, 'pg_namespace')), '') from pg_namespace as n where n.nspname like 'step%'`
			if err := look.QueryRow(context.Background(), ask).Scan(&text); err != nil {
				text = err.Error()
			}
			found <- text
		}))
	}
	// heard ends with a change of a known name, and returns how many came before it.
	step := "step"
	heard := func(m *member) (others int) {
		want := step + step
		for {
			if text := <-seen[m.Name]; text == want {
				return others
			}
			others++
		}
	}
	mark := func() {
		t.Helper()
		step += "x"
		// One transaction, and so told once.
		replace := `begin; drop schema if exists ` + step[:len(step)-1] + `; create schema ` + step + `; comment on schema ` + step + ` is '` + step + `'; commit`
		if _, err := conn.Exec(t.Context(), replace); err != nil {
			t.Fatal(err)
		}
	}
	mark()
	for _, m := range all {
		heard(m)
	}
	for _, tt := range []struct {
		do   string
		told bool
	}{
		{`alter table public.was add column note text`, true},
		{`alter table public.was rename column note to body`, true},
		{`create function public.f() returns integer language sql return 1`, true},
		{`comment on table public.was is 'x'`, true},
		{`grant select on public.was to anon`, true},
		{`create policy p on public.was using (true)`, true},
		{`alter publication supabase_realtime add table public.was`, true},
		{`alter publication supabase_realtime drop table public.was`, true},
		{`create type public.mood as enum ('good')`, true},
		{`alter type public.mood add value 'bad'`, true},
		{`drop type public.mood`, true},
		{`drop function public.f`, true},
		{`create materialized view public.mv as select 1 as a`, true},
		{`refresh materialized view public.mv`, false},
		{`alter role settled set statement_timeout = '3 s'`, true}, // no trigger sees it; the lease does
		{`create temp table brief (id integer primary key); insert into brief values (1)`, false},
		{`create index on brief (id); drop table brief`, false},
		{`begin; create table public.never (id integer); rollback`, false},
		{`insert into public.was values (1); truncate public.was`, false},
	} {
		if _, err := conn.Exec(t.Context(), tt.do); err != nil {
			t.Fatal(err)
		}
		if tt.told {
			for _, m := range all {
				<-seen[m.Name]
			}
			continue
		}
		mark()
		for _, m := range all {
			if n := heard(m); n > 0 {
				t.Errorf("%s: %s was told %d times", tt.do, m.Name, n)
			}
		}
	}
}

// Who can run SQL can write messages into the log. None of them is obeyed.
func TestForgedMessagesAreDropped(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	m := newMember(t, db, "one", nil)

	// What somebody with a slot of his own could have seen.
	l := listen(t, m.stream, changes.Options{Want: changes.Want{Prefixes: []string{"fluxbase."}}})
	exec(t, db, `create table public.a (id integer)`)
	genuine := string(l.next().Events[0].Content)
	eventually(t, "the genuine one is obeyed", func() bool { return m.changed.Load() == 2 })

	anon := db.Conn(t)
	if _, err := anon.Exec(t.Context(), `set role anon`); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, prefix, content, reason string
		transactional                 bool
	}{
		{"sent again", "fluxbase.ddl", genuine, "replayed", true},
		{"sent again, outside of transactions", "fluxbase.ddl", genuine, "replayed", false},
		{"under another prefix", "fluxbase.mark", genuine, "forged", true},
		{"changed", "fluxbase.ddl", genuine + " ", "forged", true},
		{"under a key that nobody has", "fluxbase.ddl", genuine[:65] + "999 {}", "unknown_key", true},
		{"plain", "fluxbase.ddl", `{"tag": "ALTER TABLE"}`, "malformed", true},
		{"empty", "fluxbase.mark", "", "malformed", false},
	} {
		before := m.refusals(tt.reason)
		_, err := anon.Exec(t.Context(), `select pg_logical_emit_message($1, $2, $3::text)`, tt.transactional, tt.prefix, tt.content)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, tt.name+" is refused as "+tt.reason, func() bool { return m.refusals(tt.reason) == before+1 })
	}
	if n := m.changed.Load(); n != 2 {
		t.Errorf("a forged message was obeyed: %d changes, want 2", n)
	}
	// With all of them behind it, the bus goes on.
	exec(t, db, `create table public.b (id integer)`)
	eventually(t, "the next genuine one is obeyed", func() bool { return m.changed.Load() == 3 })
}

func TestMessageKeysAreReplacedInFlight(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	m := newMember(t, db, "one", nil)
	conn := db.Conn(t)
	for i := range 5 {
		// The old key goes in the same moment: what it signed was committed before.
		const replace = `
			begin;
			create table public.a (id integer);
			insert into fluxbase.message_keys default values;
			delete from fluxbase.message_keys where id < (select max(id) from fluxbase.message_keys);
			commit`
		if _, err := conn.Exec(t.Context(), replace); err != nil {
			t.Fatal(err)
		}
		before := m.changed.Load()
		if _, err := conn.Exec(t.Context(), `drop table public.a`); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a message under the new key is obeyed", func() bool { return m.changed.Load() > before })
		if names := behind(t, db); len(names) > 0 {
			t.Fatalf("round %d: %v have not confirmed", i, names)
		}
	}
	// The table was made under a key that was gone when its message came.
	if n := m.refusals("forged") + m.refusals("malformed") + m.refusals("replayed"); n != 0 {
		t.Errorf("%d messages were refused for more than their key", n)
	}
}

func TestAwaitWaitsForEveryLiveProcess(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	if names := behind(t, db); len(names) != 0 {
		t.Errorf("with no process at all, %v are behind", names)
	}
	one, two := newMember(t, db, "one", nil), newMember(t, db, "two", nil)
	if names := behind(t, db); len(names) != 0 {
		t.Errorf("%v are behind", names)
	}

	// Many at once, as several administrators at work.
	var callers sync.WaitGroup
	results := make([][]string, 8)
	for i := range results {
		callers.Go(func() { results[i] = behind(t, db) })
	}
	callers.Wait()
	for _, names := range results {
		if len(names) != 0 {
			t.Errorf("eight callers at once: %v are behind", names)
		}
	}

	thaw := freeze(t, db, two)
	names := behind(t, db)
	if two.Trusted() {
		t.Error("await has returned, and the process that it waited for in vain still trusts what it remembers")
	}
	if len(names) > 1 || len(names) == 1 && names[0] != "two" {
		t.Errorf("%v are behind, want two or, if its lease has ended already, none", names)
	}
	if !one.Trusted() {
		t.Error("the other has lost its trust too")
	}
	if two.AnnouncesDDL() {
		t.Error("it relies on announcements")
	}
	eventually(t, "its lease runs out", func() bool { return len(behind(t, db)) == 0 })

	thaw()
	eventually(t, "it is trusted again", two.Trusted)
	if names := behind(t, db); len(names) != 0 {
		t.Errorf("%v are behind after all is well again", names)
	}

	two.stop()
	if two.Trusted() {
		t.Error("a process that was stopped trusts what it remembers")
	}
	var live []string
	const ask = `select array(select name from fluxbase.proxies where live_until > clock_timestamp())`
	if err := db.Conn(t).QueryRow(t.Context(), ask).Scan(&live); err != nil || !slices.Equal(live, []string{"one"}) {
		t.Errorf("%v hold leases (%v), want just one: the other has given its own back", live, err)
	}
}

// A process that was killed keeps nobody waiting for longer than its lease, and a
// confirmation from before a fail-over counts for nothing.
func TestAwaitOfLeasesThatSayNothing(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conn := db.Conn(t)
	const renew = `select from fluxbase.renew(gen_random_uuid(), $1, $2, 'FFFFFFFF/0', $3)`
	if _, err := conn.Exec(t.Context(), renew, "killed", 7, "1 s"); err != nil {
		t.Fatal(err)
	}
	if names := behind(t, db); len(names) != 0 {
		t.Errorf("%v are behind, although the lease has ended", names)
	}
	if _, err := conn.Exec(t.Context(), renew, "elsewhere", 7, "1 min"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), renew, "here", 1, "1 min"); err != nil {
		t.Fatal(err)
	}
	if names := behind(t, db); !slices.Equal(names, []string{"elsewhere"}) {
		t.Errorf("%v are behind, want the one on another timeline", names)
	}
}

func TestAwaitRefusesWhatWouldOnlyTakeTime(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conn := db.Conn(t)
	for _, statement := range []string{
		`select fluxbase.await(fluxbase.mark())`,
		`begin isolation level repeatable read; select fluxbase.await('0/1')`,
		`begin isolation level serializable; select fluxbase.await('0/1')`,
	} {
		_, err := conn.Exec(t.Context(), statement)
		if sqlState(err) != "25001" {
			t.Errorf("%s: got %v, want 25001", statement, err)
		}
		if _, err := conn.Exec(t.Context(), `rollback`); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRenewalsOfOneLeaseMeet(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	var callers sync.WaitGroup
	for i := range 8 {
		conn := openURL(t, db.URL(sql.Replication))
		callers.Go(func() {
			for n := range 25 {
				const renew = `select from fluxbase.renew('00000000-0000-0000-0000-000000000001', 'one', 1, ('0/' || to_hex($1::integer))::pg_lsn, '5 s')`
				if _, err := conn.Exec(t.Context(), renew, 1000*(n+1)+i); err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
				// And another that ends: every caller tries to remove it.
				if _, err := conn.Exec(t.Context(), `select from fluxbase.renew(gen_random_uuid(), 'gone', 1, '0/1', '-2 hours')`); err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			}
		})
	}
	callers.Wait()
	var confirmed int
	const ask = `select (confirmed_lsn - '0/0')::integer from fluxbase.proxies where name = 'one'`
	if err := db.Conn(t).QueryRow(t.Context(), ask).Scan(&confirmed); err != nil || confirmed != 25007 {
		t.Errorf("confirmed is %d (%v), want the greatest, 25007", confirmed, err)
	}
}

// While the stream is away nothing is trusted, and nothing relies on announcements.
func TestWithoutStreamNothingIsTrusted(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	m := newMember(t, db, "one", nil)
	if m.Note() != "" {
		t.Errorf("all is well, and it notes %q", m.Note())
	}
	exec(t, db, `drop event trigger fluxbase_drop`)
	eventually(t, "it notices that not all is announced any more", func() bool { return !m.AnnouncesDDL() })
	if !m.Trusted() {
		t.Error("which has nothing to do with trust")
	}
	m.stream.stop()
	eventually(t, "trust ends with the stream", func() bool { return !m.Trusted() })
}

// The application goes on writing while eight callers enable its table, which has no
// key, and disable it.
func TestEnableIsRacedUnderWriters(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `
		create table public.busy (id integer, n integer);
		insert into public.busy select i, 0 from generate_series(1, 50) as i`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var writers, callers sync.WaitGroup
	for i := range 4 {
		conn := db.Conn(t)
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				_, err := conn.Exec(context.Background(), `update public.busy set n = n + 1 where id = $1`, 1+(n*4+i)%50)
				if err == nil && n%10 == 0 {
					_, err = conn.Exec(context.Background(), `delete from public.busy where id = $1; `, 1000+i)
				}
				if err != nil {
					t.Errorf("the application's write failed: %v", err)
					return
				}
			}
		})
	}
	for range 8 {
		conn := db.Conn(t)
		callers.Go(func() {
			for range 5 {
				for _, call := range []string{
					`select realtime.enable('public.busy')`, `select realtime.enable('public.busy', 'full')`,
					`begin isolation level repeatable read; select 1; select realtime.enable('public.busy'); commit`,
				} {
					if err := tryAgain(ctx, conn, call); err != nil {
						t.Errorf("%s: %v", call, err)
					}
				}
			}
		})
	}
	callers.Wait()
	var published int
	const ask = `select count(*) from pg_publication_tables where pubname = 'supabase_realtime' and tablename = 'busy'`
	if err := db.Conn(t).QueryRow(t.Context(), ask).Scan(&published); err != nil || published != 1 {
		t.Errorf("published %d times (%v)", published, err)
	}
	for range 8 {
		conn := db.Conn(t)
		callers.Go(func() {
			for _, call := range []string{`select realtime.disable('public.busy')`, `select realtime.disable('public.busy')`} {
				if err := tryAgain(ctx, conn, call); err != nil {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
	callers.Wait()
	cancel()
	writers.Wait()
	if err := db.Conn(t).QueryRow(t.Context(), ask).Scan(&published); err != nil || published != 0 {
		t.Errorf("still published (%v)", err)
	}
}

// tryAgain runs a script; what a snapshot that stays is told at most is to try again.
func tryAgain(ctx context.Context, conn *pgx.Conn, script string) error {
	for {
		_, err := conn.Exec(ctx, script)
		if sqlState(err) != "40001" {
			return err
		}
		if _, err := conn.Exec(ctx, `rollback`); err != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}

// The plain statement is refused where the table can't be given an identity now; a
// command that has nothing to do with the table is not.
func TestIdentityThatCannotBeGivenNow(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create table public.held (id integer); create table public.kept (id integer primary key)`)
	holder, conn := db.Conn(t), db.Conn(t)
	if _, err := holder.Exec(t.Context(), `begin; insert into public.held values (1)`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `alter publication supabase_realtime add table public.held`); sqlState(err) != "55000" {
		t.Errorf("got %v, want 55000", err)
	}
	if _, err := holder.Exec(t.Context(), `update public.held set id = 2`); err != nil {
		t.Errorf("the application's write: %v", err)
	}
	exec(t, db, `
		alter event trigger fluxbase_identity disable;
		alter publication supabase_realtime add table public.held;
		alter event trigger fluxbase_identity enable`)
	exec(t, db, `create table public.unrelated (id integer)`)
	if _, err := holder.Exec(t.Context(), `commit`); err != nil {
		t.Fatal(err)
	}
	exec(t, db, `create table public.next (id integer); delete from public.held`)
}

// A table that a long transaction holds is not worth a queue of the application's
// requests behind our lock.
func TestEnableGivesUpRatherThanBlock(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create table public.held (id integer)`)
	holder, conn := db.Conn(t), db.Conn(t)
	if _, err := holder.Exec(t.Context(), `begin; insert into public.held values (1)`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `select realtime.enable('public.held')`); sqlState(err) != "55P03" {
		t.Errorf("got %v, want 55P03", err)
	}
	if _, err := holder.Exec(t.Context(), `update public.held set id = 2; commit`); err != nil {
		t.Errorf("the transaction that held it: %v", err)
	}
	if _, err := conn.Exec(t.Context(), `select realtime.enable('public.held')`); err != nil {
		t.Errorf("once it has ended: %v", err)
	}
}
