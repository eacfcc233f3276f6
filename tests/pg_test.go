package tests

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// openPG gives the authenticator's door to db; change may adjust its Config.
func openPG(t testing.TB, url string, change func(*pg.Config)) *pg.DB {
	t.Helper()
	cfg := pg.Config{DatabaseURL: url, MaxConnections: 1, MinConnections: 1, PreparedStatements: true}
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	db, err := pg.Open(t.Context(), cfg, url, cfg.MaxConnections, cfg.MinConnections)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

var anon = pg.Caller{Role: "anon", Claims: `{"role":"anon"}`}

// runTx runs one statement and returns its first row as text.
func runTx(ctx context.Context, db *pg.DB, tx pg.Tx, sql string, args ...string) ([]string, error) {
	tx.Main = pg.Statement{SQL: sql}
	for _, a := range args {
		tx.Main.Args = append(tx.Main.Args, []byte(a))
	}
	res, err := db.Do(ctx, &tx)
	if err != nil {
		return nil, err
	}
	defer res.Free()
	var out []string
	for _, v := range res.Values {
		out = append(out, string(v))
	}
	return out, nil
}

func mustRun(t *testing.T, db *pg.DB, tx pg.Tx, sql string, args ...string) []string {
	t.Helper()
	out, err := runTx(t.Context(), db, tx, sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sqlState(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

const state = `select current_user, coalesce(current_setting('request.jwt.claims', true), ''),
	coalesce(current_setting('request.id', true), ''), coalesce(current_setting('app.tenant', true), ''),
	current_setting('transaction_read_only'), pg_backend_pid()::text`

func TestSettingsEndWithTheirTransaction(t *testing.T) {
	t.Parallel()
	db := openPG(t, dbtest.New(t).URL(sql.Authenticator), nil)
	for _, named := range []string{"", "serializable"} {
		got := mustRun(t, db, pg.Tx{
			Caller: anon, Mode: pg.ReadOnly, RequestID: "r1", Isolation: named,
			Settings: []pg.Setting{{Name: "app.tenant", Value: "7"}},
		}, state)
		if want := "anon|" + anon.Claims + "|r1|7|on|"; strings.Join(got[:5], "|")+"|" != want {
			t.Errorf("inside: got %q, want %q", got, want)
		}
		after := mustRun(t, db, pg.Tx{}, state)
		if want := sql.Authenticator + "||||off|"; strings.Join(after[:5], "|")+"|" != want {
			t.Errorf("afterwards: got %q, want %q", after, want)
		}
		if after[5] != got[5] {
			t.Errorf("the connection was given up: backend %s, then %s", got[5], after[5])
		}
	}
}

func TestAuthenticatorCannotBecomeTheServiceRole(t *testing.T) {
	t.Parallel()
	db := openPG(t, dbtest.New(t).URL(sql.Authenticator), nil)
	for _, role := range []string{"service_role", "fluxbase_admin", "postgres"} {
		if _, err := runTx(t.Context(), db, pg.Tx{Caller: pg.Caller{Role: role}}, "select 1"); sqlState(err) != "42501" {
			t.Errorf("become %s: got %v, want 42501", role, err)
		}
	}
	if _, err := runTx(t.Context(), db, pg.Tx{Caller: pg.Caller{Role: `anon"; drop table x; --`}}, "select 1"); sqlState(err) != "22023" {
		t.Errorf("become a role with a hostile name: got %v, want 22023", err)
	}
}

func TestReadOnlyRefusesWrites(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, `create table public.t (i int); grant all on public.t to anon`)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	for _, stmt := range []string{
		`insert into public.t values (1)`,
		`with w as (insert into public.t values (1) returning i) select * from w`,
		`select set_config('transaction_read_only', 'off', false)`,
	} {
		if _, err := runTx(t.Context(), db, pg.Tx{Caller: anon, Mode: pg.ReadOnly}, stmt); sqlState(err) != "25006" && sqlState(err) != "25001" {
			t.Errorf("%s: got %v, want a refusal", stmt, err)
		}
	}
	if got := mustRun(t, db, pg.Tx{Caller: anon}, `select count(*)::text from public.t`); got[0] != "0" {
		t.Errorf("%s rows were written", got[0])
	}
}

// A login whose transactions are read-only unless they say otherwise writes all
// the same, two callers at once.
func TestWritesDoNotDependOnTheLoginsDefault(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, `create table public.t (i int); grant all on public.t to anon;
		do $$ begin execute format('alter role authenticator in database %I set default_transaction_read_only = on', current_database()); end $$`)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	var callers sync.WaitGroup
	for range 2 {
		callers.Go(func() {
			for range 10 {
				if _, err := runTx(t.Context(), db, pg.Tx{Caller: anon}, `insert into public.t values (1) returning i::text`); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	if got := mustRun(t, db, pg.Tx{Caller: anon, Mode: pg.ReadOnly}, `select count(*)::text from public.t`); got[0] != "20" {
		t.Errorf("%s rows were written, want 20", got[0])
	}
	// What looks like it, from the statement itself, is the caller's error.
	if _, err := runTx(t.Context(), db, pg.Tx{Caller: anon}, `do $$ begin raise sqlstate '25001'; end $$`); sqlState(err) != "25001" {
		t.Errorf("got %v, want 25001", err)
	}
}

func TestFailureUndoesAllAndKeepsTheConnection(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, `create table public.t (i int primary key deferrable initially deferred); grant all on public.t to anon`)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	pid := mustRun(t, db, pg.Tx{}, `select pg_backend_pid()::text`)[0]

	refuse := errors.New("refused by the check")
	before := []pg.Statement{{SQL: `insert into public.t values (1)`}}
	for _, tt := range []struct {
		name string
		tx   pg.Tx
		sql  string
		code string
	}{
		{"the statement fails", pg.Tx{Before: before}, `select 1 / 0`, "22012"},
		{"it does not parse", pg.Tx{Before: before}, `select from where`, "42601"},
		{"a deferred constraint fails at the end", pg.Tx{Before: append(before, before...)}, `select 1`, "23505"},
		{"the same in a named transaction", pg.Tx{Before: append(before, before...), Isolation: "serializable"}, `select 1`, "23505"},
		{"the same when rolled back on request", pg.Tx{Before: append(before, before...), Rollback: true}, `select 1`, "23505"},
		{"rolled back on request", pg.Tx{Before: before, Rollback: true}, `select 1`, ""},
		{"the check refuses", pg.Tx{Before: before, Check: func(*pg.Result) error { return refuse }}, `select 1`, ""},
		{"the check agrees, a deferred constraint does not", pg.Tx{Before: append(before, before...), Check: func(*pg.Result) error { return nil }}, `select 1`, "23505"},
		{"the statement fails in a named transaction", pg.Tx{Before: before, Check: func(*pg.Result) error { return nil }}, `select 1 / 0`, "22012"},
	} {
		// In order, not in parallel: they share the one connection.
		t.Run(tt.name, func(t *testing.T) {
			tt.tx.Caller = anon
			_, err := runTx(t.Context(), db, tt.tx, tt.sql)
			if sqlState(err) != tt.code {
				t.Errorf("got %v, want SQLSTATE %q", err, tt.code)
			}
			if tt.name == "the check refuses" && !errors.Is(err, refuse) {
				t.Errorf("got %v, want the check's own error", err)
			}
			got := mustRun(t, db, pg.Tx{Caller: anon}, `select count(*)::text, pg_backend_pid()::text from public.t`)
			if got[0] != "0" || got[1] != pid {
				t.Errorf("%s rows are left, backend %s (was %s)", got[0], got[1], pid)
			}
		})
	}
}

func TestIsolationIsAsAsked(t *testing.T) {
	t.Parallel()
	db := openPG(t, dbtest.New(t).URL(sql.Authenticator), nil)
	for _, level := range []string{"repeatable read", "serializable"} {
		if got := mustRun(t, db, pg.Tx{Isolation: level}, `show transaction_isolation`); got[0] != level {
			t.Errorf("got %s, want %s", got[0], level)
		}
	}
}

func TestGivenUpRequestCancelsItsStatement(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	pid := mustRun(t, db, pg.Tx{}, `select pg_backend_pid()::text`)[0]
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := runTx(ctx, db, pg.Tx{Caller: anon}, `select pg_sleep(60)::text`)
		done <- err
	}()
	const sleeping = `select count(*) from pg_stat_activity where pid = $1::int and wait_event = 'PgSleep'`
	conn := d.Conn(t)
	eventually(t, "the statement runs", func() bool {
		var n int
		return conn.QueryRow(t.Context(), sleeping, pid).Scan(&n) == nil && n == 1
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) && web.AsError(err).Code != "client_gone" {
		t.Errorf("got %v, want client_gone", err)
	}
	eventually(t, "the statement is cancelled", func() bool {
		var n int
		return conn.QueryRow(t.Context(), sleeping, pid).Scan(&n) == nil && n == 0
	})
	if got := mustRun(t, db, pg.Tx{}, `select pg_backend_pid()::text`); got[0] != pid {
		t.Errorf("the connection was given up: backend %s, then %s", pid, got[0])
	}
}

func TestDeadlineIs504(t *testing.T) {
	t.Parallel()
	db := openPG(t, dbtest.New(t).URL(sql.Authenticator), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := runTx(ctx, db, pg.Tx{Caller: anon}, `select pg_sleep(60)::text`)
	if e := web.AsError(err); e.Status != http.StatusGatewayTimeout || e.Code != "request_timeout" {
		t.Errorf("got %v, want 504 request_timeout", err)
	}
}

func TestBusyPoolIs504AndRecovers(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), func(c *pg.Config) { c.AcquireTimeout = 20 * time.Millisecond })
	conn := d.Conn(t)
	exec(t, d, `create table public.gate (i int); grant all on public.gate to anon`)
	lock, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), `lock public.gate`); err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() {
		_, err := runTx(t.Context(), db, pg.Tx{Caller: anon}, `select count(*)::text from public.gate`)
		held <- err
	}()
	eventually(t, "the only connection is at work", func() bool { return db.Stat().Acquired == 1 })
	_, err = runTx(t.Context(), db, pg.Tx{Caller: anon}, `select 1::text`)
	if e := web.AsError(err); e.Status != http.StatusGatewayTimeout || e.Code != "PGRST003" || e.Header.Get("Retry-After") == "" {
		t.Errorf("got %v, want 504 PGRST003 with Retry-After", err)
	}
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Errorf("the request that held the connection: %v", err)
	}
	mustRun(t, db, pg.Tx{Caller: anon}, `select 1::text`)
}

func TestStatementsAreKeyedByRoleAndBounded(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), func(c *pg.Config) { c.StatementCache = 8 })
	const shape = `select $1::text || current_user`
	for range 3 {
		for _, role := range []string{"anon", "authenticated"} {
			if got := mustRun(t, db, pg.Tx{Caller: pg.Caller{Role: role}}, shape, "x "); got[0] != "x "+role {
				t.Errorf("got %q as %s", got[0], role)
			}
		}
	}
	const held = `select count(*)::text from pg_prepared_statements where statement = $1`
	if got := mustRun(t, db, pg.Tx{}, held, shape); got[0] != "2" {
		t.Errorf("%s statements are held for two roles, want 2", got[0])
	}
	for i := range 40 {
		if got := mustRun(t, db, pg.Tx{Caller: anon}, fmt.Sprintf(`select $1::int + %d`, i), "1"); got[0] != fmt.Sprint(i+1) {
			t.Errorf("shape %d: got %s", i, got[0])
		}
	}
	if got := mustRun(t, db, pg.Tx{}, `select (count(*) <= 8)::text from pg_prepared_statements`); got[0] != "true" {
		t.Error("more statements are held than the cache may hold")
	}
}

