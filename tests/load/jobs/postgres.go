package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
)

// postgres is the server that all systems share, one after the other, and what it
// has used.
type postgres struct {
	dir, version string
	cluster      *cluster.Cluster
	admin        *pgx.Conn
}

// startPostgres runs a throwaway cluster that is as durable as one in production.
func startPostgres(ctx context.Context) (_ *postgres, err error) {
	p := &postgres{}
	if p.dir, err = os.MkdirTemp("", "fluxbase-jobs-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	// Postgres runs as another user when we are root, and must pass through.
	if err := os.Chmod(p.dir, 0o711); err != nil {
		return nil, err
	}
	found, err := cluster.Find(ctx, cluster.Config{Bin: os.Getenv("FLUXBASE_PG_BIN")}, say)
	if err != nil {
		return nil, err
	}
	p.version = found.Version
	if p.cluster, err = cluster.Start(ctx, cluster.Options{
		Dir: filepath.Join(p.dir, "pg"), Bin: found.Dir, Progress: say,
		// None comes by itself within a measurement.
		Settings: map[string]string{"shared_buffers": "512MB", "checkpoint_timeout": "1h", "max_wal_size": "8GB"},
	}); err != nil {
		return nil, err
	}
	p.admin, err = pgx.Connect(ctx, p.cluster.URL("postgres"))
	return p, err
}

// fresh makes an empty database in the place of the last one and returns its URL.
func (p *postgres) fresh(ctx context.Context) (string, error) {
	const name = "jobs"
	const slots = " from pg_replication_slots where database = '" + name + "'"
	for _, statement := range []string{
		"select pg_terminate_backend(active_pid, 10000)" + slots + " and active",
		"select pg_drop_replication_slot(slot_name)" + slots,
		"drop database if exists " + name + " with (force)",
		"create database " + name,
	} {
		if _, err := p.admin.Exec(ctx, statement); err != nil {
			return "", err
		}
	}
	return p.cluster.URL(name), nil
}

// cpu is the time that all of Postgres has used so far. The postmaster's includes that
// of the processes that have ended (proc(5)).
func (p *postgres) cpu() time.Duration {
	postmaster := p.cluster.PID()
	sum := cpuOf(postmaster)
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", postmaster))
	for _, child := range strings.Fields(string(children)) {
		pid, _ := strconv.Atoi(child)
		sum += cpuOf(pid)
	}
	return sum
}

// wal is how many bytes of WAL there were so far.
func (p *postgres) wal(ctx context.Context) (n int64, err error) {
	err = p.admin.QueryRow(ctx, "select (pg_current_wal_insert_lsn() - '0/0')::bigint").Scan(&n)
	return n, err
}

// checkpoint writes down what came before. It is called before a queue is filled, so
// that no more whole pages (full_page_writes) get into the WAL of the work.
func (p *postgres) checkpoint(ctx context.Context) error {
	_, err := p.admin.Exec(ctx, "checkpoint")
	return err
}

func (p *postgres) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if p.cluster != nil {
		_ = p.cluster.Stop(ctx)
	}
	_ = os.RemoveAll(p.dir)
}

// cpuOf is the time that a process and its ended children have used so far, in steps
// of 10 ms.
func cpuOf(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0 // it has ended
	}
	var ticks int
	for _, f := range strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[11:15] { // utime, stime, cutime, cstime
		n, _ := strconv.Atoi(f)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func say(step string) { fmt.Fprintln(os.Stderr, step) }
