package main

import (
	"bytes"
	"context"
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

// stream measures writers of single rows while 0, 1, … processes stream them: their
// throughput, and what a row costs a walsender and a process.
func (b *bench) stream(ctx context.Context, seconds, rounds, clients int) error {
	insert := filepath.Join(b.dir, "stream.sql")
	text := "insert into public.events (kind, body) values ('load', 'a row of about one hundred bytes, as applications write them all day long');\n"
	if err := os.WriteFile(insert, []byte(text), 0o600); err != nil {
		return err
	}
	var results [most + 1][]streamSample
	for round := range rounds {
		for n := range most + 1 {
			fmt.Fprintf(os.Stderr, "%s, %d processes: round %d of %d\n", streamCase, n, round+1, rounds)
			s, err := b.streamed(ctx, n, insert, seconds, clients)
			if err != nil {
				return err
			}
			results[n] = append(results[n], s)
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "streaming\twriters tx/s\tratio\twalsender us/tx\tprocess us/tx\t")
	var alone float64
	for n, list := range results {
		slices.SortFunc(list, func(a, b streamSample) int { return int(a.tps - b.tps) })
		m := list[len(list)/2]
		if n == 0 {
			alone = m.tps
		}
		fmt.Fprintf(out, "%d\t%.0f\t%.2f\t%.1f\t%.1f\t\n", n, m.tps, m.tps/alone, m.walsender, m.process)
	}
	return out.Flush()
}

// streamSample is one measurement; CPU time is in microseconds for each transaction
// and each of those who stream.
type streamSample struct{ tps, walsender, process float64 }

func (b *bench) prepareStream(ctx context.Context) error {
	if err := b.exec(ctx, "postgres", "create database "+streamDatabase); err != nil {
		return err
	}
	migrate := exec.CommandContext(ctx, b.binary, "migrate", "up")
	migrate.Env = append(os.Environ(), "DATABASE_URL="+b.db.URL(streamDatabase),
		"FLUXBASE_REPLICATION_DATABASE_URL="+b.login(streamDatabase, "fluxbase_replication"))
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("migrate: %w\n%s", err, out)
	}
	return b.exec(ctx, streamDatabase, `create table public.events (
		id bigint generated always as identity primary key, kind text not null, body text not null, at timestamptz not null default now());
		select realtime.enable('public.events')`)
}

// streamed measures the writers while n processes stream.
func (b *bench) streamed(ctx context.Context, n int, insert string, seconds, clients int) (streamSample, error) {
	var processes []*exec.Cmd
	defer func() {
		for _, p := range processes {
			stop(p)
		}
	}()
	for i := range n {
		p, _, err := b.process(ctx, "FLUXBASE_DATABASE_URL="+b.login(streamDatabase, "authenticator"),
			"FLUXBASE_REPLICATION_DATABASE_URL="+b.login(streamDatabase, "fluxbase_replication"),
			"FLUXBASE_REALTIME_INSTANCE=load"+strconv.Itoa(i))
		if err != nil {
			return streamSample{}, err
		}
		processes = append(processes, p)
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
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "pgbench"), "-n", "-M", "prepared", "-f", insert,
		"-c", strconv.Itoa(clients), "-j", "2", "-T", strconv.Itoa(seconds), b.db.URL(streamDatabase))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return streamSample{}, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	if err := caughtUp(ctx, conn, n); err != nil {
		return streamSample{}, err
	}
	_, result, _ := strings.Cut(string(out), "\ntps = ")
	var s streamSample
	if _, err := fmt.Sscanf(result, "%f", &s.tps); err != nil {
		return streamSample{}, fmt.Errorf("read pgbench's result: %w\n%s", err, out)
	}
	if n > 0 {
		const tick = 10_000 // microseconds: USER_HZ is 100
		per := tick / (s.tps * float64(seconds) * float64(n))
		s.walsender, s.process = float64(ticks(senders)-sender)*per, float64(ticks(readers)-reader)*per
	}
	return s, nil
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
		case <-time.After(20 * time.Millisecond):
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
