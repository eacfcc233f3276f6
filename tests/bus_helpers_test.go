package tests

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/replication"
	"github.com/fluxbase/fluxbase/replication/bus"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// member is what of a serving process follows the changes.
type member struct {
	*bus.Bus
	stream  *streaming
	Name    string
	changed atomic.Int64 // calls of SchemaChanged

	mu      sync.Mutex
	refused map[string]int
	stop    func() // and wait
}

// newMember runs a bus on db until the test ends; onChange is called beside.
func newMember(t *testing.T, db *dbtest.DB, name string, onChange func(), copies ...bus.AnyCopy) *member {
	t.Helper()
	m := &member{Name: name, refused: map[string]int{}, stream: newStream(t, db, replication.Config{Instance: db.Name + "_" + name})}
	log := new(syncBuffer)
	m.Bus = bus.New(bus.Deps{
		Source: m.stream, Name: name, Log: slog.New(slog.NewTextHandler(log, nil)), Reg: prometheus.NewRegistry(),
		DB:     openPG(t, db.URL(sql.Replication), func(c *pg.Config) { c.MaxConnections = 2 }),
		Copies: copies,
		Refused: func(reason string) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.refused[reason]++
		},
		SchemaChanged: func() {
			m.changed.Add(1)
			if onChange != nil {
				onChange()
			}
		},
		Missed: func(*changes.Gap) {},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	m.stop = func() { cancel(); running.Wait() }
	t.Cleanup(func() {
		m.stop()
		if t.Failed() {
			t.Logf("log of the bus of %s:\n%s", name, tail(log.String()))
		}
	})
	eventually(t, name+" holds its lease", m.AnnouncesDDL)
	return m
}

func (m *member) refusals(reason string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refused[reason]
}

// behind asks all live processes to confirm what is committed, as service_role, and
// returns those that have not.
func behind(t *testing.T, db *dbtest.DB) []string {
	t.Helper()
	conn := db.Conn(t)
	if _, err := conn.Exec(t.Context(), `set role service_role`); err != nil {
		t.Fatal(err)
	}
	var mark string
	if err := conn.QueryRow(t.Context(), `select fluxbase.mark()::text`).Scan(&mark); err != nil {
		t.Fatal(err)
	}
	var names []string
	err := conn.QueryRow(t.Context(), `select array(select fluxbase.await($1::text::pg_lsn))`, mark).Scan(&names)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// freeze stops the process of Postgres that feeds m's stream, as a network that is
// cut does, and returns what lets it go on.
func freeze(t *testing.T, db *dbtest.DB, m *member) (thaw func()) {
	t.Helper()
	var pid int
	const ask = `select active_pid from pg_replication_slots where slot_name = $1`
	if err := db.Conn(t).QueryRow(t.Context(), ask, "fluxbase_"+db.Name+"_"+m.Name).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	thaw = sync.OnceFunc(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	t.Cleanup(thaw)
	return thaw
}