func TestStatementCacheIsBoundedInBytesAndCounted(t *testing.T) {
	t.Parallel()
	db := openPG(t, dbtest.New(t).URL(sql.Authenticator), nil)
	ask := func(text string) {
		t.Helper()
		if got := mustRun(t, db, pg.Tx{}, text); got[0] != "ok" {
			t.Errorf("got %q", got)
		}
	}
	const held = `select count(*)::text, sum(length(statement))::text from pg_prepared_statements where name ~ '^fx'`
	agree := func() pg.StatementStat {
		t.Helper()
		mustRun(t, db, pg.Tx{}, held) // is then one of them
		st := db.Stat().Statements
		if got := mustRun(t, db, pg.Tx{}, held); !slices.Equal(got, []string{fmt.Sprint(st.Entries), fmt.Sprint(st.Bytes)}) {
			t.Errorf("Postgres holds %s statements of %s bytes, counted are %+v", got[0], got[1], st)
		}
		return st
	}
	first := agree()
	for range 3 {
		ask(`select 'ok'`)
	}
	// Five transactions of settings and a statement, of which one was new.
	second := agree()
	if hits, misses := second.Hits-first.Hits, second.Misses-first.Misses; hits != 9 || misses != 1 {
		t.Errorf("%d hits and %d misses, want 9 and 1", hits, misses)
	}
	for i := range 100 {
		ask(fmt.Sprintf(`select 'ok' -- %d %s`, i, strings.Repeat("x", 30<<10)))
	}
	third := agree()
	if third.Bytes > 1<<20 || third.Evictions == 0 || third.Entries != third.Misses-third.Evictions {
		t.Errorf("got %+v, want at most 1 MiB", third)
	}
	for range 2 {
		ask(`select 'ok' -- ` + strings.Repeat("x", 65<<10))
	}
	if fourth := agree(); fourth.Misses != third.Misses || fourth.Bytes != third.Bytes {
		t.Errorf("a long statement was named: %+v, before it %+v", fourth, third)
	}
	db.Close()
	if st := db.Stat().Statements; st.Entries != 0 || st.Bytes != 0 {
		t.Errorf("after the end: %+v", st)
	}
}

