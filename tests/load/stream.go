package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
)

// streamCase is what the change stream costs.
const streamCase = "stream"

const streamDatabase = "stream"

// most is up to how many processes stream at once.
const most = 2

// How many write at once, each waiting for its commit to reach the disk: many share a
// wait, and the cores are the limit; of few the disk is.
const manyWriters, fewWriters = 16, 2

// stream measures writers of single rows while 0, 1, … processes stream them: their
// throughput, and what a row costs a walsender and a process. First many write as fast
// as they can, when those who stream take cores from them unless there are spare ones;
// then at half that rate, as into a database that isn't at its limit; then few, who wait
// for the disk.
func (b *bench) stream(ctx context.Context, seconds, rounds int) error {
	insert := filepath.Join(b.dir, "stream.sql")
	text := "insert into public.events (kind, body) values ('load', 'a row of about one hundred bytes, as applications write them all day long');\n"
	if err := os.WriteFile(insert, []byte(text), 0o600); err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "streaming\twriters\ttx/s\tratio\tlatency ms\twalsender us/tx\tprocess us/tx\tload average\t")
	rate := 0
	for i, pace := range []string{"as fast as they can", "at half that rate", "two, for the disk"} {
		writers := manyWriters
		if i == 2 {
			writers, rate = fewWriters, 0
		}
		var results [most + 1][]streamSample
		for round := range rounds {
			for n := range most + 1 {
				fmt.Fprintf(os.Stderr, "%s, %s, %d processes: round %d of %d\n", streamCase, pace, n, round+1, rounds)
				s, err := b.streamed(ctx, n, insert, writers, seconds, rate)
				if err != nil {
					return err
				}
				results[n] = append(results[n], s)
			}
		}
		var alone float64
		for n, list := range results {
			slices.SortFunc(list, func(a, b streamSample) int { return int(a.tps - b.tps) })
			m := list[len(list)/2]
			if n == 0 {
				alone = m.tps
			}
			fmt.Fprintf(out, "%d\t%s\t%.0f\t%.2f\t%.2f\t%.1f\t%.1f\t%s\t\n", n, pace, m.tps, m.tps/alone, m.latency, m.walsender, m.process, m.load)
		}
		if i == 0 {
			rate = int(alone / 2)
		}
	}
	return out.Flush()
}

// streamSample is one measurement. CPU time is in microseconds for each transaction and
// each of those who stream, so that it is what one more of them costs; load is the
// machine's in the last minute.
type streamSample struct {
	tps, latency, walsender, process float64
	load                             string
}

func (b *bench) prepareStream(ctx context.Context) error {
	if err := b.exec(ctx, "postgres", "create database "+streamDatabase); err != nil {
		return err
	}
	migrate := exec.CommandContext(ctx, b.binary, "migrate", "up")
	migrate.Env = append(os.Environ(), "DATABASE_URL="+b.db.URL(streamDatabase),
		"FLUXBASE_REPLICATION_DATABASE_URL="+b.login(streamDatabase, "fluxbase_replication"),
		"FLUXBASE_SERVICE_DATABASE_URL="+b.login(streamDatabase, "fluxbase_service"))
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("migrate: %w\n%s", err, out)
	}
	return b.exec(ctx, streamDatabase, `create table public.events (
		id bigint generated always as identity primary key, kind text not null, body text not null, at timestamptz not null default now());
		select realtime.enable('public.events')`)
}

