package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// batch is how many jobs are enqueued in bulk at once.
	batch = 1000
	// producers enqueue at once.
	producers = 4
	// warmUp is how many jobs are worked before it is measured.
	warmUp = 5000
	// paced is how long jobs flow while it is measured how soon they start.
	paced = 10 * time.Second
)

// cost is a rate, and what each job used: microseconds of CPU time, bytes of WAL.
type cost struct{ rate, database, client, wal float64 }

type result struct {
	enqueue, work, held cost
	// p50 and p95 are how long a job waited for its start, in milliseconds.
	p50, p95 float64
}

// runOf is a system in a database of its own.
type runOf struct {
	system
	p    *postgres
	name string
	url  string
	next int // the number of the next job
}

func (r *runOf) say(format string, args ...any) { say(r.name + ": " + fmt.Sprintf(format, args...)) }

// measure runs one system through all phases.
func measure(ctx context.Context, p *postgres, o options, name string, open func() system) (result, error) {
	var res result
	r := &runOf{p: p, name: name}
	start := func() (err error) {
		if r.url, err = p.fresh(ctx); err == nil {
			r.system, r.next = open(), 0
			err = r.setup(ctx, r.url)
		}
		return err
	}
	r.say("setting up")
	if err := start(); err != nil {
		return res, err
	}
	var err error
	if res.enqueue, err = r.enqueues(ctx, o); err == nil {
		r.close()
		err = start()
	}
	defer func() { r.close() }()
	if err != nil {
		return res, err
	}
	n, err := r.drains(ctx, o, &res.work)
	if err != nil {
		return res, err
	}
	if res.p50, res.p95, err = r.starts(ctx, o); err != nil || o.hold == 0 {
		return res, err
	}
	release, err := hold(ctx, r.url, o.writer)
	if err != nil {
		return res, err
	}
	defer release()
	flow := min(o.flow, int(res.work.rate/2))
	r.say("%d jobs/s flow for %s while a snapshot is held", flow, o.hold)
	if err := r.flows(ctx, o.hold, flow); err != nil {
		return res, err
	}
	res.held, err = r.drain(ctx, n)
	return res, err
}

// enqueues measures enqueueing in bulk.
func (r *runOf) enqueues(ctx context.Context, o options) (cost, error) {
	r.say("enqueueing for %s", o.seconds)
	if err := r.p.checkpoint(ctx); err != nil {
		return cost{}, err
	}
	return r.costs(ctx, "enqueued", func() (int, error) {
		end := time.Now().Add(o.seconds)
		return r.fill(ctx, o.most, func() bool { return time.Now().After(end) })
	})
}

// fill enqueues n jobs, or fewer when it is full before, and returns how many.
func (r *runOf) fill(ctx context.Context, n int, full func() bool) (int, error) {
	var group sync.WaitGroup
	var taken, failed atomic.Int64
	errs := make([]error, producers)
	for i := range producers {
		group.Go(func() {
			for failed.Load() == 0 && !full() {
				from := int(taken.Add(batch)) - batch
				if from >= n {
					taken.Add(-batch)
					return
				}
				if errs[i] = r.enqueueMany(ctx, r.next+from, r.next+min(from+batch, n)); errs[i] != nil {
					failed.Add(1)
				}
			}
		})
	}
	group.Wait()
	n = min(n, int(taken.Load()))
	r.next += n
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if i >= 0 {
		return n, fmt.Errorf("enqueue: %w", errs[i])
	}
	return n, nil
}

// drains drains as many jobs as take long enough, and returns their number.
func (r *runOf) drains(ctx context.Context, o options, work *cost) (int, error) {
	c, err := r.drain(ctx, min(warmUp, o.most))
	for n := 0; err == nil; {
		took := float64(n) / c.rate
		if n == o.most || took >= o.seconds.Seconds() {
			*work = c
			return n, nil
		}
		n = min(max(int(1.2*o.seconds.Seconds()*c.rate), 2*n), o.most)
		c, err = r.drain(ctx, n)
	}
	return 0, err
}

// drain fills the queue with n jobs and measures how they are worked.
func (r *runOf) drain(ctx context.Context, n int) (cost, error) {
	r.say("filling the queue with %d jobs", n)
	if err := r.p.checkpoint(ctx); err != nil {
		return cost{}, err
	}
	if _, err := r.fill(ctx, n, func() bool { return false }); err != nil {
		return cost{}, err
	}
	// As autovacuum does sooner or later after so much has changed.
	if err := execute(ctx, r.url, "analyze"); err != nil {
		return cost{}, err
	}
	return r.costs(ctx, "worked", func() (int, error) { return n, r.done(ctx, r.work(ctx, n, nil)) })
}

