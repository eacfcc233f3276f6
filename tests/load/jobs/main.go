// Command jobs measures our queue beside River and graphile-worker, in one run on one
// Postgres of its own, each at the best configuration that it knows (see the file of
// each). A job is a line of JSON of about 100 bytes, and its handler does nothing, so
// that what counts is the queue.
//
// For each system it measures, in a fresh database: enqueueing in bulk; draining a
// queue that was filled before; how soon a job starts that was committed alone, at a
// low steady rate; and draining once more while a transaction has held its snapshot for
// a minute in which jobs flowed, so that vacuum could remove nothing. Beside the rate
// stand what a job costs the database and its client in CPU time, which also a busy
// machine measures rightly, and the bytes of WAL that it writes. The settings of Postgres
// are those that we need ourselves, wal_level=logical among them.
//
//	make bench-jobs                                          all systems, 15 to 20 minutes
//	go run -C tests/load/jobs . -rounds 3                    the median of three runs
//	go run -C tests/load/jobs . -hold 0 river-1000 fluxbase  two systems, no held snapshot
//	FLUXBASE_PG_BIN=$PWD/tests/js/node_modules/pg18/native/bin make bench-jobs
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// system is a job queue under measurement. It belongs to one database.
type system interface {
	// setup installs the queue into the empty database at url.
	setup(ctx context.Context, url string) error
	// enqueueMany commits the jobs from to to-1 in one transaction; many may call it
	// at once.
	enqueueMany(ctx context.Context, from, to int) error
	// enqueue commits one job.
	enqueue(ctx context.Context, number int) error
	// work runs jobs until there were count of them and the database knows that all of
	// them are done. It tells the number of each job whose handler starts, and when,
	// unless started is nil.
	work(ctx context.Context, count int, started func(number int, at time.Time)) error
	// left counts the jobs that are not done.
	left(ctx context.Context) (int, error)
	// cpu is the time that the client has used so far, of enqueueing and of work.
	cpu() time.Duration
	close()
}

// systems are all there are, in the order of the table.
var systems = []struct {
	name string
	open func() system
}{
	{"fluxbase", func() system { return &fluxbase{} }},
	{"fluxbase-sql", func() system { return &sqlCalls{} }},
	{"river-100", func() system { return &riverQueue{workers: 100} }},
	{"river-1000", func() system { return &riverQueue{workers: 1000} }},
	{"graphile-batched", func() system { return &graphile{batched: true} }},
	{"graphile-plain", func() system { return &graphile{} }},
}

// options are what the flags say.
type options struct {
	seconds time.Duration
	hold    time.Duration
	writer  bool
	rate    int
	flow    int
	most    int
	rounds  int
}

func main() {
	var o options
	flag.DurationVar(&o.seconds, "time", 10*time.Second, "how long enqueueing and draining last at least, as far as -most lets them")
	flag.DurationVar(&o.hold, "hold", time.Minute, "how long the snapshot is held before the second draining; 0 leaves that out")
	flag.BoolVar(&o.writer, "writer", false, "the transaction that holds the snapshot has written, too")
	flag.IntVar(&o.rate, "rate", 500, "jobs a second, each committed alone, while it is measured how soon they start")
	flag.IntVar(&o.flow, "flow", 2000, "jobs a second while the snapshot is held; at most half of what the system can do")
	flag.IntVar(&o.most, "most", 300_000, "jobs of one measurement")
	flag.IntVar(&o.rounds, "rounds", 1, "runs of each system; the median of each figure counts")
	flag.Usage = usage
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "jobs:", err)
		stop()
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprint(os.Stderr, `Measures our job queue beside River and graphile-worker, on a Postgres of its own.

  go run -C tests/load/jobs . [flags] [system ...]

Systems: `+strings.Join(names(), ", ")+` (all by default).
FLUXBASE_PG_BIN names the folder of another Postgres than the system's, from / on.

`)
	flag.PrintDefaults()
	fmt.Fprint(os.Stderr, `
The table: "enqueue" is in bulk, "work" drains a full queue, "start" is from the
commit of a single job to its handler, "held" drains while a snapshot is held, and
"of before" is that rate, and that CPU time of the database, by those of "work".
"db us" and "client us" are microseconds of CPU time for each job, "WAL" bytes.
`)
}

func names() (list []string) {
	for _, s := range systems {
		list = append(list, s.name)
	}
	return list
}

func run(ctx context.Context, o options, wanted []string) error {
	for _, name := range wanted {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("there is no system %q: name some of %s", name, strings.Join(names(), ", "))
		}
	}
	p, err := startPostgres(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	results := make([][]result, len(systems))
	for round := range o.rounds {
		for i, s := range systems {
			if len(wanted) > 0 && !slices.Contains(wanted, s.name) {
				continue
			}
			r, err := measure(ctx, p, o, fmt.Sprintf("%s, run %d of %d", s.name, round+1, o.rounds), s.open)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			results[i] = append(results[i], r)
		}
	}
	return printTable(os.Stdout, p.version, results)
}
