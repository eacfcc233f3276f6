package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/rest"
	"github.com/fluxbase/fluxbase/proxy/token"
)

func newServeCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve the database that FLUXBASE_DATABASE_URL names",
		Long: `Serves until SIGTERM or Ctrl-C; requests under way are answered before it ends.
Needs FLUXBASE_DATABASE_URL and, for requests with a token, FLUXBASE_JWT_SECRET;
docs/reference/config.md lists all settings. Wrong settings end it with status 2
and a list of all of them. A database that is away answers 503 until it is back.`,
		Example: `  export FLUXBASE_DATABASE_URL=postgres://authenticator:PASSWORD@127.0.0.1/app
  export $(fluxbase keys | grep JWT_SECRET)
  fluxbase serve

  # any Postgres database, with nothing of ours installed in it
  FLUXBASE_MODULES=rest fluxbase serve`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), cmd.OutOrStdout(), func(string) {})
		},
	}
}

// serve wires the product together from the environment and runs it until ctx
// ends. ready is called once with the base URL when requests are taken.
func serve(ctx context.Context, logTo io.Writer, ready func(baseURL string)) error {
	set, err := loadSettings()
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		// The live heap is a few MiB, which Go would collect hundreds of times a
		// second under load; four times as much is still small.
		debug.SetGCPercent(400)
	}
	log, flush := newLogger(set.Main, logTo)
	defer flush()

	l, err := listen(ctx, set.Server.Address(), "FLUXBASE_SERVER_PORT")
	if err != nil {
		return err
	}
	defer l.Close()

	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	pools, err := openPools(ctx, set.DB)
	if err != nil {
		return err
	}
	defer closePools(pools)

	var background sync.WaitGroup
	defer background.Wait()
	stopping, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := checkDatabase(ctx, pools, log); err != nil {
		return err
	}

	deps := proxy.Deps{Log: log, Reg: reg, Pools: pools, Ready: map[string]func() error{}}
	if set.Main.on("rest") {
		store, handler, err := newRest(set, l, pools, reg, log)
		if err != nil {
			return err
		}
		deps.Rest, deps.RestPrefix = handler.Serve, set.Rest.Prefix
		deps.Ready["catalog"] = store.Ready
		// Loaded before the first request is taken, if the database is there; Run
		// goes on trying, and says so.
		_ = store.Refresh(ctx)
		background.Go(func() { store.Run(stopping) })
	}
	if err := serveMetrics(stopping, set.Server, reg, log, &background); err != nil {
		return err
	}

	server := proxy.New(set.Server, deps)
	baseURL := "http://" + l.Addr().String()
	log.Info("serving", "url", baseURL, "modules", set.Main.Modules, "version", version)
	ready(baseURL)
	return server.Serve(ctx, l)
}

// newRest puts the REST capability together; l is where it will be reached.
func newRest(set *settings, l net.Listener, pools map[string]*pg.DB, reg prometheus.Registerer, log *slog.Logger) (*catalog.Store, *rest.Handler, error) {
	tokens, err := token.New(set.JWT)
	if err != nil {
		return nil, nil, err
	}
	store := catalog.NewStore(pools[requestPool], set.Rest.Catalog(), reg, log)
	handler, err := rest.New(set.Rest, rest.Deps{
		Anon: pools[requestPool], Service: pools[servicePool], Tokens: tokens,
		Catalog: store, Registerer: reg, Log: log,
		Address: net.JoinHostPort(set.Server.Host, strconv.Itoa(l.Addr().(*net.TCPAddr).Port)),
	})
	return store, handler, err
}

// listen takes the address, or says who to blame and what to do.
func listen(ctx context.Context, address, variable string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another process: stop it, or set %s", address, variable)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
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
func checkDatabase(ctx context.Context, pools map[string]*pg.DB, log *slog.Logger) error {
	var errs []error
	for name, db := range pools {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := db.Check(ctx)
		cancel()
		variable := map[string]string{requestPool: "FLUXBASE_DATABASE_URL", servicePool: "FLUXBASE_SERVICE_DATABASE_URL"}[name]
		switch {
		case err == nil:
		case errors.As(err, new(pg.SetupError)):
			errs = append(errs, fmt.Errorf("%s: %w", variable, err))
		default:
			log.Warn("the database can't be reached yet; answering 503 until it can", "setting", variable, "error", err)
		}
	}
	return errors.Join(errs...)
}

// serveMetrics answers /metrics on a listener of its own until ctx ends.
func serveMetrics(ctx context.Context, cfg proxy.Config, reg *prometheus.Registry, log *slog.Logger, background *sync.WaitGroup) error {
	address, on := cfg.Metrics()
	if !on {
		return nil
	}
	l, err := listen(ctx, address, "FLUXBASE_SERVER_METRICS_ADDRESS")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: cfg.HeaderTimeout}
	background.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics stopped", "error", err)
		}
	})
	background.Go(func() {
		<-ctx.Done()
		_ = srv.Close()
	})
	log.Info("metrics", "url", "http://"+l.Addr().String()+"/metrics")
	return nil
}
