package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
)

// devDatabase is the database in dev's own cluster.
const devDatabase = "fluxbase"

// stopPatience is how long Postgres may take to write its last checkpoint.
const stopPatience = 30 * time.Second

// devCluster is the private Postgres of dev, started again when it dies.
type devCluster struct {
	options cluster.Options
	say     func(string)

	mu      sync.Mutex
	running *cluster.Cluster
	note    string

	stopping chan struct{}
	watching sync.WaitGroup
}

// startDevCluster runs the cluster in data, or, when root keeps that where no
// ordinary user may go, in a folder of the system.
func startDevCluster(ctx context.Context, data string, say func(string)) (*devCluster, error) {
	var config cluster.Config
	if errs := parseEnv(&config); errs != nil {
		return nil, usageError{errors.Join(errs...)}
	}
	if err := config.Check(); err != nil {
		return nil, usageError{err}
	}
	c, err := startClusterIn(ctx, config, data, say)
	if !errors.As(err, new(*cluster.UnreachableError)) {
		return c, err
	}
	elsewhere, pathErr := systemFolder(data)
	if pathErr != nil {
		return nil, errors.Join(err, pathErr)
	}
	say(fmt.Sprintf("Postgres does not run as root, and its user may not enter %s: its data is in %s", data, elsewhere))
	return startClusterIn(ctx, config, elsewhere, say)
}

func systemFolder(data string) (string, error) {
	path, err := filepath.Abs(data)
	if err != nil {
		return "", fmt.Errorf("where is %s: %w", data, err)
	}
	sum := sha256.Sum256([]byte(path))
	return "/var/lib/fluxbase/dev-" + hex.EncodeToString(sum[:6]), nil
}

func startClusterIn(ctx context.Context, config cluster.Config, dir string, say func(string)) (*devCluster, error) {
	version, err := cluster.DataVersion(dir)
	if err != nil {
		return nil, err
	}
	if config.Version == "" {
		config.Version = version
	}
	found, err := cluster.Find(ctx, config, say)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	d := &devCluster{
		options:  cluster.Options{Dir: dir, Bin: found.Dir, Progress: say},
		say:      say,
		stopping: make(chan struct{}),
	}
	if d.running, err = cluster.Start(ctx, d.options); err != nil {
		return nil, err
	}
	say(fmt.Sprintf("%-40s %8s", "Postgres "+found.Version, time.Since(begin).Round(time.Millisecond)))
	return d, nil
}

// watch starts Postgres again whenever it dies, and gives up with failed when
// that can't be done.
func (d *devCluster) watch(failed context.CancelCauseFunc) {
	d.watching.Go(func() {
		for {
			select {
			case <-d.stopping:
				return
			case <-d.current().Done():
			}
			d.say("Postgres has ended; starting it again")
			if err := d.restart(); err != nil {
				failed(err)
				return
			}
		}
	})
}

func (d *devCluster) restart() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running.Kill() // it is dead; this gives the folder free
	// However long it recovers, on a slow disk for minutes, unless we are to stop.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-d.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	options := d.options
	options.Port = d.running.Port()
	running, err := cluster.Start(ctx, options)
	if err != nil {
		return err
	}
	d.running = running
	return running.Announce(d.note)
}

// announce tells a second dev in the same folder where this one serves.
func (d *devCluster) announce(note string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note = note
	return d.running.Announce(note)
}

func (d *devCluster) current() *cluster.Cluster {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running
}

func (d *devCluster) url(database string) string { return d.current().URL(database) }

// stop shuts Postgres down after everything that uses it.
func (d *devCluster) stop() error {
	close(d.stopping)
	d.watching.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	return d.current().Stop(ctx)
}

// ensureDatabase makes dev's database at the first start, and returns its URL.
func ensureDatabase(ctx context.Context, c *devCluster) (string, error) {
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return "", fmt.Errorf("connect to the private Postgres: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "create database "+devDatabase)
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == "42P04" { // duplicate_database
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("make the database: %w", err)
	}
	return c.url(devDatabase), nil
}

// hideFromGit keeps secrets and data out of a commit of the user's.
func hideFromGit(dir string) error {
	return os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), 0o600)
}
