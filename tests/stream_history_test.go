package tests

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// history is what a reader of the stream has put together.
type history struct {
	t      *testing.T
	at     changes.Position
	parts  map[string]int    // rows of log, and how often each was told
	rows   map[string]string // of acc
	serial int64
	last   map[string]int64 // number of each writer's last transaction
}

// take applies a transaction, and says where it is not what must come next.
func (h *history) take(tx *toldTransaction) {
	at, err := changes.ParsePosition(tx.At)
	if err != nil || tx.Gap != "" {
		h.t.Errorf("at %s (%v) changes may be missing: %s", tx.At, err, tx.Gap)
	}
	if h.at != (changes.Position{}) && (at.Epoch != h.at.Epoch || at.LSN <= h.at.LSN) {
		h.t.Errorf("%s comes after %s", at, h.at)
	}
	h.at = at
	for _, e := range tx.Events {
		number := func(column int) int64 {
			n, err := strconv.ParseInt(e.New[column], 10, 64)
			if err != nil {
				h.t.Errorf("%v: %v", e, err)
			}
			return n
		}
		switch e.Table {
		case "log":
			writer := e.New[0]
			h.parts[strings.Join(e.New, " ")]++
			if n := number(1); n < h.last[writer] {
				h.t.Errorf("transaction %d of writer %s comes after %d", n, writer, h.last[writer])
			} else {
				h.last[writer] = n
			}
		case "counter":
			// Its row is locked until the commit, so it counts commits in their order.
			if n := number(0); n != h.serial+1 {
				h.t.Errorf("commit %d comes after %d", n, h.serial)
			}
			h.serial = number(0)
		case "acc":
			if len(e.Old) > 0 {
				delete(h.rows, e.Old[0])
			}
			if len(e.New) > 0 {
				h.rows[e.New[0]] = e.New[1]
			}
		}
	}
}

// compare asks the tables what has happened.
func (h *history) compare(conn *pgx.Conn) {
	h.t.Helper()
	each := func(query string, see func(key, value string)) {
		rows, err := conn.Query(h.t.Context(), query)
		if err != nil {
			h.t.Fatal(err)
		}
		var key, value string
		if _, err := pgx.ForEachRow(rows, []any{&key, &value}, func() error { see(key, value); return nil }); err != nil {
			h.t.Fatal(err)
		}
	}
	told := len(h.parts)
	each(`select writer || ' ' || n || ' ' || part, '' from log`, func(key, _ string) {
		if h.parts[key] != 1 {
			h.t.Errorf("row %s was told %d times", key, h.parts[key])
		}
		delete(h.parts, key)
	})
	for key := range h.parts {
		h.t.Errorf("row %s was told and is not there", key)
	}
	each(`select id::text, v from acc`, func(key, value string) {
		if h.rows[key] != value {
			h.t.Errorf("row %s is %q, told %q", key, value, h.rows[key])
		}
		delete(h.rows, key)
	})
	for key := range h.rows {
		h.t.Errorf("row %s is gone, which was not told", key)
	}
	each(`select n::text, '' from counter`, func(key, _ string) {
		if key != strconv.FormatInt(h.serial, 10) {
			h.t.Errorf("%s ordered commits, told %d", key, h.serial)
		}
	})
	h.t.Logf("%d rows, %d ordered commits", told, h.serial)
}

// historyWriter writes transactions of all kinds until stop, over any number of
// lost connections.
func historyWriter(ctx context.Context, db *dbtest.DB, id int, stop *atomic.Bool) error {
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.Background())
		}
	}()
	for n := 0; !stop.Load(); n++ {
		// A commit of each transaction's own is all that the work for it can do, so that
		// six who write for ten minutes would need as long again to be caught up with.
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		if conn == nil {
			c, err := pgx.Connect(ctx, db.AdminURL())
			if err != nil {
				if ctx.Err() != nil {
					return err
				}
				time.Sleep(20 * time.Millisecond)
				continue
			}
			conn = c
		}
		if err := historyTransaction(ctx, conn, id, n); err != nil {
			_ = conn.Close(ctx)
			conn = nil
		}
	}
	return nil
}

