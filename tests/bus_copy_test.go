package tests

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/replication/bus"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// settingsDB is a database with a table that steers every process.
func settingsDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	exec(t, db, `
		create table public.settings (id integer primary key, version integer not null);
		insert into public.settings values (1, 0);
		alter publication fluxbase_system add table public.settings`)
	return db
}

// copyOf reads the version in the table of settingsDB.
func copyOf(t *testing.T, db *dbtest.DB) *bus.Copy[int] {
	t.Helper()
	pool := db.Pool(t)
	return bus.NewCopy("settings", func(ctx context.Context) (version int, err error) {
		err = pool.QueryRow(ctx, `select version from public.settings where id = 1`).Scan(&version)
		return version, err
	}, changes.Table{Schema: "public", Name: "settings"})
}

// remembered is what a copy says without asking the database.
func remembered(c *bus.Copy[int]) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return c.Get(ctx)
}

// Whoever has changed a setting and waited knows that no process remembers what was before,
// while others change it too and leases come and go. On a busy machine a process may doubt
// its lease for a moment, and then it remembers nothing.
func TestWhatIsConfirmedIsInEveryCopy(t *testing.T) {
	t.Parallel()
	db := settingsDB(t)
	copies := []*bus.Copy[int]{copyOf(t, db), copyOf(t, db)}
	newMember(t, db, "one", nil, copies[0])
	newMember(t, db, "two", nil, copies[1])

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var passing, callers sync.WaitGroup
	for range 2 {
		conn := openURL(t, db.URL(sql.Replication))
		passing.Go(func() {
			for ctx.Err() == nil { // processes that confirm all, live for a moment, and may give their lease back
				const pass = `select fluxbase.renew(i.id, 'passing', 1, 'FFFFFFFF/0', s.lease)
					from (select gen_random_uuid()) as i (id), unnest(array['30 ms', '0']::interval[]) as s (lease)`
				if _, err := conn.Exec(context.Background(), pass); err != nil {
					t.Errorf("a lease that passes: %v", err)
					return
				}
			}
		})
	}
	for range 4 {
		conn := db.Conn(t)
		callers.Go(func() {
			for range 5 {
				var version int
				var mark string
				var names []string
				err := conn.QueryRow(ctx, `update public.settings set version = version + 1 returning version`).Scan(&version)
				if err == nil {
					err = conn.QueryRow(ctx, `select fluxbase.mark()::text`).Scan(&mark)
				}
				if err == nil {
					err = conn.QueryRow(ctx, `select array(select fluxbase.await($1::text::pg_lsn))`, mark).Scan(&names)
				}
				if err != nil || len(names) > 0 {
					t.Errorf("%v have not confirmed (%v)", names, err)
					return
				}
				for i, c := range copies {
					if got, err := remembered(c); err == nil && got < version {
						t.Errorf("copy %d says %d, and %d is confirmed", i, got, version)
					}
				}
			}
		})
	}
	callers.Wait()
	cancel()
	passing.Wait()
	for _, c := range copies {
		eventually(t, "both remember the last", func() bool {
			if got, err := c.Get(t.Context()); err != nil || got != 20 {
				t.Fatalf("in the end the copy says %d (%v), want 20", got, err)
			}
			_, err := remembered(c)
			return err == nil
		})
	}
}

// A process whose stream is older than its lease asks the database, whatever it
// remembers, and when the stream is back it has missed nothing.
func TestWithoutTrustACopyAsksTheDatabase(t *testing.T) {
	t.Parallel()
	db := settingsDB(t)
	c := copyOf(t, db)
	if got, err := c.Get(t.Context()); err != nil || got != 0 {
		t.Errorf("before any process runs: %d, %v", got, err)
	}
	m := newMember(t, db, "one", nil, c)
	eventually(t, "it is remembered", func() bool { _, err := remembered(c); return err == nil })

	thaw := freeze(t, db, m)
	exec(t, db, `update public.settings set version = 1`)
	eventually(t, "nothing is trusted", func() bool { return !m.Trusted() })
	if _, err := remembered(c); err == nil {
		t.Error("without trust it answers from memory")
	}
	if got, err := c.Get(t.Context()); err != nil || got != 1 {
		t.Errorf("from the database it gets %d, %v", got, err)
	}
	thaw()
	eventually(t, "the new one is remembered", func() bool { got, err := remembered(c); return err == nil && got == 1 })

	// A truncated table, and one that is filled by a transaction too large to be told.
	exec(t, db, `truncate public.settings; insert into public.settings select i, 2 from generate_series(1, 20000) as i`)
	eventually(t, "the whole table is read again", func() bool { got, err := remembered(c); return err == nil && got == 2 })
}

