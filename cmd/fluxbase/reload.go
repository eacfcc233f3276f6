package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/wait"
	"github.com/fluxbase/fluxbase/proxy/web"
)

const (
	// reloadDelay is the least distance of two reloads; a migration may ask for one
	// with each of its statements.
	reloadDelay = 100 * time.Millisecond
	maxBackoff  = 32 * time.Second
	// listenTimeout is for the way to the first notification.
	listenTimeout = 10 * time.Second
)

// reloader takes new looks at the schema and the configuration when it is asked
// to. What stands goes on serving until the new stands, and when that fails.
type reloader struct {
	flags  flags
	log    *slog.Logger
	front  *front
	server *proxy.Server
	set    *settings               // those of the start: how the database is reached never changes
	fail   context.CancelCauseFunc // ends the process

	// listening tells whether there is a connection for notifications, behind
	// whether what was asked for last has not been done yet.
	listening, behind atomic.Bool

	wake           chan struct{} // of size 1
	mu             sync.Mutex
	schema, config bool // what was asked for
}

// ask never waits.
func (r *reloader) ask(schema, config bool) {
	r.mu.Lock()
	r.schema, r.config = r.schema || schema, r.config || config
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default: // it will be looked at anyway
	}
}

// run does what is asked for until ctx ends. What fails because the database is
// away is tried again.
func (r *reloader) run(ctx context.Context) {
	backoff := time.Second
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		r.mu.Lock()
		schema, config := r.schema, r.config
		r.schema, r.config = false, false
		r.mu.Unlock()

		err := r.reload(ctx, schema, config)
		r.behind.Store(err != nil && !errors.As(err, new(usageError)))
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			backoff = time.Second
			r.log.Info("reloaded", "schema", schema, "config", config)
		case errors.As(err, new(usageError)):
			r.log.Log(ctx, levelCrit, "the new configuration is wrong; the old one holds", "error", err)
		case !r.set.DropIn.AutomaticRecovery:
			r.fail(lostError{err})
			return
		default:
			r.log.Warn("can't reload; what was loaded goes on serving", "error", err, "again_in", backoff)
			r.ask(schema, config)
			if !wait.For(ctx, backoff) {
				return
			}
			backoff = min(2*backoff, maxBackoff)
		}
		if !wait.For(ctx, reloadDelay) {
			return
		}
	}
}

// lostError ends a process that may not wait for its database.
type lostError struct{ error }

func (e lostError) Error() string {
	return "the database can't be reached, and recovery is off: " + e.error.Error()
}
func (e lostError) Unwrap() error { return e.error }

// connected tells whether the database is there. Where one listens, the connection
// for it knows, also when all others are at work.
func (r *reloader) connected(ctx context.Context) error {
	switch {
	case r.behind.Load():
		return web.CatalogNotLoaded
	case r.set.dropIn && r.set.DropIn.ChannelEnabled:
		if !r.listening.Load() {
			return web.DatabaseUnavailable
		}
		return nil
	}
	for _, db := range r.front.pools {
		if err := db.Ping(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *reloader) reload(ctx context.Context, schema, config bool) error {
	if config {
		database, err := readInDatabase(ctx, r.front.pools[requestPool], r.set.DropIn)
		if err != nil {
			return err
		}
		set, err := loadSettings(r.flags, database)
		if err != nil {
			return err
		}
		if err := r.front.use(ctx, set); err != nil {
			return err
		}
		r.server.SetLive(set.live())
	}
	b := r.front.current.Load()
	switch {
	case b == nil:
		return nil
	case !schema:
		return b.store.Refresh(ctx) // roles have settings too
	}
	if err := b.store.Reload(ctx); err != nil {
		return err
	}
	// What a session keeps is as old as its connection: the login's settings, and
	// what it has read of the catalogs.
	for _, db := range r.front.pools {
		db.Reset()
	}
	return nil
}

// signals asks for the schema at SIGUSR1 and for the configuration at SIGUSR2,
// until ctx ends.
func (r *reloader) signals(ctx context.Context, got <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-got:
			r.ask(s == syscall.SIGUSR1, s == syscall.SIGUSR2)
		}
	}
}

// catchSignals must come before anyone can know of the process: a signal that
// nobody waits for ends it.
func catchSignals() (got chan os.Signal, stop func()) {
	got = make(chan os.Signal, 8)
	signal.Notify(got, syscall.SIGUSR1, syscall.SIGUSR2)
	return got, func() { signal.Stop(got) }
}

// listen asks for what notifications on the channel say, until ctx ends. Where the
// channel is off it only watches whether the database is there.
func (r *reloader) listen(ctx context.Context) {
	backoff := time.Second
	for again := false; ; again = true {
		heard, err := r.listenOnce(ctx, again)
		r.listening.Store(false)
		if ctx.Err() != nil {
			return
		}
		if !r.set.DropIn.AutomaticRecovery {
			r.fail(lostError{err})
			return
		}
		if heard {
			backoff = time.Second
		}
		r.log.Warn("not listening for reloads", "channel", r.set.DropIn.Channel, "error", err, "again_in", backoff)
		if !wait.For(ctx, backoff) {
			return
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// listenOnce listens until the connection is lost; heard tells whether there was
// one, again whether there was one before.
func (r *reloader) listenOnce(ctx context.Context, again bool) (heard bool, err error) {
	cfg, err := pgx.ParseConfig(r.set.DB.DatabaseURL)
	if err != nil {
		return false, errors.New("the connection string does not parse") // it holds a password
	}
	cfg.ConnectTimeout = listenTimeout
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "fluxbase listener"
	}
	cfg.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite // replicas can't listen
	connecting, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, cfg)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if r.set.DropIn.ChannelEnabled {
		channel := r.set.DropIn.Channel
		// In capitals, as PostgREST's is looked for in pg_stat_activity.
		if _, err := conn.Exec(connecting, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return false, err
		}
		r.listening.Store(true)
		r.log.Info("listening for reloads", "channel", channel)
		// What was said while nobody listened is lost. At the start that is little.
		r.ask(again, true)
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return true, err
		}
		switch n.Payload {
		case "":
			r.ask(true, true)
		case "reload schema":
			r.ask(true, false)
		case "reload config":
			r.ask(false, true)
		}
	}
}
