package tests

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// jobLedger is what the outside world sees of jobs: made with them, by one transaction;
// ran with each claim, in the order in which they were handed out; and had an effect when
// they were done.
const jobLedger = `
	create table public.made (job bigint primary key, producer integer, place text, at serial);
	create table public.ran (job bigint, token bigint, place text, nr bigserial, at timestamptz default clock_timestamp());
	create table public.effects (job bigint, token bigint);
	select jobs.lane('default', 'q' || q, p) from generate_series(0, 2) as q, generate_series(0, 1) as p;`

// jobMischief finds what must never be, as one line each.
const jobMischief = `
	select format('job %s of %s did not run to its end', m.job, m.place)
	from public.made as m
	where not exists (select from public.effects as e where e.job = m.job)
	union all
	select format('job %s ran, although it was rolled back', r.job)
	from public.ran as r
	where not exists (select from public.made as m where m.job = r.job)
	union all
	select format('job %s was completed %s times', e.job, count(*))
	from public.effects as e
	group by e.job
	having count(*) > 1
	union all
	select format('job %s ran again under token %s for no reason', r.job, r.token)
	from (
	  select r.*, lag(r.at) over (partition by r.job order by r.token) as before, lag(r.token) over w as last
	  from public.ran as r
	  window w as (partition by r.job order by r.token)
	) as r
	where r.last is not null
	and not exists (
	  select from jobs.failures as f
	  where f.job = r.job and f.at >= r.before and f.at <= r.at
	  and f.outcome in ('lost', 'failed', 'timeout', 'interrupted')
	)
	union all
	select format('job %s of producer %s passed one before it in %s', m.job, m.producer, m.place)
	from (
	  select m.*, r.nr, max(r.nr) over (
	    partition by m.producer, m.place order by m.at rows between unbounded preceding and 1 preceding
	  ) as highest
	  from public.made as m
	  join lateral (select min(r.nr) as nr from public.ran as r where r.job = m.job) as r on true
	  where m.place not like '%later'
	) as m
	where m.nr < m.highest
	limit 20`

// jobWorld is a database in which producers, workers and maintenance do what they like.
type jobWorld struct {
	t        *testing.T
	url      string
	crashes  bool // connections may break
	prepares bool
	stop     atomic.Bool
	retries  atomic.Int64
}

// each runs step on a connection until it says that it is done; a new connection takes
// the place of one that broke, in a world of crashes.
func (w *jobWorld) each(step func(context.Context, *pgx.Conn) (bool, error)) {
	ctx := w.t.Context()
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.Background())
		}
	}()
	for done := false; !done && ctx.Err() == nil; {
		var err error
		if conn == nil {
			if conn, err = pgx.Connect(ctx, w.url); err != nil {
				conn = nil
			}
		}
		if err == nil {
			done, err = step(ctx, conn)
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		if !w.crashes {
			var pg *pgconn.PgError
			if errors.As(err, &pg) {
				err = fmt.Errorf("%w: %s %s", err, pg.Detail, pg.Where)
			}
			w.t.Error(err)
			return
		}
		w.retries.Add(1)
		if conn != nil {
			_ = conn.Close(ctx)
			conn = nil
		}
		time.Sleep(20 * time.Millisecond) // the server may be coming back
	}
}

const addJob = `
	insert into public.made (job, producer, place)
	select j.id, $1, format('%s %s%s', $2::text, $3::integer, case when $4::text is not null then ' later' end)
	from jobs.enqueue('work', queue => $2, priority => $3, run_at => clock_timestamp() + $4::interval,
	  max_attempts => 1000, unique_key => $5, on_conflict => $6, concurrency_key => $7) as j (id)
	on conflict do nothing`

const addJobs = `
	insert into public.made (job, producer, place)
	select j.id, $1, format('%s %s', $2::text, $3::integer)
	from unnest(jobs.enqueue_many('bulk', array_fill('{}'::jsonb, array[$4::integer]), $2, priority => $3, max_attempts => 1000))
	  as j (id)`

