package tests

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/consumer"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/replication"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// teller is a consumer that writes what it is told into the table told, in the
// transaction that stores its place. url is that of the replication login.
func teller(t testing.TB, url string, source changes.Source, log *slog.Logger) *consumer.Consumer {
	t.Helper()
	pool, err := pg.Open(context.Background(), pg.Config{}, url, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	tell := func(ctx context.Context, what string, done pg.Statement) error {
		_, err := pool.Do(ctx, &pg.Tx{
			Before: []pg.Statement{{SQL: `insert into public.told (what) values ($1)`, Args: [][]byte{[]byte(what)}}}, Main: done,
		})
		return err
	}
	return &consumer.Consumer{
		Name: "teller", Source: source, Want: everything, DB: pool, Log: log,
		Work: func(ctx context.Context, tx *changes.Transaction, done pg.Statement) error {
			return tell(ctx, showAll(tx), done)
		},
		Lost: func(ctx context.Context, gap *changes.Gap, done pg.Statement) error {
			return tell(ctx, "gap: "+string(gap.Reason), done)
		},
	}
}

func consumerDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	exec(t, db, `
		create table public.t (id integer primary key);
		create table public.told (n bigint generated always as identity primary key, what text not null);
		grant insert on public.told to fluxbase_replication`)
	publish(t, db, "public.t")
	return db
}

// told is what the table told has, in order.
func told(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	var all []string
	if err := conn.QueryRow(t.Context(), `select array(select what from public.told order by n)`).Scan(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// begun tells whether a consumer has its place.
func begun(t *testing.T, conn *pgx.Conn) (ok bool) {
	t.Helper()
	const ask = `select exists (select from fluxbase.consumers where position is not null)`
	if err := conn.QueryRow(t.Context(), ask).Scan(&ok); err != nil {
		t.Fatal(err)
	}
	return ok
}

// Two processes want to do the same work, and come and go while there is some: one at a
// time does it, and each change is worked on once and in order.
func TestOneConsumerWorksAtATime(t *testing.T) {
	t.Parallel()
	db := consumerDB(t)
	var streams []*streaming
	for _, name := range []string{"one", "two"} {
		// What leaves the ring must be kept for the consumer, by both.
		s := newStream(t, db, replication.Config{Instance: db.Name + "_" + name, RingTime: time.Second})
		streamReady(t, s)
		streams = append(streams, s)
	}
	run := func(s *streaming) (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		c := teller(t, db.URL(sql.Replication), s, slog.New(slog.NewTextHandler(s.log, nil)))
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx) })
		return sync.OnceFunc(func() { cancel(); running.Wait() })
	}
	stops := []func(){run(streams[0]), run(streams[1])}
	for _, stop := range stops {
		t.Cleanup(func() { stop() })
	}
	conn := db.Conn(t)
	eventually(t, "one of them has begun", func() bool { return begun(t, conn) })

	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	const rows, rounds = 20, 6
	for round := range rounds {
		for i := range rows {
			if _, err := conn.Exec(t.Context(), `insert into public.t values ($1)`, round*rows+i); err != nil {
				t.Fatal(err)
			}
		}
		i := random.IntN(2)
		stops[i]()
		stops[i] = run(streams[i])
	}
	eventually(t, "all has been told", func() bool { return len(told(t, conn)) >= rows*rounds })

	// What is written while nobody works is kept by each slot, beyond its ring.
	for _, stop := range stops {
		stop()
	}
	for i := range rows {
		if _, err := conn.Exec(t.Context(), `insert into public.t values ($1)`, rounds*rows+i); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range streams {
		streamReady(t, s)
		eventually(t, "the ring is empty", func() bool { return gauge(t, s, "fluxbase_changes_ring_bytes") == 0 })
		s.stop()
	}
	for i, name := range []string{"one", "two"} {
		streams[i] = newStream(t, db, replication.Config{Instance: db.Name + "_" + name, RingTime: time.Second})
		stops[i] = run(streams[i])
	}
	eventually(t, "all has been told", func() bool { return len(told(t, conn)) >= rows*(rounds+1) })

	// One that takes over while its own ring is empty reads the log again.
	for _, stop := range stops {
		stop()
	}
	for i := range rows {
		if _, err := conn.Exec(t.Context(), `insert into public.t values ($1)`, (rounds+1)*rows+i); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range streams {
		streamReady(t, s)
		eventually(t, "the ring is empty", func() bool { return gauge(t, s, "fluxbase_changes_ring_bytes") == 0 })
		stops[i] = run(s)
	}
	eventually(t, "all has been told", func() bool { return len(told(t, conn)) >= rows*(rounds+2) })
	for i, what := range told(t, conn) {
		if want := fmt.Sprintf("I t (%d)", i); what != want {
			t.Fatalf("seed %d: number %d is %s, want %s", seed, i, what, want)
		}
	}

	// With nothing to do the place moves on, so that no log is kept.
	var begun string
	if err := conn.QueryRow(t.Context(), `select pg_current_wal_insert_lsn()::text`).Scan(&begun); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slots let go of the log", func() bool {
		var n int
		const ask = `select count(*) from pg_replication_slots where starts_with(slot_name, $1) and confirmed_flush_lsn >= $2::pg_lsn`
		if err := conn.QueryRow(t.Context(), ask, "fluxbase_"+db.Name, begun).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 2
	})
}