// done says that nothing is left once work has ended well.
func (r *runOf) done(ctx context.Context, err error) error {
	if err != nil {
		return fmt.Errorf("work: %w", err)
	}
	left, err := r.left(ctx)
	if err == nil && left > 0 {
		err = fmt.Errorf("%d jobs are left after all were run", left)
	}
	return err
}

// costs measures what something costs for each of the jobs that it returns.
func (r *runOf) costs(ctx context.Context, verb string, do func() (int, error)) (cost, error) {
	runtime.GC() // what came before is not its
	wal, err := r.p.wal(ctx)
	if err != nil {
		return cost{}, err
	}
	database, client, began := r.p.cpu(), r.cpu(), time.Now()
	n, err := do()
	if err != nil {
		return cost{}, err
	}
	took := time.Since(began)
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(n) }
	c := cost{rate: float64(n) / took.Seconds(), database: per(r.p.cpu() - database), client: per(r.cpu() - client)}
	end, err := r.p.wal(ctx)
	c.wal = float64(end-wal) / float64(n)
	r.say("%s %d jobs in %.1f s: %.0f jobs/s, %.1f us of the database, %.1f us of the client, %.0f bytes of WAL each",
		verb, n, took.Seconds(), c.rate, c.database, c.client, c.wal)
	return c, err
}

// starts measures how soon a job starts that was committed alone.
func (r *runOf) starts(ctx context.Context, o options) (p50, p95 float64, err error) {
	n := o.rate * int(paced/time.Second)
	first := r.next
	r.next += n
	r.say("%d jobs/s for %s, each committed alone", o.rate, paced)
	committed, started := make([]time.Time, n), make([]time.Time, n)
	err = r.together(ctx, n, func(number int, at time.Time) { started[number-first] = at }, func(ctx context.Context) error {
		return pace(ctx, n, time.Second/time.Duration(o.rate), func(i int) error {
			err := r.enqueue(ctx, first+i)
			committed[i] = time.Now()
			return err
		})
	})
	if err != nil {
		return 0, 0, err
	}
	waits := make([]time.Duration, n)
	for i := range waits {
		waits[i] = max(0, started[i].Sub(committed[i])) // it may start before its producer hears of its commit
	}
	slices.Sort(waits)
	p50, p95 = milliseconds(waits[n/2]), milliseconds(waits[n*95/100])
	r.say("they started after %.1f ms, p95 %.1f ms", p50, p95)
	return p50, p95, nil
}

// flows works jobs as they come.
func (r *runOf) flows(ctx context.Context, length time.Duration, rate int) error {
	const every = 10 * time.Millisecond
	n := max(1, rate/int(time.Second/every))
	steps := int(length / every)
	first := r.next
	r.next += n * steps
	return r.together(ctx, n*steps, nil, func(ctx context.Context) error {
		return pace(ctx, steps, every, func(i int) error {
			return r.enqueueMany(ctx, first+i*n, first+(i+1)*n)
		})
	})
}

// together works n jobs while they are enqueued.
func (r *runOf) together(ctx context.Context, n int, started func(int, time.Time), enqueue func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		if err := enqueue(ctx); err != nil {
			cancel(fmt.Errorf("enqueue: %w", err))
		}
	})
	err := r.work(ctx, n, started)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return r.done(ctx, err)
}

// pace calls step with each number below n, the next one after every; late ones follow
// at once. Several run at a time.
func pace(ctx context.Context, n int, every time.Duration, step func(i int) error) error {
	const lanes = 8
	var group sync.WaitGroup
	errs := make(chan error, lanes)
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for lane := range lanes {
		group.Go(func() {
			for i := lane; i < n; i += lanes {
				select {
				case <-ctx.Done():
					errs <- ctx.Err()
					return
				case <-time.After(time.Until(began.Add(time.Duration(i) * every))):
				}
				if err := step(i); err != nil {
					errs <- err
					cancel()
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// hold opens a transaction that keeps vacuum from removing anything that it may see.
func hold(ctx context.Context, url string, writer bool) (release func(), err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	statements := "begin isolation level repeatable read; select 1"
	if writer {
		statements = "begin isolation level repeatable read; select pg_current_xact_id()"
	}
	if _, err := conn.Exec(ctx, statements); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return func() { _ = conn.Close(context.WithoutCancel(ctx)) }, nil
}

func execute(ctx context.Context, url, statements string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statements)
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
