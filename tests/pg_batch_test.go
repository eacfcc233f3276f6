package tests

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// gate keeps all connections of db at work until it is opened.
type gate struct {
	lock pgx.Tx
	held chan error
}

func closeGate(t *testing.T, d *dbtest.DB, db *pg.DB) *gate {
	t.Helper()
	exec(t, d, `create table public.gate (i int); grant all on public.gate to anon`)
	lock, err := d.Conn(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), `lock public.gate`); err != nil {
		t.Fatal(err)
	}
	all := int(db.Stat().Max)
	g := &gate{lock, make(chan error, all)}
	for range all {
		go func() {
			_, err := runTx(t.Context(), db, pg.Tx{Caller: anon}, `select count(*)::text from public.gate`)
			g.held <- err
		}()
	}
	eventually(t, "every connection is at work", func() bool {
		var waits int
		const ask = `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
		return lock.QueryRow(t.Context(), ask).Scan(&waits) == nil && waits == all
	})
	return g
}

func (g *gate) open(t *testing.T) {
	t.Helper()
	if err := g.lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range cap(g.held) {
		if err := <-g.held; err != nil {
			t.Error(err)
		}
	}
}

// Reads that found every connection at work go together, and each still gets its
// own answer, as its own caller, whatever happens to the others.
func TestWaitingReadsShareATripAndNothingElse(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	as := func(role string) pg.Tx {
		return pg.Tx{Caller: pg.Caller{Role: role, Claims: role}, Mode: pg.ReadOnly}
	}
	const whoami = `select current_user, current_setting('request.jwt.claims'), $1`
	const divide = `select (6 / $1::int)::text`
	for _, role := range []string{"anon", "authenticated"} { // known, and known to be quick
		mustRun(t, db, as(role), whoami, "warm")
		mustRun(t, db, as(role), divide, "1")
	}

	g := closeGate(t, d, db)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failures int
	for i := range 12 {
		role := []string{"anon", "authenticated"}[i%2]
		wg.Go(func() {
			if i%3 == 0 {
				_, err := runTx(t.Context(), db, as(role), divide, "0")
				mu.Lock()
				defer mu.Unlock()
				if sqlState(err) != "22012" {
					t.Errorf("got %v, want a division by zero", err)
				}
				failures++
				return
			}
			got, err := runTx(t.Context(), db, as(role), whoami, role)
			if err != nil || got[0] != role || got[1] != role || got[2] != role {
				t.Errorf("as %s: got %q, %v", role, got, err)
			}
		})
	}
	eventually(t, "all wait", func() bool { return db.Stat().Waiting == 12 })
	g.open(t)
	wg.Wait()
	if st := db.Stat(); st.Shared == 0 || st.Waiting != 0 {
		t.Errorf("%d went together, %d still wait", st.Shared, st.Waiting)
	}
	if failures != 4 {
		t.Errorf("%d failed, want 4", failures)
	}
}

// An error in a trip is no other's: not even the names of columns that are learned behind
// it, by a statement of which so far nothing but an error came.
func TestAnErrorLeavesTheColumnsOfOthersAlone(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	tx := pg.Tx{Caller: anon, Mode: pg.ReadOnly, Rows: pg.JSONArray, After: pg.Statement{SQL: `select null, null, 1, 2, 3`}}
	const divide, other = `select 6 / $1::int as a`, `select 60 / $1::int as b, 'c' as c, $1::int as d`
	mustRun(t, db, tx, divide, "1")
	if _, err := runTx(t.Context(), db, tx, other, "0"); sqlState(err) != "22012" {
		t.Fatal(err)
	}

	g := closeGate(t, d, db)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := runTx(t.Context(), db, tx, divide, "0"); sqlState(err) != "22012" {
			t.Errorf("got %v, want a division by zero", err)
		}
	})
	eventually(t, "the error waits", func() bool { return db.Stat().Waiting == 1 })
	for i := range 3 {
		wg.Go(func() {
			n := fmt.Sprint(i + 1)
			want := fmt.Sprintf(`[{"b":%d,"c":"c","d":%d}]`, 60/(i+1), i+1)
			if got, err := runTx(t.Context(), db, tx, other, n); err != nil || len(got) != 5 || got[0] != want || got[1] != "1" || got[4] != "3" {
				t.Errorf("got %q, %v, want %s", got, err, want)
			}
		})
	}
	eventually(t, "all wait", func() bool { return db.Stat().Waiting == 4 })
	g.open(t)
	wg.Wait()
	if db.Stat().Shared == 0 {
		t.Error("none went together")
	}
}

// Brief reads go together although connections are free, and each gets its own answer.
func TestBriefReadsShareATripWhileConnectionsAreFree(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	callers := runtime.GOMAXPROCS(0) + 6
	db := openPG(t, d.URL(sql.Authenticator), func(c *pg.Config) { c.MaxConnections = callers })
	tx := pg.Tx{Caller: anon, Mode: pg.ReadOnly}
	const echo = `select $1::text`
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				mine := fmt.Sprint(i, " ", n)
				if got, err := runTx(t.Context(), db, tx, echo, mine); err != nil || got[0] != mine {
					t.Errorf("got %q, %v, want %q", got, err, mine)
					return
				}
			}
		})
	}
	eventually(t, "some went together", func() bool { return db.Stat().Shared > 0 })
	stop()
	wg.Wait()
	if st := db.Stat(); st.Waiting != 0 || st.GaveUp != 0 {
		t.Errorf("%d still wait, %d gave up", st.Waiting, st.GaveUp)
	}
}

// Who gives up cancels their own statement, not that of those who came along.
func TestGivingUpLeavesNeighboursAlone(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	tx := pg.Tx{Caller: anon, Mode: pg.ReadOnly}
	const nap = `select pg_sleep($1::float8)::text || 'awake'`
	mustRun(t, db, tx, nap, "0")

	g := closeGate(t, d, db)
	ctx, giveUp := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := runTx(ctx, db, tx, nap, "60"); err == nil {
			t.Error("a statement of a minute ended at once")
		}
	})
	eventually(t, "the sleeper waits", func() bool { return db.Stat().Waiting == 1 })
	for range 3 {
		wg.Go(func() {
			if got, err := runTx(t.Context(), db, tx, nap, "0"); err != nil || got[0] != "awake" {
				t.Errorf("a neighbour: got %q, %v", got, err)
			}
		})
	}
	eventually(t, "all wait", func() bool { return db.Stat().Waiting == 4 })
	g.open(t)
	// On a machine so busy that the nap of no length was slow, they wait their turn
	// instead of going along; they must not be harmed either way.
	conn := d.Conn(t)
	eventually(t, "the sleeper sleeps", func() bool {
		var n int
		const ask = `select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`
		return conn.QueryRow(t.Context(), ask).Scan(&n) == nil && n == 1
	})
	giveUp()
	wg.Wait()
	if got := mustRun(t, db, tx, nap, "0"); got[0] != "awake" {
		t.Errorf("afterwards: got %q", got)
	}
}

const addNote = `insert into public.notes (id) values ($1::int) returning id::text`

// inserter gives a pool of so many connections, and a transaction that inserts notes.
func inserter(t *testing.T, connections int) (*dbtest.DB, *pg.DB, pg.Tx) {
	t.Helper()
	d := dbtest.New(t)
	exec(t, d, `create table public.notes (id int primary key, owner text default current_user);
		grant select, insert on public.notes to anon, authenticated`)
	db := openPG(t, d.URL(sql.Authenticator), func(c *pg.Config) { c.MaxConnections, c.MinConnections = connections, connections })
	return d, db, pg.Tx{Caller: anon, Inserts: true}
}

// Inserts that found every connection at work go together; each happens once, as its own
// caller, and one that fails is no other's.
func TestWaitingInsertsShareATripAndHappenOnce(t *testing.T) {
	t.Parallel()
	d, db, tx := inserter(t, 1)
	other := tx
	other.Caller = pg.Caller{Role: "authenticated", Claims: "authenticated"}
	mustRun(t, db, tx, addNote, "-1")
	mustRun(t, db, other, addNote, "0")

	g := closeGate(t, d, db)
	var wg sync.WaitGroup
	for i := range 16 {
		as := []pg.Tx{tx, other}[i%2]
		id, want := fmt.Sprint(i), ""
		if i%4 == 3 {
			id, want = "0", "23505"
		}
		if i == 0 {
			id = "16"
		}
		wg.Go(func() {
			got, err := runTx(t.Context(), db, as, addNote, id)
			if sqlState(err) != want || err == nil && got[0] != id {
				t.Errorf("%s: got %q, %v, want %q", id, got, err, want)
			}
		})
	}
	eventually(t, "all wait", func() bool { return db.Stat().Waiting == 16 })
	g.open(t)
	wg.Wait()
	if db.Stat().Shared == 0 {
		t.Error("none went together")
	}
	var anons, others int
	const count = `select count(*) filter (where owner = 'anon'), count(*) filter (where owner = 'authenticated') from public.notes where id > 0`
	if err := d.Conn(t).QueryRow(t.Context(), count).Scan(&anons, &others); err != nil || anons != 8 || others != 4 {
		t.Errorf("%d rows of one and %d of the other, %v; want 8 and 4", anons, others, err)
	}
}

// Reads never wait behind an insert: another's key may hold that up for long. Who gives up
// such an insert takes nobody along.
func TestInsertsShareATripWithInsertsAlone(t *testing.T) {
	t.Parallel()
	d, db, tx := inserter(t, 2)
	const whoami = `select current_user::text`
	read := pg.Tx{Caller: anon, Mode: pg.ReadOnly}
	var warm sync.WaitGroup // both connections should know both statements for quick ones
	for i := range 8 {
		warm.Go(func() {
			for n := range 8 {
				_, err := runTx(t.Context(), db, tx, addNote, fmt.Sprint(-1-8*i-n))
				if _, also := runTx(t.Context(), db, read, whoami); err != nil || also != nil {
					t.Error(err, also)
				}
			}
		})
	}
	warm.Wait()

	blocker, err := d.Conn(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := blocker.Exec(t.Context(), `insert into public.notes (id) values (1)`); err != nil {
		t.Fatal(err)
	}
	g := closeGate(t, d, db)
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	var inserts, reads sync.WaitGroup
	inserts.Go(func() {
		if _, err := runTx(ctx, db, tx, addNote, "1"); err == nil {
			t.Error("a key was inserted twice")
		}
	})
	eventually(t, "the first waits", func() bool { return db.Stat().Waiting == 1 })
	for i := range 4 {
		inserts.Go(func() {
			id := fmt.Sprint(2 + i)
			if got, err := runTx(t.Context(), db, tx, addNote, id); err != nil || got[0] != id {
				t.Errorf("%s: got %q, %v", id, got, err)
			}
		})
		reads.Go(func() {
			if got, err := runTx(t.Context(), db, read, whoami); err != nil || got[0] != "anon" {
				t.Errorf("a read: got %q, %v", got, err)
			}
		})
	}
	eventually(t, "all wait", func() bool { return db.Stat().Waiting == 9 })
	g.open(t)
	reads.Wait() // the first insert still waits for its key
	giveUp()
	inserts.Wait()
	if err := blocker.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	var ids []int32
	const list = `select array_agg(id order by id) from public.notes where id > 0`
	if err := d.Conn(t).QueryRow(t.Context(), list).Scan(&ids); err != nil || !slices.Equal(ids, []int32{2, 3, 4, 5}) {
		t.Errorf("there are %v, %v; want 2 to 5", ids, err)
	}
}

// Settings that a read brings along, its role's or its own, are no reason to go
// alone, and reach nobody else.
func TestReadsWithSettingsShareATripAndKeepThem(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	with := func(settings ...pg.Setting) pg.Tx {
		return pg.Tx{Caller: anon, Mode: pg.ReadOnly, Settings: settings}
	}
	mark := func(s string) pg.Setting { return pg.Setting{Name: "app.settings.mark", Value: s} }
	zone := func(s string) pg.Setting { return pg.Setting{Name: "timezone", Value: s} }
	soon := pg.Setting{Name: "statement_timeout", Value: "20ms"}
	const show = `select coalesce(current_setting('app.settings.mark', true), ''), current_setting('timezone'), pg_sleep($1::float8)::text`
	none := mustRun(t, db, with(), show, "0")
	mustRun(t, db, with(zone("UTC")), show, "0")
	mustRun(t, db, with(zone("UTC"), mark("")), show, "0")

	g := closeGate(t, d, db)
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			tx, want, state, nap := with(), slices.Clone(none), "", "0"
			switch i % 4 {
			case 0:
				tx, want[0], want[1] = with(mark("mine"), zone("Asia/Tokyo")), "mine", "Asia/Tokyo"
			case 1:
				tx, state = with(zone("Nowhere/At all")), "22023"
			case 2:
				tx, state, nap = with(soon), "57014", "60"
			}
			got, err := runTx(t.Context(), db, tx, show, nap)
			if sqlState(err) != state || err == nil && !slices.Equal(got, want) {
				t.Errorf("%v: got %q, %v, want %q, %q", tx.Settings, got, err, want, state)
			}
		})
	}
	eventually(t, "all wait", func() bool { return db.Stat().Waiting == 12 })
	g.open(t)
	wg.Wait()
	if db.Stat().Shared == 0 {
		t.Error("none went together")
	}
	if got := mustRun(t, db, with(), show, "0"); !slices.Equal(got, none) {
		t.Errorf("afterwards: %q, want %q", got, none)
	}
}

func TestResetBringsNewConnectionsAndInterruptsNone(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	tx := pg.Tx{Caller: anon}
	const limit = `select current_setting('statement_timeout')`
	before := mustRun(t, db, tx, limit)
	inDatabase(t, d, "set statement_timeout = ''12345ms''")
	if got := mustRun(t, db, tx, limit); !slices.Equal(got, before) {
		t.Errorf("a session that stands has another limit: %q", got)
	}
	g := closeGate(t, d, db)
	db.Reset()
	g.open(t)
	if got := mustRun(t, db, tx, limit); got[0] != "12345ms" {
		t.Errorf("the limit of a new session is %q", got[0])
	}
}