// Work that fails comes again, and no other is done in its place.
func TestWorkThatFailsComesAgain(t *testing.T) {
	t.Parallel()
	db := consumerDB(t)
	s := newStream(t, db, replication.Config{})
	streamReady(t, s)
	log := new(syncBuffer)
	c := teller(t, db.URL(sql.Replication), s, slog.New(slog.NewTextHandler(log, nil)))
	exec(t, db, `revoke insert on public.told from fluxbase_replication`)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	conn := db.Conn(t)
	eventually(t, "it has begun", func() bool { return begun(t, conn) })
	exec(t, db, `insert into public.t values (1)`)
	exec(t, db, `insert into public.t values (2)`)
	eventually(t, "it says that it fails", func() bool { return strings.Contains(log.String(), "stands still") })
	exec(t, db, `grant insert on public.told to fluxbase_replication`)
	eventually(t, "both are told", func() bool { return len(told(t, conn)) == 2 })
	if got := strings.Join(told(t, conn), "; "); got != "I t (1); I t (2)" {
		t.Errorf("told %s", got)
	}

	// Who was forgotten begins anew, and one whose fence is gone has stored nothing.
	exec(t, db, `select fluxbase.forget_consumer('teller')`)
	exec(t, db, `insert into public.t values (3)`)
	eventually(t, "it has begun again", func() bool { return begun(t, conn) })
	exec(t, db, `insert into public.t values (4)`)
	eventually(t, "the next is told", func() bool { return strings.HasSuffix(strings.Join(told(t, conn), "; "), "I t (4)") })
	if got := len(told(t, conn)); got > 4 {
		t.Errorf("told %d times: %v", got, told(t, conn))
	}
}

// Work that is slower than those who write falls behind what is kept in memory, reads the
// log again at its own speed, and misses nothing; and the stream itself waits for nobody.
func TestSlowWorkReadsTheLogAgain(t *testing.T) {
	t.Parallel()
	db := consumerDB(t)
	s := newStream(t, db, replication.Config{RingBytes: 20_000})
	streamReady(t, s)
	c := teller(t, db.URL(sql.Replication), s, slog.New(slog.NewTextHandler(s.log, nil)))
	tell := c.Work
	began, goOn := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(began) })
	c.Work = func(ctx context.Context, tx *changes.Transaction, done pg.Statement) error {
		begin()
		<-goOn
		return tell(ctx, tx, done)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(func() { release(); cancel(); running.Wait() })
	conn := db.Conn(t)
	eventually(t, "it has begun", func() bool { return begun(t, conn) })

	const rows = 1000
	write := func(from int) {
		t.Helper()
		const each = `do $$ begin for i in %d..%d loop insert into public.t values (i); commit; end loop; end $$`
		if _, err := conn.Exec(t.Context(), fmt.Sprintf(each, from, from+rows-1)); err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	<-began
	write(rows)
	streamReady(t, s) // all of it has come, and most has left the ring
	release()
	write(2 * rows)
	eventually(t, "all has been told", func() (all bool) {
		if err := conn.QueryRow(t.Context(), `select count(*) >= $1 from public.told`, 3*rows).Scan(&all); err != nil {
			t.Fatal(err)
		}
		return all
	})
	for i, what := range told(t, conn) {
		if want := fmt.Sprintf("I t (%d)", i); what != want {
			t.Fatalf("number %d is %s, want %s", i, what, want)
		}
	}
	if log := s.log.String(); !strings.Contains(log, "reading the log again") {
		t.Errorf("the log was not read again:\n%s", tail(log))
	}
	// When it has caught up, it needs no slot of its own.
	eventually(t, "the copy of the slot is gone", func() (gone bool) {
		if err := conn.QueryRow(t.Context(), `select not exists (select from pg_replication_slots where temporary and database = current_database())`).Scan(&gone); err != nil {
			t.Fatal(err)
		}
		return gone
	})
}

// Of many that claim the same work in one moment one has it, and of two that store its
// place at once the one behind the newer fence.
func TestClaimsOfOneConsumerMeet(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	const callers, rounds = 8, 20
	var conns []*pgx.Conn
	for range callers {
		conns = append(conns, openURL(t, db.URL(sql.Replication)))
	}
	for round := range rounds {
		name := fmt.Sprintf("work %d", round)
		var running sync.WaitGroup
		var holders, stored atomic.Int64
		for _, conn := range conns {
			running.Go(func() {
				// Each that finds the lease of another run out takes over, and stores.
				const claim = `select fence from fluxbase.claim_consumer($1, gen_random_uuid(), $2, '1/1')`
				for _, lease := range []string{"-1 s", "1 min"} {
					var fence int64
					err := conn.QueryRow(t.Context(), claim, name, lease).Scan(&fence)
					if errors.Is(err, pgx.ErrNoRows) {
						return
					}
					if err != nil {
						t.Errorf("claim: %v", err)
						return
					}
					if lease == "1 min" {
						holders.Add(1)
					}
					_, err = conn.Exec(t.Context(), `select fluxbase.store_position($1, $2, '1/1/0/1')`, name, fence)
					if err == nil && lease == "1 min" {
						stored.Add(1)
					}
					if err != nil && sqlState(err) != "55000" {
						t.Errorf("store: %v", err)
					}
				}
			})
		}
		running.Wait()
		if holders.Load() != 1 || stored.Load() != 1 {
			t.Fatalf("round %d: %d hold it, and %d of them have stored their place", round, holders.Load(), stored.Load())
		}
	}
}