// produce adds jobs in one transaction, which may take its time, and may come to nothing.
func (w *jobWorld) produce(ctx context.Context, conn *pgx.Conn, producer int) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.Background())
	add := func(on pgx.Tx) (err error) {
		queue, priority := fmt.Sprintf("q%d", rand.IntN(3)), rand.IntN(2)
		switch rand.IntN(5) {
		case 0:
			var key *string
			if rand.IntN(2) == 0 {
				key = new(fmt.Sprintf("c%d", rand.IntN(20)))
			}
			_, err = on.Exec(ctx, addJob, producer, queue, priority, "30 ms", nil, nil, key)
		case 1:
			_, err = on.Exec(ctx, addJobs, producer, queue, priority, 1+rand.IntN(30))
		default:
			_, err = on.Exec(ctx, addJob, producer, queue, priority, nil, nil, nil, nil)
		}
		return err
	}
	if rand.IntN(3) == 0 { // only one key in a transaction: two could meet in another order
		how := []string{"keep", "replace", "debounce"}[rand.IntN(3)]
		_, err := tx.Exec(ctx, addJob, producer, "q0", 0, "0 ms", fmt.Sprintf("k%d", rand.IntN(3)), how, nil)
		if err != nil {
			return err
		}
	}
	for range 1 + rand.IntN(4) {
		if err := add(tx); err != nil {
			return err
		}
		if rand.IntN(3) == 0 {
			inner, err := tx.Begin(ctx)
			if err != nil {
				return err
			}
			if err := add(inner); err != nil {
				return err
			}
			if rand.IntN(2) == 0 {
				err = inner.Rollback(ctx)
			} else {
				err = inner.Commit(ctx)
			}
			if err != nil {
				return err
			}
		}
		time.Sleep(time.Duration(rand.IntN(15)) * time.Millisecond)
	}
	switch n := rand.IntN(10); {
	case n < 2:
		return tx.Rollback(ctx)
	case n < 4 && w.prepares:
		name := fmt.Sprintf("p%d_%d", producer, rand.Int64())
		if _, err := tx.Exec(ctx, "prepare transaction '"+name+"'"); err != nil {
			return err
		}
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		_, err := conn.Exec(ctx, []string{"commit", "rollback"}[rand.IntN(2)]+" prepared '"+name+"'")
		return err
	}
	return tx.Commit(ctx)
}

// jobWorker is one of many; what it holds it may finish, drop, or lose.
type jobWorker struct {
	id   string
	held map[int64]int64 // token by job
}

// work claims some jobs, or tells how some of them went.
func (w *jobWorld) work(ctx context.Context, conn *pgx.Conn, me *jobWorker) error {
	if me.id == "" {
		*me = jobWorker{held: map[int64]int64{}}
		if err := conn.QueryRow(ctx, `select gen_random_uuid()`).Scan(&me.id); err != nil {
			return err
		}
	}
	switch n := rand.IntN(40); {
	case n == 0: // never seen again
		_, err := conn.Exec(ctx, `update jobs.workers set live_until = clock_timestamp() where id = $1`, me.id)
		me.id = ""
		return err
	case n == 1: // stopped
		_, err := conn.Exec(ctx, `select jobs.interrupt($1)`, me.id)
		me.id = ""
		return err
	case n == 2: // taken for dead; it goes on all the same
		_, err := conn.Exec(ctx, `update jobs.workers set live_until = clock_timestamp() where id = $1`, me.id)
		return err
	}

	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.Background())
	if rand.IntN(10) == 0 { // claims that come to nothing
		inner, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err := inner.Exec(ctx, `select jobs.claim($1, 5, lease => '1 s')`, me.id); err != nil {
			return err
		}
		if err := inner.Rollback(ctx); err != nil {
			return err
		}
	}
	done, tokens := []int64{}, []int64{}
	var over []int64
	var failed []string
	for job, token := range me.held {
		over = append(over, job)
		switch rand.IntN(12) {
		case 0:
			failed = append(failed, fmt.Sprintf(`{"id": %d, "token": %d, "error": "bad", "retry_in": 0}`, job, token))
		case 1:
			failed = append(failed, fmt.Sprintf(`{"id": %d, "token": %d, "outcome": "timeout", "retry_in": 0.02}`, job, token))
		case 2: // still at work
			over = over[:len(over)-1]
		default:
			done, tokens = append(done, job), append(tokens, token)
		}
	}
	const say = `
		with said as materialized (
		  select f.*, row_number() over () as nr
		  from jobs.finish($1, $2, $3, $4, want => $5) as f
		),
		ended as (
		  insert into public.effects (job, token)
		  select d.job, d.token
		  from unnest($2::bigint[], $3::bigint[]) as d (job, token)
		  where not exists (select from said as s where s.event = 'lost' and s.id = d.job and s.token = d.token)
		),
		runs as (
		  insert into public.ran (job, token, place)
		  select s.id, s.token, format('%s %s', s.queue, s.priority)
		  from said as s
		  where s.event = 'run'
		  order by s.nr
		)
		select s.event, s.id, s.token from said as s`
	want := []int{0, 1, 3, 50}[rand.IntN(4)]
	rows, err := tx.Query(ctx, say, me.id, done, tokens, "["+strings.Join(failed, ",")+"]", want)
	if err != nil {
		return err
	}
	type answer struct {
		Event     string
		ID, Token int64
	}
	answers, err := pgx.CollectRows(rows, pgx.RowToStructByPos[answer])
	if err != nil {
		return err
	}
	if rand.IntN(10) == 0 {
		return tx.Rollback(ctx)
	}
	if err := tx.Commit(ctx); err != nil {
		me.id = "" // nobody knows; its lease will end
		return err
	}
	for _, job := range over {
		delete(me.held, job)
	}
	for _, a := range answers {
		if a.Event == "run" {
			me.held[a.ID] = a.Token
		} else {
			delete(me.held, a.ID)
		}
	}
	return nil
}

