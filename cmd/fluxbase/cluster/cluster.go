// Package cluster finds Postgres binaries and runs a private cluster of them: a
// data directory of its own, on the loopback interface only, as an ordinary user
// also when the caller is root. `fluxbase dev` and the tests live on it; it is
// not for production, where Postgres is somebody's job.
//
// Anything here may be killed at any time. The data directory comes into being
// by one rename, a stale postmaster.pid is recognised, a postmaster that outlived
// its starter is adopted, and a lock keeps two starters apart.
//
// It runs on Linux and macOS. Only initdb and postgres are needed, no client
// program.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Superuser is the role that initdb makes; its password is generated and kept in
// the data directory, readable by the owner alone.
const Superuser = "postgres"

// Options says where and how a cluster runs.
type Options struct {
	// Dir holds everything of the cluster: data, log, lock. It is made when missing.
	Dir string
	// Bin is the directory of initdb and postgres, from Find.
	Bin string
	// Port on 127.0.0.1. Zero keeps the port of the last start if that is free,
	// else takes any free one.
	Port int
	// Settings are server parameters above the ones that every cluster gets.
	Settings map[string]string
	// Throwaway gives up durability for speed: for data that nobody will miss.
	Throwaway bool
	// Progress hears of each slow step before it begins. It may be nil.
	Progress func(step string)
}

// Cluster is a running Postgres.
type Cluster struct {
	dir, data string
	bin       string
	password  string
	port      int
	settings  map[string]string
	owner     *owner
	lock      *dirLock
	proc      process
}

// InUseError says that another process runs the cluster in Dir.
type InUseError struct {
	Dir string
	// Holder is what that process wrote about itself: its pid, then what it announced.
	Holder string
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("the Postgres in %s is in use by %s; use that one, or stop it first", e.Dir, e.Holder)
}

// Start runs the cluster in o.Dir, making it first if there is none, and returns
// when it takes connections. It fails with *InUseError while another process
// holds it, and takes over what a killed process left behind.
func Start(ctx context.Context, o Options) (_ *Cluster, err error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	c := &Cluster{dir: dir, data: filepath.Join(dir, "data"), bin: o.Bin}
	if c.owner, err = ordinaryUser(c.data); err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	if err := os.MkdirAll(dir, c.owner.dirMode()); err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	// Postgres knows its directory by the real path, and so must we.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	c.dir, c.data = dir, filepath.Join(dir, "data")
	if c.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.lock.release()
		}
	}()
	if err := c.run(ctx, o); err != nil {
		return nil, fmt.Errorf("start Postgres in %s: %w", dir, err)
	}
	return c, nil
}

func (c *Cluster) run(ctx context.Context, o Options) error {
	say := o.Progress
	if say == nil {
		say = func(string) {}
	}
	if err := c.owner.prepare(c, say); err != nil {
		return err
	}
	if err := c.initialize(ctx, o.Throwaway, say); err != nil {
		return err
	}
	if err := c.readPassword(); err != nil {
		return err
	}
	adopted, err := c.adopt(ctx, say)
	if adopted || err != nil {
		return err
	}
	c.settings = o.settings(c.data)
	return c.launch(ctx, o.Port, say)
}

// settings returns all parameters of the server but its port.
func (o Options) settings(data string) map[string]string {
	s := map[string]string{
		"wal_level":             "logical",
		"listen_addresses":      "127.0.0.1",
		"max_connections":       "200",
		"max_replication_slots": "20",
		"max_wal_senders":       "20",
		// A slot that nobody reads any more must not fill the disk.
		"max_slot_wal_keep_size": "4GB",
		"password_encryption":    "scram-sha-256",
		"lc_messages":            "C", // we look for a few messages in the log
		"timezone":               "UTC",
		"log_timezone":           "UTC",
		// A socket's path has room for 107 bytes (sun_path); 103 on macOS.
		"unix_socket_directories": "",
	}
	if len(filepath.Join(data, ".s.PGSQL.65535")) < 103 {
		s["unix_socket_directories"] = data
	}
	if o.Throwaway {
		s["fsync"], s["synchronous_commit"], s["full_page_writes"] = "off", "off", "off"
		s["checkpoint_timeout"], s["max_wal_size"] = "1h", "4GB"
		// Many tests share one.
		s["max_connections"], s["max_replication_slots"], s["max_wal_senders"] = "500", "60", "60"
		// Who streams sees a commit that nobody waits for once it is flushed, 200ms later
		// by default.
		s["wal_writer_delay"] = "10ms"
	}
	for name, value := range o.Settings {
		s[name] = value
	}
	return s
}

// URL returns how the superuser reaches a database of this cluster.
func (c *Cluster) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(Superuser, c.password),
		Host:     "127.0.0.1:" + strconv.Itoa(c.port),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port returns the port on 127.0.0.1.
func (c *Cluster) Port() int { return c.port }

// PID returns the process id of the postmaster.
func (c *Cluster) PID() int { return c.proc.pid() }

// Done is closed when the postmaster has ended, for whatever reason.
func (c *Cluster) Done() <-chan struct{} { return c.proc.done() }

// Announce tells a process that finds this cluster in use what it is used for;
// the text ends up in its InUseError.
func (c *Cluster) Announce(text string) error { return c.lock.announce(text) }

// Stop shuts Postgres down, ending its sessions, and gives the directory free.
// When ctx ends first, Postgres is stopped without a checkpoint and recovers at
// its next start.
func (c *Cluster) Stop(ctx context.Context) error {
	defer c.lock.release()
	c.proc.signal(sigFast)
	select {
	case <-c.proc.done():
		return nil
	case <-ctx.Done():
	}
	c.proc.signal(sigImmediate)
	select {
	case <-c.proc.done():
		return nil
	case <-time.After(5 * time.Second):
	}
	c.proc.signal(sigKill)
	<-c.proc.done()
	return errors.New("stop Postgres: it did not answer and was killed; it will recover at its next start")
}

// Kill ends the postmaster as kill -9 does, waits for that, and gives the
// directory free. Start with the same Dir brings it back on the same port.
func (c *Cluster) Kill() {
	c.proc.signal(sigKill)
	<-c.proc.done()
	c.lock.release()
}
