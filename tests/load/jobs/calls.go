package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluxbase/fluxbase/plpgsql"
	"github.com/fluxbase/fluxbase/sql"
)

const (
	// claimers claim at once: while the database hands out jobs to one, the client
	// reads those of the other.
	claimers = 2
	// claimed is how many jobs one asks for at once.
	claimed = 500
	// idle is how long a claimer waits when it was given none.
	idle = 5 * time.Millisecond
)

// sqlCalls is our queue as a client of its SQL alone works on it, in any language: it asks
// in intervals, and a connection finishes and claims in one call.
type sqlCalls struct{ pool *pgxpool.Pool }

func (q *sqlCalls) setup(ctx context.Context, url string) (err error) {
	conn, err := sql.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := sql.Migrate(ctx, conn, sql.Options{}); err != nil {
		return err
	}
	if _, err := plpgsql.Install(ctx, conn); err != nil {
		return err
	}
	q.pool, err = openPool(ctx, url)
	return err
}

func (q *sqlCalls) enqueueMany(ctx context.Context, from, to int) error {
	args := make([]riverJob, to-from)
	for i := range args {
		args[i] = riverJob{from + i, body}
	}
	_, err := q.pool.Exec(ctx, "select jobs.enqueue_many('noop', $1)", args)
	return err
}

func (q *sqlCalls) enqueue(ctx context.Context, number int) error {
	_, err := q.pool.Exec(ctx, "select jobs.enqueue('noop', $1)", riverJob{number, body})
	return err
}

func (q *sqlCalls) work(ctx context.Context, count int, started func(int, time.Time)) error {
	var ran atomic.Int64
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, claimers)
	var group sync.WaitGroup
	for i := range claimers {
		group.Go(func() {
			if errs[i] = q.claim(ctx, func(job *riverJob) bool {
				if started != nil {
					started(job.Number, time.Now())
				}
				return ran.Add(1) >= int64(count)
			}, func() bool { return ran.Load() >= int64(count) }); errs[i] != nil {
				cancel()
			}
		})
	}
	upkeep := make(chan error, 1)
	go func() { upkeep <- q.maintain(ctx) }()
	group.Wait()
	cancel()
	return errors.Join(errors.Join(errs...), <-upkeep)
}

// claim runs jobs until all are done.
func (q *sqlCalls) claim(ctx context.Context, run func(*riverJob) bool, all func() bool) error {
	worker, want := [16]byte{}, claimed
	_, _ = rand.Read(worker[:])
	done, tokens := []int64{}, []int64{} // nil would be null
	call := "select id, token, args from jobs.claim($1, $2)"
	args := []any{worker, want}
	for {
		rows, err := q.pool.Query(ctx, call, args...)
		if err != nil {
			return err
		}
		done, tokens = done[:0], tokens[:0]
		var id, token int64
		var job riverJob
		if _, err := pgx.ForEachRow(rows, []any{&id, &token, &job}, func() error {
			done, tokens = append(done, id), append(tokens, token)
			if run(&job) {
				want = 0
			}
			return nil
		}); err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		if all() {
			want = 0
		}
		if len(done) == 0 {
			if want == 0 {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(idle):
			}
		}
		call = "select id, token, args from jobs.finish($1, $2, $3, want => $4)"
		args = []any{worker, done, tokens, want}
	}
}

// maintain does each second what the queue needs.
func (q *sqlCalls) maintain(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		if _, err := q.pool.Exec(ctx, "select jobs.expire(), jobs.promote(), jobs.maintain()"); err != nil && ctx.Err() == nil {
			return fmt.Errorf("maintain: %w", err)
		}
	}
}

func (q *sqlCalls) left(ctx context.Context) (n int, err error) {
	err = pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select (select count(*) from jobs.batches) + (select count(*) from jobs.waiting)
			+ (select count(*) from jobs.dead) + (select count(*) from jobs.claim(gen_random_uuid(), 10000))`).Scan(&n)
		return errors.Join(err, tx.Rollback(ctx)) // so that nothing is claimed
	})
	if errors.Is(err, pgx.ErrTxClosed) {
		err = nil
	}
	return n, err
}

func (q *sqlCalls) cpu() time.Duration { return cpuOfUs() }

func (q *sqlCalls) close() {
	if q.pool != nil {
		q.pool.Close()
	}
}
