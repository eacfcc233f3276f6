package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// copied is what a client knows of the tables log and acc, by key.
type copied map[string]string

// apply takes a row of a snapshot or a change, and says what is wrong with it: a change
// that comes twice, or after one that did not come.
func (c copied) apply(table, op string, row json.RawMessage) error {
	var r struct {
		Writer, N, Part, ID int
		V                   string
	}
	if err := json.Unmarshal(row, &r); err != nil {
		return err
	}
	key := fmt.Sprint(table, " ", r.Writer, " ", r.N, " ", r.Part, " ", r.ID)
	switch _, known := c[key]; {
	case op == "INSERT" && known:
		return fmt.Errorf("%s is told twice", key)
	case op != "INSERT" && !known:
		return fmt.Errorf("%s of %s comes without its insert", op, key)
	case op == "DELETE":
		delete(c, key)
	default:
		c[key] = r.V
	}
	return nil
}

// read gives what the tables hold.
func (c copied) read(ctx context.Context, conn *pgx.Conn, from int) error {
	for table, query := range map[string]string{
		"log": `select to_json(t)::text from log as t where n >= ` + strconv.Itoa(from),
		"acc": `select to_json(t)::text from acc as t`,
	} {
		rows, err := conn.Query(ctx, query)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, row := range list {
			if err := c.apply(table, "INSERT", json.RawMessage(row)); err != nil {
				return err
			}
		}
	}
	return nil
}

// differs names a few keys in which two copies differ.
func (c copied) differs(other copied) string {
	var list []string
	for key, v := range c {
		if w, ok := other[key]; !ok || v != w {
			list = append(list, fmt.Sprintf("%s is %q, not %q", key, v, w))
		}
	}
	for key := range other {
		if _, ok := c[key]; !ok {
			list = append(list, key+" is missing")
		}
	}
	return strings.Join(list[:min(len(list), 10)], "; ")
}

// end is the row of log after which nothing comes.
const end = 1 << 30

// copyTables joins with snapshots of both tables and follows them up to the row end.
func copyTables(c *resumer, s *server, from int, joined func()) (copied, error) {
	defer joined()
	err := c.open(s, fmt.Sprintf(`{"postgres_changes":[
		{"event":"*","schema":"public","table":"log","filter":"n=gte.%d","snapshot":true},
		{"event":"*","schema":"public","table":"acc","snapshot":true}]}`, from))
	if err != nil {
		return nil, err
	}
	defer c.close()
	joined()
	has := copied{}
	for ended := false; !ended; {
		m, err := c.next()
		if err != nil {
			return nil, err
		}
		p := &m.Payload
		switch {
		case m.Event == "postgres_snapshot":
			for _, row := range p.Rows {
				if err := has.apply(p.Table, "INSERT", row); err != nil {
					return nil, fmt.Errorf("snapshot: %w", err)
				}
			}
		case m.Event == "system" && p.Resync == "":
		case m.Event != "postgres_changes":
			return nil, fmt.Errorf("%+v comes", m)
		default:
			row := p.Data.Record
			if p.Data.Type == "DELETE" {
				row = p.Data.Old
			}
			if err := has.apply(p.Data.Table, p.Data.Type, row); err != nil {
				return nil, err
			}
			ended = strings.Contains(string(row), `"writer":-1`)
		}
	}
	return has, nil
}

// historyDB has the tables that historyWriter writes, for all to read.
func historyDB(t *testing.T, c *dbtest.Cluster) *dbtest.DB {
	t.Helper()
	db := c.New(t)
	exec(t, db, `
		create table public.log (writer integer, n integer, part integer, primary key (writer, n, part));
		create table public.counter (n bigint primary key);
		insert into public.counter values (0);
		create table public.acc (id integer primary key, v text);
		grant select on public.log, public.acc to anon;
		select realtime.enable('public.log'), realtime.enable('public.acc')`)
	return db
}

// finishPrepared commits what writers have left prepared.
func finishPrepared(t *testing.T, db *dbtest.DB) {
	t.Helper()
	conn := db.Conn(t)
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), `select gid from pg_prepared_xacts where database = current_database()`)
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
}

// What a snapshot has told is not undone by a crash, also where commits do not wait for
// the disk.
func TestSnapshotsShowWhatIsOnDisk(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{Durable: true})
	db := historyDB(t, c)
	s := startRealtime(t, db, "one", "FLUXBASE_SERVER_LOG_LEVEL=warn")
	for _, setting := range []string{"synchronous_commit = off", "wal_writer_delay = '10s'", "wal_writer_flush_after = '1GB'"} {
		exec(t, db, `alter system set `+setting)
	}
	exec(t, db, `select pg_reload_conf()`)
	exec(t, db, `set synchronous_commit = off; insert into acc values (1, 'soon lost')`)
	k := newResumer(t, s, `{"postgres_changes":[{"event":"*","schema":"public","table":"acc","snapshot":true}]}`)
	for {
		m, err := k.next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Event == "postgres_snapshot" && len(m.Payload.Rows) == 1 {
			break
		}
	}
	c.Kill()
	c.Restart(t)
	var rows int
	if err := db.Conn(t).QueryRow(t.Context(), `select count(*) from acc`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("after the crash %d rows, %v; want that of the snapshot", rows, err)
	}
}

// A copy that begins with a snapshot is the table, whatever was being committed when it
// was taken; make soak makes 20,000 of them.
func TestSnapshotsThenChangesAreTheTables(t *testing.T) {
	t.Parallel()
	const perRound = 30
	rounds := 3
	if *soak > 0 {
		rounds = 20_000 / perRound
	}
	c := dbtest.Private(t, dbtest.Options{Durable: true, Settings: map[string]string{"max_prepared_transactions": "20"}})
	db := historyDB(t, c)
	s := startRealtime(t, db, "one", "FLUXBASE_SERVER_LOG_LEVEL=warn")
	key := anonToken(t)
	conn := db.Conn(t)
	for round := range rounds {
		// What earlier rounds wrote is of no use, and would be in each snapshot.
		exec(t, db, `truncate log, acc`)
		var writers, copies sync.WaitGroup
		var stop atomic.Bool
		for id := range 6 {
			writers.Go(func() {
				if err := historyWriter(context.Background(), db, id, &stop); err != nil {
					t.Error(err)
				}
			})
		}
		var joins sync.WaitGroup
		results := make([]copied, perRound)
		for i := range perRound {
			joins.Add(1)
			joined := sync.OnceFunc(joins.Done)
			copies.Go(func() {
				time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond) // joins at all times of the writers
				var err error
				if results[i], err = copyTables(&resumer{t: t, key: key}, s, i%3, joined); err != nil {
					t.Errorf("round %d, copy %d: %v", round, i, err)
				}
			})
		}
		joins.Wait()
		stop.Store(true)
		writers.Wait()
		finishPrepared(t, db)
		exec(t, db, fmt.Sprintf(`insert into log values (-1, %d, 0)`, end))
		copies.Wait()
		for i, has := range results {
			want := copied{}
			if err := want.read(t.Context(), conn, i%3); err != nil {
				t.Fatal(err)
			}
			if has != nil && has.differs(want) != "" {
				t.Errorf("round %d, copy %d: %s", round, i, has.differs(want))
			}
		}
		if t.Failed() {
			t.Fatalf("log of the server:\n%s", tail(s.Log()))
		}
	}
	noServerErrors(t, s)
}