// streamed measures the writers, of rate transactions a second (0 is no limit), while n
// processes stream.
func (b *bench) streamed(ctx context.Context, n int, insert string, writers, seconds, rate int) (streamSample, error) {
	processes, _, err := b.followers(ctx, n)
	defer stopAll(processes)
	if err != nil {
		return streamSample{}, err
	}
	conn, err := pgx.Connect(ctx, b.db.URL(streamDatabase))
	if err != nil {
		return streamSample{}, err
	}
	defer conn.Close(ctx)
	senders, err := walsenders(ctx, conn, n)
	if err != nil {
		return streamSample{}, err
	}
	var readers []int
	for _, p := range processes {
		readers = append(readers, p.Process.Pid)
	}

	sender, reader := ticks(senders), ticks(readers)
	args := []string{"-n", "-M", "prepared", "-f", insert, "-c", strconv.Itoa(writers), "-j", "2", "-T", strconv.Itoa(seconds)}
	if rate > 0 {
		args = append(args, "-R", strconv.Itoa(rate))
	}
	out, err := exec.CommandContext(ctx, filepath.Join(b.bin, "pgbench"), append(args, b.db.URL(streamDatabase))...).CombinedOutput()
	if err != nil {
		return streamSample{}, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	if err := caughtUp(ctx, conn, n); err != nil {
		return streamSample{}, err
	}
	_, result, _ := strings.Cut(string(out), "\ntps = ")
	_, latency, _ := strings.Cut(string(out), "\nlatency average = ")
	s := streamSample{load: loadAverage()}
	_, err = fmt.Sscanf(result, "%f", &s.tps)
	if _, err2 := fmt.Sscanf(latency, "%f", &s.latency); errors.Join(err, err2) != nil {
		return streamSample{}, fmt.Errorf("read pgbench's result: %w\n%s", err, out)
	}
	if n > 0 {
		const tick = 10_000 // microseconds: USER_HZ is 100
		per := tick / (s.tps * float64(seconds) * float64(n))
		s.walsender, s.process = float64(ticks(senders)-sender)*per, float64(ticks(readers)-reader)*per
	}
	return s, nil
}

// followers starts n processes that stream, which the caller stops, and returns their
// addresses.
func (b *bench) followers(ctx context.Context, n int) (processes []*exec.Cmd, bases []string, err error) {
	for i := range n {
		p, base, err := b.process(ctx, "FLUXBASE_DATABASE_URL="+b.login(streamDatabase, "authenticator"),
			"FLUXBASE_REPLICATION_DATABASE_URL="+b.login(streamDatabase, "fluxbase_replication"),
			"FLUXBASE_REALTIME_INSTANCE=load"+strconv.Itoa(i))
		if err != nil {
			return processes, nil, err
		}
		processes, bases = append(processes, p), append(bases, base)
	}
	return processes, bases, nil
}

func stopAll(processes []*exec.Cmd) {
	for _, p := range processes {
		stop(p)
	}
}

// loadAverage is that of the last minute, by which to judge a measurement (proc(5)).
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	minute, _, _ := strings.Cut(string(text), " ")
	return minute
}

// walsenders waits until n stream and returns their process ids.
func walsenders(ctx context.Context, conn *pgx.Conn, n int) ([]int, error) {
	var pids []int
	err := within(ctx, fmt.Sprintf("%d processes stream", n), func() (bool, error) {
		rows, err := conn.Query(ctx, `select pid::int from pg_stat_replication where state = 'streaming'`)
		if err != nil {
			return false, err
		}
		pids, err = pgx.CollectRows(rows, pgx.RowTo[int])
		return len(pids) == n, err
	})
	return pids, err
}

// caughtUp waits until all that was written has been sent, so that its cost counts.
func caughtUp(ctx context.Context, conn *pgx.Conn, n int) error {
	var end string
	if err := conn.QueryRow(ctx, `select pg_current_wal_lsn()::text`).Scan(&end); err != nil {
		return err
	}
	return within(ctx, "the stream has caught up", func() (done bool, err error) {
		err = conn.QueryRow(ctx, `select count(*) = $1 from pg_stat_replication where sent_lsn >= $2::pg_lsn`, n, end).Scan(&done)
		return done, err
	})
}

func within(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited a minute until %s: %w", what, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// ticks is the CPU time of processes and their ended children so far, in hundredths
// of a second (proc(5)).
func ticks(pids []int) (sum int) {
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended, and the load with it
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, f := range fields[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.Atoi(f)
			sum += n
		}
	}
	return sum
}
