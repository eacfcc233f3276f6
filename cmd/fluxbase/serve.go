package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

func newServeCmd() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the database that FLUXBASE_DATABASE_URL names",
		Long: `Serves until SIGTERM or Ctrl-C; requests under way are answered before it ends.
Needs FLUXBASE_DATABASE_URL and, for requests with a token, FLUXBASE_JWT_SECRET;
docs/reference/config.md lists all settings. Wrong settings end it with status 2
and a list of all of them. A database that is away answers 503 until it is back.

With PGRST_DB_URI, or the prefix /, it takes the place of a PostgREST: all settings
are then those of PostgREST's variables, and its defaults hold.
docs/how-to/moving-from-postgrest.md tells more.`,
		Example: `  export FLUXBASE_DATABASE_URL=postgres://authenticator:PASSWORD@127.0.0.1/app
  export $(fluxbase keys | grep JWT_SECRET)
  fluxbase serve

  # any Postgres database, with nothing of ours installed in it
  fluxbase serve --modules rest

  # in the place of PostgREST, with its variables
  PGRST_DB_URI=postgres://authenticator:PASSWORD@127.0.0.1/app PGRST_DB_ANON_ROLE=web_anon \
    fluxbase serve --modules rest --rest-prefix /`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), f, cmd.OutOrStdout(), func(*settings, string) {})
		},
	}
	cmd.Flags().StringSliceVar(&f.modules, "modules", nil, "as FLUXBASE_MODULES, which it overrides")
	cmd.Flags().StringVar(&f.restPrefix, "rest-prefix", "", "as FLUXBASE_REST_PREFIX, which it overrides; / is PostgREST's own place")
	return cmd
}

// serve wires the product together from the environment and runs it until ctx
// ends. ready is called once with the settings and the base URL when requests are taken.
func serve(ctx context.Context, f flags, logTo io.Writer, ready func(set *settings, baseURL string)) error {
	set, err := loadSettings(f, nil)
	if err != nil {
		return err
	}
	go tuneGC(ctx)
	log, flush := newLogger(set.Main, logTo)
	defer flush()

	l, err := set.public().listen(ctx)
	if err != nil {
		return err
	}
	defer l.Close()

	if len(set.ignored) > 0 {
		log.Warn("these variables of PostgREST say nothing to this version", "names", set.ignored)
	}
	complete := true
	if set.dropIn {
		if set, complete, err = withDatabase(ctx, f, set, log); err != nil {
			return err
		}
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	pools, err := openPools(ctx, set.DB)
	if err != nil {
		return err
	}
	defer closePools(pools)

	var background sync.WaitGroup
	defer background.Wait()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	if err := checkDatabase(ctx, pools, set, log); err != nil {
		return err
	}

	deps := proxy.Deps{Log: log, Reg: reg, Pools: pools, Notes: map[string]func() string{}, ReadyFor: map[string]func() error{}}
	front := &front{
		log: log, pools: pools, background: &background, address: address(set, l), dropIn: set.dropIn,
		announced: func() bool { return false },
	}
	r := &reloader{flags: f, log: log, front: front, set: set, wake: make(chan struct{}, 1), fail: fail}
	deps.Ready = append(deps.Ready, r.connected)
	if set.Stream.DatabaseURL != "" {
		if err := stream(ctx, set, l.Addr().String(), front, reg, &deps); err != nil {
			return err
		}
	}
	if set.Main.on("rest") {
		if complete {
			if err := front.use(ctx, set); err != nil {
				return err
			}
		}
		deps.Rest, deps.RestStreams, deps.RestPrefix = front.Serve, front.Streams, set.Rest.Prefix
		deps.Ready = append(deps.Ready, front.Ready)
	}
	deps.Live = set.live()
	r.server = proxy.New(set.Server, deps)
	if at, on := set.admin(); on {
		admin := &admin{log: log, metrics: front.metrics(reg), ready: r.server.Ready, public: l.Addr()}
		if err := admin.serve(ctx, at, set.Server, &background); err != nil {
			return err
		}
	}
	if set.dropIn {
		got, stop := catchSignals()
		defer stop()
		background.Go(func() { r.run(ctx) })
		background.Go(func() { r.signals(ctx, got) })
		if set.DropIn.ChannelEnabled || !set.DropIn.AutomaticRecovery {
			background.Go(func() { r.listen(ctx) })
		}
		if !complete {
			r.ask(false, true)
		}
	}
	url := baseURL(l.Addr())
	log.Info("serving", "url", url, "modules", set.Main.Modules, "version", version)
	ready(set, url)
	if err := r.server.Serve(ctx, l); err != nil {
		return err
	}
	if lost := new(lostError); errors.As(context.Cause(ctx), lost) {
		return *lost
	}
	return nil
}

// address is where clients reach l, as far as we know.
func address(set *settings, l net.Listener) string {
	port := set.Server.Port
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		port = tcp.Port
	}
	return net.JoinHostPort(set.Server.Host, strconv.Itoa(port))
}

