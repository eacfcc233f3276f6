package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// keeper keeps a copy of the tables over any number of lost connections, at whichever
// process answers.
type keeper struct {
	resumer
	has                copied
	resumes, snapshots int
	ended              bool
	// trail is what happened last, for whoever reads of a failure.
	trail []string
}

func (k *keeper) note(format string, args ...any) {
	k.trail = append(k.trail, time.Now().Format("05.000 ")+fmt.Sprintf(format, args...))
	k.trail = k.trail[max(0, len(k.trail)-30):]
}

// keep goes on until the row end comes, or says what is wrong with what comes.
func (k *keeper) keep(ctx context.Context, pick func() *server) error {
	for !k.ended {
		wrong := k.session(pick())
		switch {
		case wrong != nil:
			return fmt.Errorf("%w\n%s", wrong, strings.Join(k.trail, "\n"))
		case ctx.Err() != nil:
			return fmt.Errorf("the end has not come; at %s after %d resumes and %d snapshots", k.position, k.resumes, k.snapshots)
		}
	}
	return nil
}

// session is one connection's life. Its error is what was told wrong.
func (k *keeper) session(s *server) error {
	listens := `{"event":"*","schema":"public","table":"%s","snapshot":true}`
	more := ""
	resumes := k.position != ""
	if resumes {
		listens = `{"event":"*","schema":"public","table":"%s"}`
		more = since(k.position)
	} else {
		k.has = copied{}
	}
	err := k.open(s, `{"postgres_changes":[`+fmt.Sprintf(listens, "log")+`,`+fmt.Sprintf(listens, "acc")+`]`+more+`}`)
	if k.conn != nil {
		defer k.close()
	}
	k.note("open %s at %q: %v", s.URL, k.position, err)
	if err != nil {
		time.Sleep(20 * time.Millisecond) // as a client that comes back does
		return nil
	}
	if resumes {
		k.resumes++
	} else {
		k.snapshots++
	}
	closed := make(chan struct{})
	defer close(closed)
	go k.beat(k.conn, closed)
	over := false // the snapshot has the end
	for left := 50 + rand.IntN(1000); left > 0 && !k.ended; left-- {
		m, err := k.next()
		if err != nil {
			k.note("closed at %s: %v", k.position, err)
			return nil
		}
		p := &m.Payload
		switch m.Event {
		case "phx_reply":
			var at struct{ Position string }
			if json.Unmarshal(p.Response, &at) == nil && at.Position != "" {
				k.position = at.Position
			}
		case "system":
			if p.Resync != "" {
				k.position = ""
				return nil
			}
		case "postgres_snapshot":
			for _, row := range p.Rows {
				if err := k.take(p.Table, "INSERT", row); err != nil {
					return fmt.Errorf("snapshot: %w", err)
				}
				over = over || k.ended
			}
			k.ended = over && p.Table == "acc" && p.Last // which comes after that of log
		case "postgres_changes":
			row := p.Data.Record
			if p.Data.Type == "DELETE" {
				row = p.Data.Old
			}
			k.note("%s %s %s %s", p.Position, p.Data.Table, p.Data.Type, row)
			if err := k.take(p.Data.Table, p.Data.Type, row); err != nil {
				return fmt.Errorf("%w; at %s, after %d resumes and %d snapshots", err, k.position, k.resumes, k.snapshots)
			}
		default:
			return fmt.Errorf("%+v comes", m)
		}
	}
	return nil
}

func (k *keeper) take(table, op string, row json.RawMessage) error {
	var r struct{ Writer int }
	k.ended = json.Unmarshal(row, &r) == nil && r.Writer == -1
	return k.has.apply(table, op, row)
}

// beat asks for positions as the clients of Supabase ask for a sign of life.
func (k *keeper) beat(conn *websocket.Conn, closed <-chan struct{}) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-closed:
			return
		case <-tick.C:
			_ = conn.WriteMessage(websocket.TextMessage, []byte(`[null,"9","phoenix","heartbeat",{}]`))
		}
	}
}

// Whatever dies, what a client was told is what the tables hold: it goes on after its
// last position, at any process, or is told to read them again. make soak gives it ten
// minutes and 200 clients.
func TestClientsKeepCopiesWhateverDies(t *testing.T) {
	t.Parallel()
	duration, clients := max(8*time.Second, *soak), 20
	if *soak > 0 {
		clients = 200
	}
	c := dbtest.Private(t, dbtest.Options{Durable: true, Settings: map[string]string{"max_prepared_transactions": "20"}})
	db := historyDB(t, c)
	names := []string{"one", "two"}
	servers := make([]atomic.Pointer[server], len(names))
	start := func(i int) {
		servers[i].Store(startRealtime(t, db, names[i], "FLUXBASE_SERVER_LOG_LEVEL=warn", "FLUXBASE_REALTIME_MAX_SNAPSHOT_ROWS=1000000"))
	}
	for i := range names {
		start(i)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var keeping, writing sync.WaitGroup
	keepers := make([]*keeper, clients)
	for i := range keepers {
		k := &keeper{resumer: resumer{t: t, key: anonToken(t)}}
		keepers[i] = k
		keeping.Go(func() {
			if err := k.keep(ctx, func() *server { return servers[rand.IntN(len(servers))].Load() }); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	var stop atomic.Bool
	for id := range 4 {
		writing.Go(func() {
			if err := historyWriter(context.Background(), db, id, &stop); err != nil {
				t.Error(err)
			}
		})
	}
	run := func(query string) {
		if conn, err := pgx.Connect(t.Context(), db.AdminURL()); err == nil {
			_, _ = conn.Exec(t.Context(), query)
			_ = conn.Close(t.Context())
		}
	}
	happenings := []func(){
		func() { run(`select pg_terminate_backend(active_pid) from pg_replication_slots where active`) },
		func() {
			i := rand.IntN(len(servers))
			s := servers[i].Load()
			_ = s.cmd.Process.Kill()
			<-s.done
			start(i)
		},
		func() { c.Kill(); c.Restart(t) },
		// Snapshots stay small.
		func() {
			run(`delete from log as l where n < (select max(n) - 100 from log as m where m.writer = l.writer)`)
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
	writing.Wait()
	finishPrepared(t, db)
	exec(t, db, fmt.Sprintf(`insert into log values (-1, %d, 0)`, end))
	late := time.AfterFunc(time.Minute+duration/2, cancel)
	defer late.Stop()
	keeping.Wait()
	want := copied{}
	if err := want.read(t.Context(), db.Conn(t), 0); err != nil {
		t.Fatal(err)
	}
	resumes, snapshots := 0, 0
	for i, k := range keepers {
		resumes, snapshots = resumes+k.resumes, snapshots+k.snapshots
		if k.ended && k.has.differs(want) != "" {
			t.Errorf("client %d: %s", i, k.has.differs(want))
		}
	}
	t.Logf("%d rows, %d resumes, %d snapshots", len(want), resumes, snapshots)
	if resumes == 0 {
		t.Error("nobody resumed")
	}
}
