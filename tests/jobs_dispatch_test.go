package tests

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/jobs/dispatch"
	"github.com/fluxbase/fluxbase/proxy/jobs/wake"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// openJobs opens the database at url as a process does.
func openJobs(t *testing.T, url string, connections int) *pg.DB {
	t.Helper()
	cfg := pg.Config{DatabaseURL: url}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	db, err := pg.Open(t.Context(), cfg, url, connections, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// dispatchJobs works on jobs within the test until it ends, as cfg and deps say beside db: no
// stream tells of jobs or handlers. It returns the waker.
func dispatchJobs(t *testing.T, db *pg.DB, cfg dispatch.Config, deps dispatch.Deps) *wake.Waker {
	t.Helper()
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	deps.DB, deps.Requests, deps.Waker, deps.Keeper, deps.Log = db, db, wake.New(db, log), dispatch.NewKeeper(db, log), log
	if deps.Work == nil {
		deps.Work = db
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { deps.Waker.Run(ctx) })
	all.Go(func() { deps.Keeper.Run(ctx) })
	all.Go(func() { dispatch.New(cfg, deps).Run(ctx) })
	t.Cleanup(func() { cancel(); all.Wait() })
	return deps.Waker
}

// cutter stands before Postgres and cuts the connection, once for each time it is armed, when
// that answers what a client has said which holds a text.
type cutter struct {
	armed atomic.Bool
	text  string
}

func (c *cutter) before(t *testing.T, target string) string {
	t.Helper()
	return between(t, "127.0.0.1:0", target, func(client, server net.Conn) (up, down func()) {
		var asked atomic.Bool
		up = func() {
			copyWhile(server, client, func(b []byte) bool {
				asked.Store(strings.Contains(string(b), c.text))
				return true
			})
		}
		return up, func() {
			copyWhile(client, server, func([]byte) bool { return !(asked.Load() && c.armed.Swap(false)) })
		}
	})
}

// copyWhile copies until either side ends or passes says no, then closes both.
func copyWhile(to, from net.Conn, passes func([]byte) bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !passes(buf[:n]) {
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// The connection breaks between the commit of a claim, or of a finish, and its answer: each
// job runs once, and what was claimed and never told is given back.
func TestAnswersOfTheQueueAreLost(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	c := &cutter{text: "jobs.finish("}
	var ran sync.Map
	var twice atomic.Int64
	waker := dispatchJobs(t, openJobs(t, c.before(t, db.URL(sql.Service)), 3), dispatch.Config{Queues: []string{"default"}}, dispatch.Deps{
		Handlers: map[string]dispatch.Handler{"k": func(_ context.Context, job *dispatch.Job) error {
			if _, before := ran.LoadOrStore(job.ID, true); before || job.Attempt != 1 {
				twice.Add(1)
			}
			return nil
		}},
	})
	conn := db.Conn(t)
	lost := func() (n int) {
		if err := conn.QueryRow(t.Context(), `select count(*) from jobs.failures where outcome = 'interrupted' and error = 'its worker was not told of it'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	rounds := 0
	for ; rounds < 5 || lost() == 0 && rounds < 200; rounds++ {
		c.armed.Store(rounds%2 == 0)
		exec(t, db, `select jobs.enqueue('k')`)
		waker.Hint(nil)
		gives(t, db, fmt.Sprint(rounds+1), `select coalesce(sum(jobs), 0)::text from (select jobs, outcome from jobs.totals union all select jobs, outcome from jobs.tallies) as t where outcome = 'completed'`)
	}
	if lost() == 0 || twice.Load() > 0 {
		t.Errorf("after %d rounds %d claims were lost, and %d jobs ran twice", rounds, lost(), twice.Load())
	}
	gives(t, db, "0", `select count(*)::text from jobs.batches`)
}

// While functions can't be called, because the database takes no connection for them, no attempt counts.
func TestWhatNeverReachedTheDatabaseIsNoAttempt(t *testing.T) {
	t.Parallel()
	db := jobsDB(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	u, err := url.Parse(db.URL(sql.Service))
	if err != nil {
		t.Fatal(err)
	}
	u.Host = address
	t.Run("work", func(inner *testing.T) { // the relay ends when nobody uses it any more
		dispatchJobs(inner, openJobs(inner, db.URL(sql.Service), 3), dispatch.Config{}, dispatch.Deps{Work: openJobs(inner, u.String(), 2)})
		const failures = `select coalesce(string_agg(distinct outcome || ' ' || attempt, ','), '') from jobs.failures`
		exec(inner, db, `select jobs.enqueue('note', max_attempts => 1)`)
		gives(inner, db, "interrupted 1", failures)
		relayAt(t, address, db.URL(sql.Service))
		gives(inner, db, "1", `select count(*)::text from app.effects`)
		gives(inner, db, "interrupted 1", failures)
	})
}

// The secret of a handler is there for the job that is enqueued after it, also where nobody was
// told; and a job may wait for an event.
func TestJobsFindWhatWasSetBeforeThem(t *testing.T) {
	t.Parallel()
	db := jobsDB(t)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	t.Cleanup(receiver.Close)
	exec(t, db, `select jobs.set_handler('post', url => '`+receiver.URL+`')`)
	dispatchJobs(t, openJobs(t, db.URL(sql.Service), 3), dispatch.Config{PrivateAddresses: true, Poll: 20 * time.Millisecond}, dispatch.Deps{
		Seals: testKeys(t),
		Handlers: map[string]dispatch.Handler{"waits": func(_ context.Context, job *dispatch.Job) error {
			if db.Conn(t).QueryRow(context.Background(), `select from jobs.events where name = 'paid'`).Scan() != nil {
				return &dispatch.Suspended{Event: "paid"}
			}
			_, err := db.Conn(t).Exec(context.Background(), `insert into app.effects (job, kind) values ($1, 'attempt ' || $2::text)`, job.ID, fmt.Sprint(job.Attempt))
			return err
		}},
	})
	exec(t, db, `select jobs.enqueue('note'), jobs.enqueue('waits')`)
	gives(t, db, "note", `select coalesce(string_agg(kind, ','), '') from app.effects`)
	gives(t, db, "1", `select count(*)::text from jobs.awaits`)
	const secret = "5e0ec0de-0000-4000-8000-000000000004"
	_, sealed := dispatch.Secrets.New(testKeys(t), secret)
	exec(t, db, `select jobs.add_handler_secret('post', '`+secret+`', '`+sealed+`'); select jobs.enqueue('post'), jobs.emit('paid')`)
	gives(t, db, "note,attempt 1", `select coalesce(string_agg(kind, ',' order by id), '') from app.effects`)
	gives(t, db, "", `select coalesce(string_agg(state, ','), '') from jobs.jobs where state <> 'completed'`)
	gives(t, db, "0", `select count(*)::text from jobs.failures`)
}

// A process is held for longer than its lease: its job runs elsewhere, and what it says of it
// when it wakes changes nothing.
func TestAProcessThatSleptIsNotBelieved(t *testing.T) {
	t.Parallel()
	db := jobsDB(t)
	var mu sync.Mutex
	var held []chan struct{}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer := make(chan struct{})
		mu.Lock()
		held = append(held, answer)
		mu.Unlock()
		<-answer
	}))
	t.Cleanup(receiver.Close)
	asked := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return len(held) == n }
	}
	env := []string{"FLUXBASE_ENCRYPTION_KEY=" + encryptionKey, "FLUXBASE_JOBS_PRIVATE_ADDRESSES=true", "FLUXBASE_JOBS_LEASE=1h"}
	exec(t, db, `select jobs.set_handler('post', url => '`+receiver.URL+`')`)
	const secret = "5e0ec0de-0000-4000-8000-000000000005"
	_, sealed := dispatch.Secrets.New(testKeys(t), secret)
	exec(t, db, `select jobs.add_handler_secret('post', '`+secret+`', '`+sealed+`')`)
	a := startJobs(t, db, append(streams(db, "a"), env...)...)
	exec(t, db, `select jobs.enqueue('post')`)
	eventually(t, "the job is posted", asked(1))
	a.pause(t)
	b := startJobs(t, db, append(streams(db, "b"), env...)...)
	// As if an hour had gone by.
	exec(t, db, `update jobs.workers set live_until = '-infinity' where id = (select worker from jobs.batches); select jobs.expire()`)
	eventually(t, "it is posted by the other", asked(2))
	close(held[1])
	const completed = `select coalesce(sum(jobs), 0)::text from (select jobs, outcome from jobs.totals union all select jobs, outcome from jobs.tallies) as t where outcome = 'completed'`
	gives(t, db, "1", completed)
	close(held[0])
	a.resume()
	a.logs(t, "a job was finished too late")
	gives(t, db, "lost", `select string_agg(outcome, ',') from jobs.failures`)
	gives(t, db, "1", completed)
	// And it goes on.
	b.stop(t)
	exec(t, db, `select jobs.enqueue('note')`)
	gives(t, db, "note", `select coalesce(string_agg(kind, ','), '') from app.effects`)
}
