package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/jobs/dispatch"
	"github.com/fluxbase/fluxbase/proxy/jobs/wake"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/replication"
)

// fluxbase is our queue as a process of the server works on it: the dispatcher with a
// handler in Go, woken by the stream of changes, which is read all the time.
type fluxbase struct {
	sqlCalls
	db         *pg.DB
	waker      *wake.Waker
	keeper     *dispatch.Keeper
	stop       context.CancelFunc
	background sync.WaitGroup
}

// atOnce is how many handlers run at once.
const atOnce = 100

func (q *fluxbase) setup(ctx context.Context, url string) error {
	if err := q.sqlCalls.setup(ctx, url); err != nil {
		return err
	}
	ctx, q.stop = context.WithCancel(ctx)
	cfg := pg.Config{DatabaseURL: url, PreparedStatements: true}
	stream := replication.Config{DatabaseURL: url, Instance: "bench"}
	err := errors.Join(cfg.Check(), stream.Check())
	if err != nil {
		return err
	}
	if q.db, err = pg.Open(ctx, cfg, url, 3, 0); err != nil {
		return err
	}
	q.waker, q.keeper = wake.New(q.db, quiet()), dispatch.NewKeeper(q.db, quiet())
	source, err := replication.New(stream, "bench", quiet(), prometheus.NewRegistry())
	if err != nil {
		return err
	}
	hints := source.Subscribe(changes.Options{Want: changes.Want{Prefixes: []string{"fluxbase."}}})
	q.background.Go(func() { q.hint(ctx, hints) })
	q.background.Go(func() { source.Run(ctx) })
	q.background.Go(func() { q.waker.Run(ctx) })
	q.background.Go(func() { q.keeper.Run(ctx) })
	return nil
}

// hint wakes as the messages say.
func (q *fluxbase) hint(ctx context.Context, hints changes.Subscription) {
	defer hints.Close()
	for {
		tx, err := hints.Next(ctx)
		var gap *changes.Gap
		if errors.As(err, &gap) {
			q.waker.Hint(nil)
			continue
		}
		if err != nil {
			return
		}
		for i := range tx.Events {
			if e := &tx.Events[i]; e.Prefix == "fluxbase.jobs" {
				q.waker.Hint(e.Content)
			}
		}
		if len(tx.Touched) > 0 { // it was too large to be told in full
			q.waker.Hint(nil)
		}
	}
}

func (q *fluxbase) work(ctx context.Context, count int, started func(int, time.Time)) error {
	cfg := dispatch.Config{Concurrency: atOnce, Queues: []string{"default"}}
	if err := cfg.Check(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var ran atomic.Int64
	dispatch.New(cfg, dispatch.Deps{
		DB: q.db, Work: q.db, Requests: q.db, Waker: q.waker, Keeper: q.keeper, Name: "bench", Log: quiet(),
		Handlers: map[string]dispatch.Handler{"noop": func(_ context.Context, job *dispatch.Job) error {
			var args riverJob
			if err := json.Unmarshal(job.Args, &args); err != nil {
				return err
			}
			if started != nil {
				started(args.Number, time.Now())
			}
			if ran.Add(1) == int64(count) {
				stop()
			}
			return nil
		}},
	}).Run(ctx) // to the end, when all that was done has been told
	if ran.Load() < int64(count) {
		return ctx.Err()
	}
	return nil
}

func (q *fluxbase) close() {
	if q.stop != nil {
		q.stop()
	}
	q.background.Wait()
	if q.db != nil {
		q.db.Close()
	}
	q.sqlCalls.close()
}