// withDatabase adds what the database holds of the configuration. Without it (it
// may be slower to start than we are) the settings are not complete.
func withDatabase(ctx context.Context, f flags, set *settings, log *slog.Logger) (_ *settings, complete bool, err error) {
	db, err := pg.Open(ctx, set.DB, set.DB.DatabaseURL, 1, 0)
	if err != nil {
		return nil, false, fmt.Errorf("FLUXBASE_DATABASE_URL: %w", err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	database, err := readInDatabase(ctx, db, set.DropIn)
	if err != nil && !set.DropIn.AutomaticRecovery {
		return nil, false, lostError{err}
	}
	if err != nil {
		log.Warn("answering 503 until the configuration can be read", "error", err)
		return set, false, nil
	}
	set, err = loadSettings(f, database)
	return set, true, err
}

// The names of the pools, in metrics and here.
const (
	requestPool = "requests"
	servicePool = "service"
)

func openPools(ctx context.Context, cfg pg.Config) (map[string]*pg.DB, error) {
	requests := cfg.MaxConnections
	pools := map[string]*pg.DB{}
	if cfg.ServiceDatabaseURL != "" {
		requests -= cfg.ServiceMaxConnections
		db, err := pg.Open(ctx, cfg, cfg.ServiceDatabaseURL, cfg.ServiceMaxConnections, 0)
		if err != nil {
			return nil, fmt.Errorf("FLUXBASE_SERVICE_DATABASE_URL: %w", err)
		}
		pools[servicePool] = db
	}
	db, err := pg.Open(ctx, cfg, cfg.DatabaseURL, requests, cfg.MinConnections)
	if err != nil {
		closePools(pools)
		return nil, fmt.Errorf("FLUXBASE_DATABASE_URL: %w", err)
	}
	pools[requestPool] = db
	return pools, nil
}

func closePools(pools map[string]*pg.DB) {
	for _, db := range pools {
		db.Close()
	}
}

// checkDatabase ends the start when waiting can't help: a wrong password, a
// database that doesn't exist or is too old. One that can't be reached may only
// be slower to start than we are.
func checkDatabase(ctx context.Context, pools map[string]*pg.DB, set *settings, log *slog.Logger) error {
	var errs []error
	for name, db := range pools {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := db.Check(ctx)
		cancel()
		variable := map[string]string{requestPool: "FLUXBASE_DATABASE_URL", servicePool: "FLUXBASE_SERVICE_DATABASE_URL"}[name]
		switch {
		case err == nil:
		case set.dropIn && set.DropIn.AutomaticRecovery && pg.IsMissing(err): // PostgREST waits until it is made
			log.Warn("answering 503 until there is a database", "setting", variable, "error", err)
		case errors.As(err, new(pg.SetupError)):
			errs = append(errs, fmt.Errorf("%s: %w", variable, err))
		case !set.DropIn.AutomaticRecovery:
			errs = append(errs, lostError{err})
		default:
			log.Warn("the database can't be reached yet; answering 503 until it can", "setting", variable, "error", err)
		}
	}
	return errors.Join(errs...)
}
