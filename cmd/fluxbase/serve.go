package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy"
	adminapi "github.com/fluxbase/fluxbase/proxy/admin"
	"github.com/fluxbase/fluxbase/proxy/auth"
	"github.com/fluxbase/fluxbase/proxy/functions"
	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/proxy/jobs"
	"github.com/fluxbase/fluxbase/proxy/jobs/wake"
	"github.com/fluxbase/fluxbase/proxy/limit"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/trace"
	"github.com/fluxbase/fluxbase/proxy/web"
	"github.com/fluxbase/fluxbase/replication/realtime"
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
	yieldSession(set.DB.DatabaseURL)
	log, flush := newLogger(set.Main, logTo)
	defer flush()
	if set.Trace.On() {
		log = slog.New(trace.Handler{Handler: log.Handler()})
	}

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

	tracer, err := trace.New(ctx, set.Trace, trace.About{Version: version, URL: cmp.Or(set.publicURL(l), baseURL(set.Server.Scheme(), l.Addr()))}, log, reg)
	if err != nil {
		return err
	}
	defer tracer.Close()
	ctx = tracer.Into(ctx)

	pools, err := openPools(ctx, set.DB)
	if err != nil {
		return err
	}
	defer closePools(pools)

	endFunctions := func() {}
	defer func() { endFunctions() }() // when nothing calls them any more
	var background sync.WaitGroup
	defer background.Wait()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	if err := checkDatabase(ctx, pools, set, log); err != nil {
		return err
	}

	deps := proxy.Deps{Log: log, Reg: reg, Tracer: tracer, Pools: pools, Notes: map[string]func() string{}, ReadyFor: map[string]func() error{}}
	front := &front{
		log: log, pools: pools, background: &background, address: address(set, l), url: set.publicURL(l), dropIn: set.dropIn,
		announced: func() bool { return false }, ring: token.NewKeyRing(), once: idempotency.New(set.Idempotency, reg),
	}
	if !set.dropIn {
		front.keys = front.readKeys
		front.issued = token.NewIssued(front.tokensDB)
		if set.Main.PublicURL != "" {
			front.issuer = set.Main.PublicURL + auth.Prefix
		}
	}
	r := &reloader{flags: f, log: log, front: front, set: set, wake: make(chan struct{}, 1), fail: fail}
	deps.Ready = append(deps.Ready, r.connected)
	if !set.dropIn && !set.Limit.Off() {
		if err := limits(ctx, set, front, &deps); err != nil {
			return err
		}
	}
	if set.Main.on("auth") && !set.dropIn {
		if missing := set.missingForAuth(); missing != nil {
			log.Info("auth is not served", "missing", missing)
		} else if err := front.newSigner(set, l); err != nil {
			return err
		}
	}
	if set.Main.on("jobs") && !set.dropIn {
		if set.DB.ServiceDatabaseURL == "" {
			log.Info("jobs are not served", "missing", errNoService)
		} else {
			if err := front.openQueue(ctx, set); err != nil {
				return err
			}
			front.waker = wake.New(pools[servicePool], log)
		}
	}
	if set.Main.on("functions") && !set.dropIn {
		if set.DB.ServiceDatabaseURL == "" {
			log.Info("functions are not served", "missing", errNoService)
		} else if err := front.newCatalog(set); err != nil {
			return err
		}
	}
	if set.Stream.DatabaseURL != "" {
		if err := stream(ctx, set, l.Addr().String(), front, reg, &deps); err != nil {
			return err
		}
	}
	if front.limits != nil {
		defer front.limits.Close()
		background.Go(func() { front.limits.Run(ctx) })
	}
	front.endpoints = proxy.Endpoints
	if deps.Realtime != nil {
		front.endpoints = slices.Concat(front.endpoints, realtime.Endpoints())
	}
	if front.signer != nil {
		if err := front.sendMails(ctx, set, l, reg); err != nil {
			return err
		}
	}
	if set.Main.on("admin") && !set.dropIn {
		var more []web.OperatorRoute
		if front.mails != nil {
			more = slices.Concat(front.mails.Operations(), front.hooks.Operations())
		}
		if front.catalog != nil {
			operations, err := front.functionOperations(set)
			if err != nil {
				return err
			}
			more = slices.Concat(more, operations)
		}
		if front.waker != nil {
			more = slices.Concat(more, jobs.Operations())
		}
		if err := administer(ctx, set, front, &deps, more); err != nil {
			return err
		}
		front.endpoints = slices.Concat(front.endpoints, adminapi.Endpoints(more...))
		if front.waker != nil && set.Jobs.UI {
			front.endpoints = slices.Concat(front.endpoints, jobs.PageEndpoints())
			deps.Admin = beside(jobs.UI, deps.Admin)
		}
	}
	if front.signer != nil {
		compute, endHashers := hashers(set.Passwords, log)
		defer endHashers()
		if err := authenticate(ctx, set, l, front, compute, reg, &deps); err != nil {
			return err
		}
		front.endpoints = slices.Concat(front.endpoints, auth.Endpoints())
	}
	if front.catalog != nil {
		if endFunctions, err = edge(ctx, set, l, front, &deps); err != nil {
			return err
		}
		front.endpoints = slices.Concat(front.endpoints, functions.Endpoints())
	}
	if front.waker != nil {
		if err := queue(ctx, set, l, front, &deps); err != nil {
			return err
		}
		front.endpoints = slices.Concat(front.endpoints, jobs.Endpoints())
	}
	if set.Main.on("rest") {
		if set.Rest.Extensions {
			background.Go(func() { front.once.Sweep(ctx, pools[requestPool], log) })
		}
		if complete {
			if err := front.use(ctx, set); err != nil {
				return err
			}
		}
		deps.Rest, deps.RestStreams, deps.RestPrefix = front.Serve, front.Streams, set.Rest.Prefix
		if set.Rest.Extensions && set.Rest.Prefix != "/" {
			deps.OpenAPI = front.OpenAPI
		}
		deps.Ready = append(deps.Ready, front.Ready)
	}
	if front.keys != nil {
		background.Go(func() { front.keepKeys(ctx) })
	}
	deps.Live = set.live()
	r.server = proxy.New(set.Server, deps)
	if at, on := set.admin(); on {
		admin := &admin{log: log, metrics: front.metrics(reg), ready: r.server.Ready, public: l.Addr(), dropIn: set.dropIn}
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
	url := baseURL(set.Server.Scheme(), l.Addr())
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

// limits makes what refuses too many requests, and reads its rules if the database is
// there.
func limits(ctx context.Context, set *settings, f *front, deps *proxy.Deps) (err error) {
	d := limit.Deps{DB: f.pools[requestPool], Prefix: set.Rest.Prefix, Log: deps.Log, Reg: deps.Reg}
	if service := f.pools[servicePool]; service != nil {
		d.DB, d.Role = service, "service_role"
	}
	if f.limits, err = limit.New(set.Limit, d); err != nil {
		return err
	}
	deps.Limit = f.limits.Early
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := f.limits.Load(ctx); err != nil {
		deps.Log.Warn("the rate limits can't be read yet; answering 503 until they can", "error", err)
	}
	return nil
}

// administer makes what answers operators.
func administer(ctx context.Context, set *settings, f *front, deps *proxy.Deps, more []web.OperatorRoute) error {
	tokens, err := f.verifier(set.JWT)
	if err != nil {
		return err
	}
	f.background.Go(func() { tokens.Follow(ctx, deps.Log) })
	db := f.pools[servicePool]
	if db == nil {
		db = f.pools[requestPool]
	}
	var perCaller adminapi.Limit
	if f.limits != nil {
		perCaller = f.limits.Caller
	}
	deps.Admin = adminapi.New(db, tokens, perCaller, more...).Serve
	return nil
}

// beside serves a page below the prefix of another handler, to whoever asks: it holds
// nothing secret.
func beside(page web.Page, other web.Handler) web.Handler {
	return func(w *web.Response, r *http.Request) error {
		if (r.Method == http.MethodGet || r.Method == http.MethodHead) && page.Has(r.URL.EscapedPath()) {
			return page.Serve(w, r)
		}
		return other(w, r)
	}
}

// publicURL is the URL that clients know, where one is given or can be told from TLS.
func (s *settings) publicURL(l net.Listener) string {
	if s.Main.PublicURL == "" && s.Server.Scheme() == "https" {
		return "https://" + address(s, l)
	}
	return s.Main.PublicURL
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
