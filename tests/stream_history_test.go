package tests

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/replication"
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
	ended  bool
}

// take applies a transaction, and says where it is not what must come next.
func (h *history) take(tx *changes.Transaction) {
	if h.at != (changes.Position{}) && (tx.Epoch != h.at.Epoch || tx.End <= h.at.LSN) {
		h.t.Errorf("%s comes after %s", tx.Position(), h.at)
	}
	h.at = tx.Position()
	for i := range tx.Events {
		e := &tx.Events[i]
		if e.Op == changes.Message {
			h.ended = h.ended || e.Prefix == "test.end"
			continue
		}
		text := func(row changes.Tuple, column int) string { return string(row.Value(column).Text) }
		number := func(column int) int64 {
			n, err := strconv.ParseInt(text(e.New, column), 10, 64)
			if err != nil {
				h.t.Errorf("%s: %v", show(e), err)
			}
			return n
		}
		switch e.Relation.Name {
		case "log":
			writer := text(e.New, 0)
			h.parts[writer+" "+text(e.New, 1)+" "+text(e.New, 2)]++
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
			if !e.Old.IsZero() {
				delete(h.rows, text(e.Old, 0))
			}
			if !e.New.IsZero() {
				h.rows[text(e.New, 0)] = text(e.New, 1)
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

// Every committed change is told exactly once and in commit order, whatever dies
// meanwhile; make soak gives it ten minutes.
func TestStreamTellsTheTablesOwnHistory(t *testing.T) {
	t.Parallel()
	duration := max(6*time.Second, *soak)
	c := dbtest.Private(t, dbtest.Options{Durable: true, Settings: map[string]string{"max_prepared_transactions": "20"}})
	db := c.New(t)
	exec(t, db, `
		create table log (writer integer, n integer, part integer, primary key (writer, n, part));
		create table counter (n bigint primary key);
		insert into counter values (0);
		create table acc (id integer primary key, v text)`)
	publish(t, db, "log", "counter", "acc")

	h := &history{t: t, parts: map[string]int{}, rows: map[string]string{}, last: map[string]int64{}}
	read := func(ctx context.Context, s *streaming, started bool) {
		sub := s.Subscribe(changes.Options{Want: everything, From: h.at, Durable: true})
		defer sub.Close()
		for !h.ended {
			tx, err := sub.Next(ctx)
			var gap *changes.Gap
			switch {
			case err == nil:
				h.take(tx)
				sub.Done(h.at)
			case errors.As(err, &gap) && gap.Reason == changes.Started && started:
				started, h.at = false, gap.From
			case ctx.Err() != nil || errors.Is(err, changes.ErrClosed):
				return
			default:
				t.Errorf("read: %v", err)
				return
			}
		}
	}
	var s *streaming
	var reader sync.WaitGroup
	begin := func(first bool) {
		s = newStream(t, db, replication.Config{})
		reader.Go(func() { read(context.Background(), s, first) })
	}
	begin(true)
	streamReady(t, s) // so that the slot is there before the first commit

	var writers sync.WaitGroup
	var stop atomic.Bool
	for id := range 6 {
		writers.Go(func() {
			if err := historyWriter(context.Background(), db, id, &stop); err != nil {
				t.Error(err)
			}
		})
	}
	terminate := func(query string) {
		if conn, err := pgx.Connect(t.Context(), db.AdminURL()); err == nil {
			_, _ = conn.Exec(t.Context(), query)
			_ = conn.Close(t.Context())
		}
	}
	happenings := []func(){
		func() { terminate(`select pg_terminate_backend(active_pid) from pg_replication_slots where active`) },
		func() { s.stop(); reader.Wait(); begin(false) },
		func() { c.Kill(); c.Restart(t) },
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
	ended := make(chan struct{})
	go func() { reader.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatalf("the end has not come after a minute; the stream is %+v", s.State())
	}
	h.compare(conn)
}
