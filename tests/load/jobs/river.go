package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// riverQueue is River, with the intervals of its own benchmark (`river bench`): COPY for
// what comes in bulk, its completer in batches.
type riverQueue struct {
	workers int // MaxWorkers

	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx] // only to enqueue
}

type riverJob struct {
	Number int    `json:"number"`
	Body   string `json:"body"`
}

func (riverJob) Kind() string { return "noop" }

type riverWorker struct {
	river.WorkerDefaults[riverJob]
	started func(number int)
}

func (w *riverWorker) Work(_ context.Context, job *river.Job[riverJob]) error {
	w.started(job.Args.Number)
	return nil
}

func (q *riverQueue) setup(ctx context.Context, url string) (err error) {
	if q.pool, err = openPool(ctx, url); err != nil {
		return err
	}
	driver := riverpgxv5.New(q.pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet()})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	q.client, err = river.NewClient(driver, &river.Config{Logger: quiet()})
	return err
}

func (q *riverQueue) enqueueMany(ctx context.Context, from, to int) error {
	jobs := make([]river.InsertManyParams, to-from)
	for i := range jobs {
		jobs[i].Args = riverJob{Number: from + i, Body: body}
	}
	_, err := q.client.InsertManyFast(ctx, jobs)
	return err
}

func (q *riverQueue) enqueue(ctx context.Context, number int) error {
	_, err := q.client.Insert(ctx, riverJob{Number: number, Body: body}, nil)
	return err
}

func (q *riverQueue) work(ctx context.Context, count int, started func(int, time.Time)) error {
	var ran atomic.Int64
	all := make(chan struct{})
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverWorker{started: func(number int) {
		if started != nil {
			started(number, time.Now())
		}
		if ran.Add(1) == int64(count) {
			close(all)
		}
	}})
	client, err := river.NewClient(riverpgxv5.New(q.pool), &river.Config{
		FetchCooldown: 2 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: q.workers}}, Workers: workers, Logger: quiet(),
	})
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	select {
	case <-all:
		return client.Stop(ctx) // which waits for the completer
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *riverQueue) left(ctx context.Context) (n int, err error) {
	err = q.pool.QueryRow(ctx, "select count(*) from river_job where state <> 'completed'").Scan(&n)
	return n, err
}

func (q *riverQueue) cpu() time.Duration { return cpuOfUs() }

func (q *riverQueue) close() {
	if q.pool != nil {
		q.pool.Close()
	}
}

// openPool opens what a system's client in Go needs.
func openPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open a pool: %w", err)
	}
	c.MaxConns = 16
	return pgxpool.NewWithConfig(ctx, c)
}

// cpuOfUs is the time that this process has used so far.
func cpuOfUs() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // getrusage(2) knows no other error than of its arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