func TestStaleStatementsAreMendedOnce(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, `create table public.t (i int); insert into public.t values (7); grant all on public.t to anon`)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	const shape = `select i from public.t`
	mustRun(t, db, pg.Tx{Caller: anon}, shape)
	exec(t, d, `alter table public.t alter column i type text`)
	if got := mustRun(t, db, pg.Tx{Caller: anon}, shape); got[0] != "7" {
		t.Errorf("after a change of type: got %q", got)
	}
	mustRun(t, db, pg.Tx{}, `deallocate all`)
	if got := mustRun(t, db, pg.Tx{Caller: anon}, shape); got[0] != "7" {
		t.Errorf("after the server forgot its statements: got %q", got)
	}
}

func TestReadsSurviveALostConnection(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	conn := d.Conn(t)
	for _, tx := range []pg.Tx{{Mode: pg.ReadOnly}, {Mode: pg.ReadOnly, Isolation: "serializable"}} {
		pid := mustRun(t, db, pg.Tx{}, `select pg_backend_pid()::text`)[0]
		if _, err := conn.Exec(t.Context(), `select pg_terminate_backend($1::int, 5000)`, pid); err != nil {
			t.Fatal(err)
		}
		if got := mustRun(t, db, tx, `select pg_backend_pid()::text`); got[0] == pid {
			t.Error("the backend was not terminated")
		}
	}
}

