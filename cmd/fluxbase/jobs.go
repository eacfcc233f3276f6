package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/jobs"
	"github.com/fluxbase/fluxbase/proxy/jobs/dispatch"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

// The pools of jobs. What speaks with the queue waits for no job that runs.
const (
	queuePool = "jobs_queue"
	workPool  = "jobs"
)

// queueConnections are for the dispatcher, the keeper and metrics.
const queueConnections = 3

// openQueue opens the pools of jobs. It is called before anything runs in the background,
// which may look for a pool.
func (f *front) openQueue(ctx context.Context, set *settings) (err error) {
	for name, connections := range map[string]int{queuePool: queueConnections, workPool: set.Jobs.Concurrency} {
		if name == workPool && !set.Jobs.Work {
			continue
		}
		if f.pools[name], err = pg.Open(ctx, set.DB, set.DB.ServiceDatabaseURL, connections, 0); err != nil {
			return fmt.Errorf("FLUXBASE_SERVICE_DATABASE_URL: %w", err)
		}
	}
	return nil
}

// queue makes what looks after the queue of jobs and works on it.
func queue(ctx context.Context, set *settings, l net.Listener, f *front, deps *proxy.Deps) error {
	deps.Reg.MustRegister(dispatch.NewMetrics(f.pools[queuePool]))
	keeper := dispatch.NewKeeper(f.pools[queuePool], deps.Log)
	f.background.Go(func() { f.waker.Run(ctx) })
	f.background.Go(func() { keeper.Run(ctx) })
	seals, err := f.openSeals(set)
	if err != nil {
		return err
	}
	tokens, err := f.verifier(set.JWT)
	if err != nil {
		return err
	}
	f.background.Go(func() { tokens.Follow(ctx, deps.Log) })
	made := jobs.Deps{
		DB: f.pools[servicePool], Requests: f.pools[requestPool], Once: f.once, Tokens: tokens, Waker: f.waker, Busy: keeper.Busy, Poll: set.Jobs.Poll, Stopping: ctx.Done(), Seals: seals,
	}
	if f.limits != nil {
		made.Limit = f.limits.Caller
	}
	deps.Jobs = jobs.New(made).Serve
	if !set.Jobs.Work {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("find a name for this process: %w", err)
	}
	work := dispatch.Deps{
		DB: f.pools[queuePool], Work: f.pools[workPool], Requests: f.pools[requestPool],
		Waker: f.waker, Keeper: keeper, Seals: seals, Name: host + " " + l.Addr().String(), Log: deps.Log,
	}
	if h := f.functions.Load(); h != nil {
		work.Functions = h.Do
	}
	d := dispatch.New(set.Jobs, work)
	f.waker.OnChange(d.HandlersChanged)
	f.background.Go(func() { d.Run(ctx) })
	return nil
}