func historyTransaction(ctx context.Context, conn *pgx.Conn, id, n int) error {
	// A crash may have left our last one prepared, with a lock on the counter.
	var left *string
	err := conn.QueryRow(ctx, `select (select gid from pg_prepared_xacts where starts_with(gid, $1))`, fmt.Sprintf("w%d_", id)).Scan(&left)
	if err == nil && left != nil {
		_, err = conn.Exec(ctx, "commit prepared '"+*left+"'")
	}
	if err != nil {
		return err
	}
	gid := fmt.Sprintf("w%d_%d", id, n)
	var b strings.Builder
	fmt.Fprintf(&b, "set synchronous_commit = %s; begin;", []string{"on", "off", "local"}[rand.IntN(3)])
	if rand.IntN(3) == 0 {
		b.WriteString("update counter set n = n + 1;")
	}
	for part := range 1 + rand.IntN(4) {
		// A writer has keys of its own, so that no two wait for each other.
		key := id*10 + rand.IntN(10)
		if rand.IntN(3) == 0 {
			fmt.Fprintf(&b, "savepoint s; insert into log values (%d, %d, %d); update acc set v = 'undone' where id = %d; rollback to s;", id, n, 100+part, key)
		}
		fmt.Fprintf(&b, "savepoint s; insert into log values (%d, %d, %d);", id, n, part)
		if rand.IntN(2) == 0 {
			fmt.Fprintf(&b, "insert into acc values (%d, '%s') on conflict (id) do update set v = excluded.v; release s;", key, gid)
		} else {
			fmt.Fprintf(&b, "delete from acc where id = %d; release s;", key)
		}
	}
	end := []string{"rollback", "rollback prepared", "commit prepared", "commit prepared"}
	if i := rand.IntN(12); i == 0 || i >= len(end) {
		b.WriteString(append(end, "commit")[min(i, len(end))])
		_, err = conn.Exec(ctx, b.String())
		return err
	} else if _, err = conn.Exec(ctx, b.String()+"prepare transaction '"+gid+"'"); err != nil {
		return err
	} else {
		_, err = conn.Exec(ctx, end[i]+" '"+gid+"'")
		return err
	}
}

// Every committed change is told exactly once and in commit order to who works on it,
// whatever dies meanwhile: walsenders, clients, Postgres, or the processes that do the
// work; make soak gives it ten minutes.
func TestStreamTellsTheTablesOwnHistory(t *testing.T) {
	t.Parallel()
	duration := max(6*time.Second, *soak)
	c := dbtest.Private(t, dbtest.Options{Durable: true, Settings: map[string]string{"max_prepared_transactions": "20"}})
	db := c.New(t)
	exec(t, db, `
		create table log (writer integer, n integer, part integer, primary key (writer, n, part));
		create table counter (n bigint primary key);
		insert into counter values (0);
		create table acc (id integer primary key, v text);
		create table told (n bigint generated always as identity primary key, what json not null);
		grant insert on told to fluxbase_replication`)
	publish(t, db, "log", "counter", "acc")

	var workers [2]*worker
	begin := func(i int) { workers[i] = startWorker(t, db, fmt.Sprintf("%s_%d", db.Name, i)) }
	for i := range workers {
		begin(i)
		t.Cleanup(func() {
			workers[i].end(t, syscall.SIGTERM)
			if t.Failed() {
				t.Logf("log of worker %d:\n%s", i, tail(workers[i].log.String()))
			}
		})
	}
	terminate := func(query string) {
		if conn, err := pgx.Connect(t.Context(), db.AdminURL()); err == nil {
			_, _ = conn.Exec(t.Context(), query)
			_ = conn.Close(t.Context())
		}
	}
	holds := func(conn *pgx.Conn, query string) (ok bool) {
		if err := conn.QueryRow(t.Context(), query).Scan(&ok); err != nil {
			t.Fatal(err)
		}
		return ok
	}
	first := db.Conn(t)
	eventually(t, "the work begins before the first commit", func() bool {
		return holds(first, `select exists (select from fluxbase.consumers where position is not null)`)
	})

	var writers sync.WaitGroup
	var stop atomic.Bool
	for id := range 6 {
		writers.Go(func() {
			if err := historyWriter(context.Background(), db, id, &stop); err != nil {
				t.Error(err)
			}
		})
	}
	end := func(i int, sig syscall.Signal) { workers[i].end(t, sig); begin(i) }
	happenings := []func(){
		func() { terminate(`select pg_terminate_backend(active_pid) from pg_replication_slots where active`) },
		func() { end(rand.IntN(2), syscall.SIGTERM) },
		func() { c.Kill(); c.Restart(t) },
		func() { end(rand.IntN(2), syscall.SIGKILL) },
		func() {
			terminate(`select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() order by random() limit 2`)
		},
	}
	for i, end := 0, time.Now().Add(duration); time.Now().Before(end) || i < len(happenings); i++ {
		time.Sleep(time.Duration(200+rand.IntN(1000)) * time.Millisecond)
		if i < len(happenings) {
			happenings[i]()
		} else {
			happenings[rand.IntN(len(happenings))]()
		}
	}
	stop.Store(true)
	writers.Wait()

	conn := db.Conn(t)
	rows, err := conn.Query(t.Context(), `select gid from pg_prepared_xacts`)
	if err != nil {
		t.Fatal(err)
	}
	gids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, gid := range gids {
		exec(t, db, "commit prepared '"+gid+"'")
	}
	exec(t, db, `select pg_logical_emit_message(true, 'test.end', '')`)
	// The writers may have been faster than the work for all the time.
	within(t, max(time.Minute, 2*duration), "the end is told", func() bool {
		return holds(conn, `select coalesce((select what::text like '%test.end%' from told order by n desc limit 1), false)`)
	})
	h := &history{t: t, parts: map[string]int{}, rows: map[string]string{}, last: map[string]int64{}}
	told, err := conn.Query(t.Context(), `select what from told order by n`)
	if err != nil {
		t.Fatal(err)
	}
	var tx toldTransaction
	if _, err := pgx.ForEachRow(told, []any{&tx}, func() error { h.take(&tx); tx = toldTransaction{}; return nil }); err != nil {
		t.Fatal(err)
	}
	h.compare(conn)
}