func TestCallersNeverMix(t *testing.T) {
	t.Parallel()
	db := openPG(t, dbtest.New(t).URL(sql.Authenticator), func(c *pg.Config) { c.MaxConnections, c.StatementCache = 4, 4 })
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			role := []string{"anon", "authenticated"}[i%2]
			for n := range 50 {
				id := fmt.Sprintf("%d-%d", i, n)
				tx := pg.Tx{Caller: pg.Caller{Role: role, Claims: id}, RequestID: id}
				tx.Mode = pg.Mode(n % 2)
				if n%7 == 0 {
					tx.Isolation = "serializable"
				}
				query := fmt.Sprintf(`select current_user, current_setting('request.jwt.claims'), current_setting('request.id'), $1, %d`, n%6)
				if n%5 == 0 {
					query = `select 1 / 0, $1`
				}
				got, err := runTx(t.Context(), db, tx, query, id)
				switch {
				case n%5 == 0:
					if sqlState(err) != "22012" && sqlState(err) != "42P18" {
						t.Errorf("got %v, want a division by zero", err)
					}
				case err != nil:
					t.Error(err)
				case got[0] != role || got[1] != id || got[2] != id || got[3] != id:
					t.Errorf("%s as %s got the state of another: %q", id, role, got)
				}
			}
		})
	}
	wg.Wait()
}

func TestDatabaseAwayIs503AndComesBack(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{Durable: true})
	d := c.New(t)
	db := openPG(t, d.URL(sql.Authenticator), func(c *pg.Config) { c.MaxConnections = 4 })
	mustRun(t, db, pg.Tx{Caller: anon}, `select 1::text`)
	c.Kill()
	for _, mode := range []pg.Mode{pg.ReadOnly, pg.ReadWrite} {
		var err error
		// A backend may live on for a moment after its postmaster.
		eventually(t, "the database is gone", func() bool {
			_, err = runTx(t.Context(), db, pg.Tx{Caller: anon, Mode: mode}, `select 1::text`)
			return err != nil
		})
		e := web.FromPostgres(err, true)
		if e.Status != http.StatusServiceUnavailable || e.Header.Get("Retry-After") == "" {
			t.Errorf("got %v, want 503 with Retry-After", err)
		}
		if strings.Contains(e.Message, "127.0.0.1") {
			t.Errorf("the message %q tells clients where the database is", e.Message)
		}
	}
	c.Restart(t)
	eventually(t, "requests are answered again", func() bool {
		_, err := runTx(t.Context(), db, pg.Tx{Caller: anon}, `select 1::text`)
		return err == nil
	})
}

func TestRequestIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	relay := newRelay(t, dbtest.New(t).URL(sql.Authenticator))
	db := openPG(t, relay.url, nil)
	tx := pg.Tx{Caller: anon, Mode: pg.ReadOnly, SearchPath: "public"}
	for i, shape := range []string{`select $1::text`, `select $1::text`, `select $1::text || 'b'`} {
		if i == 0 {
			mustRun(t, db, pg.Tx{}, `select 1`) // log in, and prepare the settings
		}
		before := relay.trips()
		mustRun(t, db, tx, shape, "a")
		if n := relay.trips() - before; n != 1 {
			t.Errorf("request %d took %d round trips, want 1", i, n)
		}
	}
	before := relay.trips()
	if _, err := runTx(t.Context(), db, tx, `select 1 / 0`); sqlState(err) != "22012" {
		t.Errorf("got %v", err)
	}
	if n := relay.trips() - before; n != 1 {
		t.Errorf("a failing request took %d round trips, want 1", n)
	}
}
