package dispatch

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

// Keeper does what has to be done for the queue from time to time. Any number of processes
// do so at once: what one does, the others find done.
type Keeper struct {
	db  *pg.DB
	log *slog.Logger
	// busy tells that jobs have ended since the last look.
	busy atomic.Bool
}

// NewKeeper makes a Keeper. db is a login that may become service_role.
func NewKeeper(db *pg.DB, log *slog.Logger) *Keeper { return &Keeper{db: db, log: log} }

// Busy tells that jobs end.
func (k *Keeper) Busy() { k.busy.Store(true) }

// How often what is done.
const (
	leastPause    = 10 * time.Millisecond // what is due may be under way elsewhere
	promoteEvery  = time.Second
	expireEvery   = 5 * time.Second
	maintainBusy  = time.Second // while jobs end
	maintainEvery = 10 * time.Second
	keepTimeout   = 10 * time.Second
	maxPause      = 30 * time.Second
)

// Run works until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	var expired, maintained time.Time
	failed := time.Duration(0)
	for {
		now := time.Now()
		err := k.do(ctx, `select count(*) from jobs.run_schedules()`)
		next := promoteEvery
		if err == nil {
			next, err = k.promote(ctx)
		}
		if err == nil && now.Sub(expired) >= expireEvery {
			expired, err = now, k.do(ctx, `select jobs.expire()`)
		}
		if since := now.Sub(maintained); err == nil && (since >= maintainEvery || since >= maintainBusy && k.busy.Swap(false)) {
			maintained, err = now, k.do(ctx, `select jobs.maintain()`)
		}
		if err != nil && ctx.Err() == nil {
			if failed = min(max(2*failed, promoteEvery), maxPause); failed == promoteEvery {
				k.log.Warn("the queue of jobs can't be looked after; it is tried again", "error", err)
			}
			next = failed
		} else {
			failed = 0
		}
		if !wait.For(ctx, next) {
			return
		}
	}
}

// promote lets jobs run whose time has come, and returns when to do so again.
func (k *Keeper) promote(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	res, err := k.db.Do(ctx, &pg.Tx{Caller: service, Main: pg.Statement{
		SQL: `select greatest(0, ceil(extract(epoch from p.next - clock_timestamp()) * 1000))::bigint::text from (select least(jobs.promote(), jobs.next_schedule_at())) as p (next) where p.next is not null`,
	}})
	if err != nil {
		return 0, err
	}
	defer res.Free()
	if len(res.Values) == 0 {
		return promoteEvery, nil
	}
	left, err := time.ParseDuration(string(res.Values[0]) + "ms")
	if err != nil {
		return promoteEvery, nil // years are more than fit
	}
	return min(max(left, leastPause), promoteEvery), nil
}

func (k *Keeper) do(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	res, err := k.db.Do(ctx, &pg.Tx{Caller: service, Main: pg.Statement{SQL: sql}})
	if err == nil {
		res.Free()
	}
	return err
}
