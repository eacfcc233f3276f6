package tests

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/replication"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// publish adds tables to the publication of the application's.
func publish(t *testing.T, db *dbtest.DB, tables ...string) {
	t.Helper()
	exec(t, db, `do $$ begin
		if not exists (select from pg_publication where pubname = 'supabase_realtime') then
			create publication supabase_realtime;
		end if;
	end $$`)
	if len(tables) > 0 {
		exec(t, db, "alter publication supabase_realtime add table "+strings.Join(tables, ", "))
	}
}

// streaming is a change stream in this process.
type streaming struct {
	*replication.Stream
	Registry *prometheus.Registry
	log      *syncBuffer
	stop     func() // and wait
}

// newStream runs a change stream on db until the test ends. Its slot is named
// for the instance in cfg, or for the database.
func newStream(t *testing.T, db *dbtest.DB, cfg replication.Config) *streaming {
	t.Helper()
	if cfg.DatabaseURL == "" {
		cfg.DatabaseURL = db.URL(sql.Replication)
	}
	if cfg.Instance == "" {
		cfg.Instance = db.Name
	}
	if cfg.HeartbeatInterval == 0 {
		cfg.HeartbeatInterval = 100 * time.Millisecond
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	s := &streaming{Registry: prometheus.NewRegistry(), log: new(syncBuffer)}
	var err error
	if s.Stream, err = replication.New(cfg, "", slog.New(slog.NewTextHandler(s.log, nil)), s.Registry); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	s.stop = func() { cancel(); running.Wait() }
	t.Cleanup(func() {
		s.stop()
		dropSlot(t, db, "fluxbase_"+cfg.Instance)
		if t.Failed() {
			t.Logf("log of the stream:\n%s", tail(s.log.String()))
		}
	})
	return s
}

// dropSlot waits until nobody reads a slot and drops it: a database that has one can't
// be dropped. Where the server is gone, so is the slot.
func dropSlot(t *testing.T, db *dbtest.DB, name string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), db.AdminURL())
	if err != nil {
		return
	}
	defer conn.Close(context.Background())
	eventually(t, "slot "+name+" is dropped", func() bool {
		_, err := conn.Exec(context.Background(), `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1`, name)
		return err == nil
	})
}

// streamReady waits until the stream has proven that it is current.
func streamReady(t *testing.T, s *streaming) {
	t.Helper()
	begun := time.Now()
	eventually(t, "the stream is current", func() bool {
		st := s.State()
		return st.Phase == changes.Streaming && st.Fresh.After(begun)
	})
}

// listener is a subscription and what a test asks of it.
type listener struct {
	changes.Subscription
	t *testing.T
}

func listen(t *testing.T, s *streaming, o changes.Options) *listener {
	t.Helper()
	sub := s.Subscribe(o)
	t.Cleanup(sub.Close)
	return &listener{sub, t}
}

// elsewhere is a place in the log of another server: who reads from there hears of a gap, also
// where the stream has begun before.
var elsewhere = changes.Position{Epoch: changes.Epoch{System: 1, Timeline: 1}, LSN: 1}

// streamOf makes a table, publishes it and begins to listen; definition is the table's.
func streamOf(t *testing.T, db *dbtest.DB, definition string, cfg replication.Config) (*streaming, *listener) {
	t.Helper()
	exec(t, db, "create table "+definition)
	name, _, _ := strings.Cut(definition, " ")
	publish(t, db, name)
	s := newStream(t, db, cfg)
	l := listen(t, s, changes.Options{Want: everything, From: elsewhere})
	l.gap()
	return s, l
}

// next returns the next transaction, and fails where there is a gap.
func (l *listener) next() *changes.Transaction {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tx, err := l.Next(ctx)
	if err != nil {
		l.t.Fatalf("wait for a transaction: %v", err)
	}
	return tx
}

// gap returns the gap that comes next.
func (l *listener) gap() *changes.Gap {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tx, err := l.Next(ctx)
	var gap *changes.Gap
	if !errors.As(err, &gap) {
		l.t.Fatalf("got %+v, %v, want a gap", tx, err)
	}
	return gap
}

// show writes an event for comparison: its operation, table, old and new row.
func show(e *changes.Event) string {
	var b strings.Builder
	b.WriteByte(byte(e.Op))
	if e.Relation == nil {
		return b.String() + " " + e.Prefix + " " + string(e.Content)
	}
	b.WriteString(" " + e.Relation.Name)
	for _, row := range []changes.Tuple{e.Old, e.New} {
		if row.IsZero() {
			continue
		}
		b.WriteString(" (")
		for i, v := range row.All() {
			if i > 0 {
				b.WriteString(",")
			}
			switch v.Kind {
			case changes.Null:
				b.WriteString("null")
			case changes.Unchanged:
				b.WriteString("unchanged")
			default:
				b.Write(v.Text)
			}
		}
		b.WriteString(")")
	}
	return b.String()
}

// showAll writes the events that a test has made itself.
func showAll(tx *changes.Transaction) string {
	var all []string
	for i := range tx.Events {
		if e := &tx.Events[i]; e.Relation != nil || strings.HasPrefix(e.Prefix, "test.") {
			all = append(all, show(e))
		}
	}
	return strings.Join(all, "; ")
}

// metric is the value of a series that s shows; 0 where it shows none.
func metric(t *testing.T, s *server, series string) float64 {
	t.Helper()
	resp, err := http.Get(s.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n"+series+" ")
	if !found {
		return 0
	}
	value, _, _ := strings.Cut(after, "\n")
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// gauge is the value of a gauge of a stream in this process.
func gauge(t *testing.T, s *streaming, name string) float64 {
	t.Helper()
	families, err := s.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}
