package tests

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	osexec "os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/consumer"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/replication"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// A worker is a process of its own, this test binary again, in which a stream and a
// durable consumer run: one that tests kill.
const (
	workerURL      = "FLUXBASE_TEST_WORKER"
	workerInstance = "FLUXBASE_TEST_WORKER_INSTANCE"
)

// toldTransaction is what the consumer of a worker writes of a transaction.
type toldTransaction struct {
	At     string // its position
	Gap    changes.Reason
	Events []toldEvent
}

type toldEvent struct {
	Table, Prefix string
	Old, New      []string // their values; none is no row
}

func tellEvent(e *changes.Event) toldEvent {
	texts := func(row changes.Tuple) (all []string) {
		for _, v := range row.All() {
			all = append(all, string(v.Text))
		}
		return all
	}
	if e.Relation == nil {
		return toldEvent{Prefix: e.Prefix}
	}
	return toldEvent{Table: e.Relation.Name, Old: texts(e.Old), New: texts(e.New)}
}

// worker is a running one.
type worker struct {
	cmd *osexec.Cmd
	log *syncBuffer
}

// startWorker runs a worker that writes each transaction into the table told.
func startWorker(t *testing.T, db *dbtest.DB, instance string) *worker {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{cmd: osexec.Command(self), log: new(syncBuffer)}
	w.cmd.Env = append(os.Environ(), workerURL+"="+db.URL(sql.Replication), workerInstance+"="+instance)
	w.cmd.Stdout, w.cmd.Stderr = w.log, w.log
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return w
}

// end sends a signal and waits for the end; told to stop, it must stop well.
func (w *worker) end(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if sig != syscall.SIGKILL { // which it can't hear before it begins
		eventually(t, "the worker has begun", func() bool { return w.log.String() != "" })
	}
	_ = w.cmd.Process.Signal(sig)
	late := time.AfterFunc(time.Minute, func() { _ = w.cmd.Process.Kill() })
	defer late.Stop()
	if err := w.cmd.Wait(); err != nil && sig != syscall.SIGKILL {
		t.Errorf("a worker ended with %v\n%s", err, tail(w.log.String()))
	}
}

// work is what a worker does until it is told to stop.
func work(url string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	log.Info("a worker begins")
	fail := func(err error) {
		if err != nil {
			log.Error("the worker fails", "error", err)
			os.Exit(1)
		}
	}
	cfg := replication.Config{DatabaseURL: url, Instance: os.Getenv(workerInstance), HeartbeatInterval: 200 * time.Millisecond}
	fail(cfg.Check())
	stream, err := replication.New(cfg, "", log, prometheus.NewRegistry())
	fail(err)
	db, err := pg.Open(ctx, pg.Config{}, url, 2, 0)
	fail(err)
	defer db.Close()
	tell := func(ctx context.Context, tx toldTransaction, done pg.Statement) error {
		text, err := json.Marshal(tx)
		if err != nil {
			return err
		}
		_, err = db.Do(ctx, &pg.Tx{
			Before: []pg.Statement{{SQL: `insert into public.told (what) values ($1)`, Args: [][]byte{text}}}, Main: done,
		})
		return err
	}
	c := &consumer.Consumer{
		Name: "worker", Source: stream, Want: everything, DB: db, Log: log,
		Work: func(ctx context.Context, tx *changes.Transaction, done pg.Statement) error {
			out := toldTransaction{At: tx.Position().String()}
			for i := range tx.Events {
				out.Events = append(out.Events, tellEvent(&tx.Events[i]))
			}
			return tell(ctx, out, done)
		},
		Lost: func(ctx context.Context, gap *changes.Gap, done pg.Statement) error {
			return tell(ctx, toldTransaction{At: gap.From.String(), Gap: gap.Reason}, done)
		},
	}
	var running sync.WaitGroup
	running.Go(func() { stream.Run(ctx) })
	running.Go(func() { c.Run(ctx) })
	running.Wait()
}