// run lets all of them at it for a while, then lets the workers finish, and looks.
func (w *jobWorld) run(db *dbtest.DB, during time.Duration, crash func()) {
	t := w.t
	exec(t, db, jobLedger)
	var producers, others sync.WaitGroup
	began := time.Now()
	for producer := range 4 {
		producers.Go(func() {
			w.each(func(ctx context.Context, conn *pgx.Conn) (bool, error) {
				return time.Since(began) > during, w.produce(ctx, conn, producer)
			})
		})
	}
	for range 4 {
		others.Go(func() {
			var me jobWorker
			w.each(func(ctx context.Context, conn *pgx.Conn) (bool, error) { return w.stop.Load(), w.work(ctx, conn, &me) })
		})
	}
	for range 2 {
		others.Go(func() {
			w.each(func(ctx context.Context, conn *pgx.Conn) (bool, error) {
				_, err := conn.Exec(ctx, `select jobs.maintain($1)`, 8192*rand.IntN(4))
				if err == nil {
					_, err = conn.Exec(ctx, `select jobs.promote(20)`)
				}
				if err == nil {
					_, err = conn.Exec(ctx, `select jobs.expire()`)
				}
				time.Sleep(5 * time.Millisecond)
				return w.stop.Load(), err
			})
		})
	}
	ended := make(chan struct{})
	go func() { producers.Wait(); close(ended) }()
	for waiting := true; waiting; {
		select {
		case <-ended:
			waiting = false
		case <-time.After(10 * time.Second):
			if crash != nil {
				crash()
			}
		}
	}
	conn := db.Conn(t)
	w.forgetPrepared(conn)
	left := func() (n int) {
		const ask = `select count(*) from public.made as m where not exists (select from public.effects as e where e.job = m.job)`
		if err := conn.QueryRow(t.Context(), ask).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	// As long as there are ever fewer.
	for last, end := left(), time.Now().Add(time.Minute); last > 0 && time.Now().Before(end) && !t.Failed(); {
		time.Sleep(20 * time.Millisecond)
		if n := left(); n < last {
			last, end = n, time.Now().Add(time.Minute)
		}
	}
	w.stop.Store(true)
	others.Wait()

	rows, err := conn.Query(t.Context(), jobMischief)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range found {
		t.Error(line)
	}
	var summary string
	const sum = `
		select format('%s jobs of %s, %s runs, %s effects; %s', (select count(*) from public.made),
		  (select last_value from jobs.ids), (select count(*) from public.ran), (select count(*) from public.effects),
		  (select jsonb_object_agg(f.outcome, f.n) from (select outcome, count(*) as n from jobs.failures group by 1) as f))`
	if err := conn.QueryRow(t.Context(), sum).Scan(&summary); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s; %d connections were lost", summary, w.retries.Load())
}

// Producers commit late, roll back and nest; workers finish, fail, vanish and come back
// from the dead; segments are tiny. With -soak connections, backends and the server are
// killed as well.
func TestEveryCommittedJobRunsToItsEnd(t *testing.T) {
	t.Parallel()
	if *soak == 0 {
		db := dbtest.New(t)
		w := &jobWorld{t: t, url: db.AdminURL()}
		w.run(db, 1500*time.Millisecond, nil)
		return
	}
	cluster := dbtest.Private(t, dbtest.Options{Durable: true, Settings: map[string]string{"max_prepared_transactions": "50"}})
	db := cluster.New(t)
	w := &jobWorld{t: t, url: db.AdminURL(), crashes: true, prepares: true}
	w.run(db, *soak, func() {
		switch rand.IntN(4) {
		case 0: // as pg_ctl stop -m immediate
			now, cancel := context.WithCancel(t.Context())
			cancel()
			_ = cluster.Stop(now) // it says that it had to
			cluster.Restart(t)
		case 1:
			cluster.Kill()
			cluster.Restart(t)
		default:
			w.killBackend(rand.IntN(2) == 0)
		}
	})
}

// forgetPrepared rolls back what a producer had prepared when its connection broke: it
// may have changed the key of a job, which waits for it.
func (w *jobWorld) forgetPrepared(conn *pgx.Conn) {
	rows, err := conn.Query(w.t.Context(), `select gid from pg_prepared_xacts where database = current_database()`)
	if err != nil {
		w.t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	for _, name := range names {
		if _, err := conn.Exec(w.t.Context(), "rollback prepared '"+name+"'"); err != nil {
			w.t.Fatal(err)
		}
	}
}

// killBackend kills a session as the kernel does, which makes the server start anew, or
// ends it politely.
func (w *jobWorld) killBackend(hard bool) {
	conn, err := pgx.Connect(w.t.Context(), w.url)
	if err != nil {
		return
	}
	defer conn.Close(context.Background())
	const victim = `
		select pid from pg_stat_activity
		where datname = current_database() and pid <> pg_backend_pid() order by random() limit 1`
	var pid int
	if err := conn.QueryRow(w.t.Context(), victim).Scan(&pid); err != nil {
		return
	}
	if hard {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	} else {
		_, _ = conn.Exec(w.t.Context(), `select pg_terminate_backend($1)`, pid)
	}
}
