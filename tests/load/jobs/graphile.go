package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// graphile is graphile-worker: with the configuration of its own performance test, which
// fetches 500 jobs at once and completes them in batches, or with its default, which
// fetches and completes each alone. Enqueueing is its SQL, called from here.
type graphile struct {
	batched bool

	pool   *pgxpool.Pool
	worker *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

func (q *graphile) setup(ctx context.Context, url string) (err error) {
	if q.pool, err = openPool(ctx, url); err != nil {
		return err
	}
	config := map[string]any{"connectionString": url, "concurrentJobs": 24, "maxPoolSize": 25}
	if q.batched {
		config["localQueue"] = map[string]any{"size": 500, "refetchDelay": map[string]any{"durationMs": 10}}
		config["completeJobBatchDelay"], config["failJobBatchDelay"] = 0, 0
	}
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	q.worker = exec.CommandContext(ctx, "node", "graphile.mjs", string(text))
	q.worker.Env = append(os.Environ(), "NODE_ENV=production", "NO_LOG_SUCCESS=1")
	q.worker.Stderr = os.Stderr
	if q.stdin, err = q.worker.StdinPipe(); err != nil {
		return err
	}
	stdout, err := q.worker.StdoutPipe()
	if err != nil {
		return err
	}
	q.stdout = bufio.NewReader(stdout)
	if err := q.worker.Start(); err != nil {
		return fmt.Errorf("start Node: %w", err)
	}
	if _, err := q.answer(); err != nil {
		return fmt.Errorf("graphile-worker didn't start (make bench-jobs installs it): %w", err)
	}
	return nil
}

// answer reads what the worker says when it has done something: numbers of jobs, and
// when each started.
func (q *graphile) answer() (started [][2]float64, err error) {
	line, err := q.stdout.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	return started, json.Unmarshal(line, &started)
}

type graphileJob struct {
	Identifier string   `json:"identifier"`
	Payload    riverJob `json:"payload"`
}

func (q *graphile) enqueueMany(ctx context.Context, from, to int) error {
	jobs := make([]graphileJob, to-from)
	for i := range jobs {
		jobs[i] = graphileJob{"noop", riverJob{from + i, body}}
	}
	_, err := q.pool.Exec(ctx, `select count(*) from graphile_worker.add_jobs(
		array(select json_populate_recordset(null::graphile_worker.job_spec, $1::json)))`, jobs)
	return err
}

func (q *graphile) enqueue(ctx context.Context, number int) error {
	_, err := q.pool.Exec(ctx, `select id from graphile_worker.add_job('noop', $1::json)`, riverJob{number, body})
	return err
}

func (q *graphile) work(ctx context.Context, count int, started func(int, time.Time)) error {
	order := fmt.Sprintln(count)
	if started != nil {
		order = fmt.Sprintln(count, "started")
	}
	if _, err := io.WriteString(q.stdin, order); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = q.worker.Process.Kill() })
	defer stop()
	jobs, err := q.answer()
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	// Without batches it does not wait for what is being completed.
	for left := 1; left > 0; {
		if left, err = q.left(ctx); err != nil {
			return err
		}
	}
	for _, job := range jobs {
		started(int(job[0]), time.UnixMicro(int64(job[1]*1000)))
	}
	return nil
}

func (q *graphile) left(ctx context.Context) (n int, err error) {
	err = q.pool.QueryRow(ctx, "select count(*) from graphile_worker._private_jobs").Scan(&n)
	return n, err
}

func (q *graphile) cpu() time.Duration { return cpuOfUs() + cpuOf(q.worker.Process.Pid) }

func (q *graphile) close() {
	if q.worker != nil && q.worker.Process != nil {
		_ = q.stdin.Close()
		_ = q.worker.Wait()
	}
	if q.pool != nil {
		q.pool.Close()
	}
}