// The announcement alone brings the new catalogue: nothing here looks by itself.
func TestAnnouncementsWakeTheCatalogue(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	log := slog.New(slog.DiscardHandler)
	store := catalog.NewStore(openPG(t, db.URL(sql.Authenticator), func(c *pg.Config) { c.MaxConnections = 2 }),
		catalog.Config{Schemas: []string{"public"}}, prometheus.NewRegistry(), log)
	m := newMember(t, db, "one", store.Wake)
	store.Follow(m.AnnouncesDDL, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { store.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	eventually(t, "there is a catalogue", func() bool { return store.Current() != nil })
	for _, statement := range []string{
		`create table public.a (id integer)`, `alter table public.a add column b integer`,
		`create function public.f() returns integer language sql return 1`, `drop function public.f`,
	} {
		before := store.Stat().Loaded
		exec(t, db, statement)
		eventually(t, "it is loaded after "+statement, func() bool { return store.Stat().Loaded > before })
	}
}

// Enabled and disabled by many at once, under writers, a table is either published and
// writable, or not published.
func TestEnableAndDisableMeet(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create table public.busy (id integer); insert into public.busy values (1)`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var writer, callers sync.WaitGroup
	var written atomic.Int64
	conn := db.Conn(t)
	writer.Go(func() {
		for ctx.Err() == nil {
			if _, err := conn.Exec(context.Background(), `update public.busy set id = id + 1`); err != nil {
				t.Errorf("the application's write failed: %v", err)
				return
			}
			written.Add(1)
		}
	})
	for i := range 8 {
		conn := db.Conn(t)
		callers.Go(func() {
			call := []string{`select realtime.enable('public.busy')`, `select realtime.disable('public.busy')`}[i%2]
			for range 10 {
				if err := tryAgain(ctx, conn, call); err != nil {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
	callers.Wait()
	cancel()
	writer.Wait()
	for _, call := range []struct {
		do   string
		want int
	}{{`select realtime.enable('public.busy')`, 1}, {`select realtime.disable('public.busy')`, 0}} {
		exec(t, db, call.do)
		var n int
		const ask = `select count(*) from pg_publication_tables where pubname = 'supabase_realtime' and tablename = 'busy'`
		if err := db.Conn(t).QueryRow(t.Context(), ask).Scan(&n); err != nil || n != call.want {
			t.Errorf("after %s: published %d times (%v)", call.do, n, err)
		}
	}
	if written.Load() == 0 {
		t.Error("nothing was written meanwhile")
	}
}

// names of the live processes, as fluxbase.await says them.
func liveNames(t *testing.T, conn *pgx.Conn) (names []string) {
	t.Helper()
	const ask = `select array(select name from fluxbase.proxies where live_until > clock_timestamp() order by name)`
	if err := conn.QueryRow(t.Context(), ask).Scan(&names); err != nil {
		t.Fatal(err)
	}
	return names
}

// Two real processes, one of which stands still: who waits is told which, and by when
// the wait is over that one trusts nothing any more.
func TestAwaitNamesTheProcessThatStandsStill(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conn := db.Conn(t)
	one := startRealtime(t, db, "one")
	first := liveNames(t, conn)
	two := startRealtime(t, db, "two")
	second := slices.DeleteFunc(liveNames(t, conn), func(name string) bool { return slices.Contains(first, name) })
	if len(first) != 1 || len(second) != 1 {
		t.Fatalf("leases of %v and %v, want one each", first, second)
	}
	await := func(patience string) (names []string, took time.Duration) {
		t.Helper()
		var mark string
		if err := conn.QueryRow(t.Context(), `select fluxbase.mark()::text`).Scan(&mark); err != nil {
			t.Fatal(err)
		}
		var seconds float64
		const ask = `with began as materialized (select clock_timestamp() as at), behind as materialized (
			select array(select fluxbase.await($1::text::pg_lsn, $2::text::interval)) as names from began)
			select b.names, extract(epoch from clock_timestamp() - a.at)::float8 from began as a, behind as b`
		if err := conn.QueryRow(t.Context(), ask, mark, patience).Scan(&names, &seconds); err != nil {
			t.Fatal(err)
		}
		return names, time.Duration(seconds * float64(time.Second))
	}
	if names, _ := await("5 s"); len(names) > 0 {
		t.Errorf("%v have not confirmed", names)
	}
	two.pause(t)
	if names, _ := await("500 ms"); !slices.Equal(names, second) {
		t.Errorf("%v have not confirmed, want %v alone", names, second)
	}
	// Longer than it may, nobody waits.
	names, took := await("1 hour")
	if len(names) > 0 && !slices.Equal(names, second) || took > bus.Lease+2*time.Second {
		t.Errorf("%v have not confirmed after %s", names, took)
	}
	eventually(t, "its lease has ended", func() bool { return slices.Equal(liveNames(t, conn), first) })
	if names, _ := await("5 s"); len(names) > 0 {
		t.Errorf("%v have not confirmed, although no other lives", names)
	}
	two.resume()
	eventually(t, "both are trusted", func() bool {
		return one.metric(t, "fluxbase_bus_trusted", nil) == 1 && two.metric(t, "fluxbase_bus_trusted", nil) == 1 && len(liveNames(t, conn)) == 2
	})
	if names, _ := await("5 s"); len(names) > 0 {
		t.Errorf("%v have not confirmed after all is well again", names)
	}
}
