package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/julienschmidt/httprouter"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/trace"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Deps is what a Server is made of. A capability whose handler is nil is off.
type Deps struct {
	Log *slog.Logger
	Reg prometheus.Registerer
	// Tracer, if not nil, makes a span of each request.
	Tracer *trace.Tracer
	Pools  map[string]*pg.DB // by name, for metrics
	// Ready are the conditions of /readyz.
	Ready []func(context.Context) error
	// Notes are what /readyz tells beside, by name: what is amiss but keeps no request
	// from being answered. An empty one is all well.
	Notes map[string]func() string
	// ReadyFor are further conditions, by name: /readyz?for=NAME holds them too.
	ReadyFor map[string]func() error
	// Rest answers all below RestPrefix.
	Rest       web.Handler
	RestPrefix string
	// RestStreams tells those of them whose bodies are read as they come, without the
	// limits of others; over tells a body that is larger than these.
	RestStreams func(r *http.Request, over bool) bool
	// Auth answers all below /auth/v1.
	Auth web.Handler
	// Realtime answers all below /realtime/v1.
	Realtime web.Handler
	// Jobs answers all below /jobs/v1.
	Jobs web.Handler
	// Functions answers all below /functions/v1, with headers of its own alone.
	Functions web.Handler
	// Admin answers all below /api/v1/admin.
	Admin web.Handler
	// OpenAPI answers at /openapi.json.
	OpenAPI web.Handler
	// Limit, if not nil, may refuse a request before anything is known of its caller.
	Limit func(*web.Response, *http.Request) error
	// Live is what holds at first.
	Live Live
}

// Live is what a new configuration may change while requests come.
type Live struct {
	// CORSOrigins are those of Config if it is nil.
	CORSOrigins []string
	// TraceHeader is a header of requests that each answer repeats; empty is none.
	TraceHeader string
	// Errors is the shape of error bodies.
	Errors web.Dialect
	// PostgREST answers browsers as that does, letter for letter, and logs at its
	// levels.
	PostgREST bool
	// LogSQL adds the SQL of a request to the access log.
	LogSQL bool
}

// Server answers the product's HTTP requests.
type Server struct {
	cfg        Config
	log        *slog.Logger
	reg        prometheus.Registerer
	proxies    web.Proxies
	conns      *connections
	router     *httprouter.Router
	fallback   httprouter.Handle // what no route takes; nil is 404
	metrics    *metrics
	ready      []func(context.Context) error
	notes      map[string]func() string
	readyFor   map[string]func() error
	rest       web.Handler
	restPrefix string
	streams    func(*http.Request, bool) bool
	auth       web.Handler
	realtime   web.Handler
	jobs       web.Handler
	functions  web.Handler
	admin      web.Handler
	openAPI    web.Handler
	limit      func(*web.Response, *http.Request) error // nil: none
	tracer     *trace.Tracer                            // nil: none
	live       atomic.Pointer[live]
	// draining turns /readyz off; closing ends each connection with its answer.
	draining, closing atomic.Bool

	classes []routeClass
	// bodyRules and responseRules come before the limits of classes.
	bodyRules, responseRules []rule
	encoder                  *web.Encoder // nil where answers are sent as they are
}

// New makes a Server. cfg must have passed Check.
func New(cfg Config, deps Deps) *Server {
	s := &Server{
		cfg: cfg, log: deps.Log, reg: deps.Reg, metrics: newMetrics(deps.Reg), ready: deps.Ready, notes: deps.Notes, readyFor: deps.ReadyFor,
		rest: deps.Rest, restPrefix: deps.RestPrefix, streams: deps.RestStreams, auth: deps.Auth, realtime: deps.Realtime, jobs: deps.Jobs, functions: deps.Functions, admin: deps.Admin, openAPI: deps.OpenAPI, limit: deps.Limit, tracer: deps.Tracer,
	}
	s.proxies, _ = web.ParseProxies(cfg.TrustedProxies, cfg.ForwardedHeader) // which Check has read
	s.conns = newConnections(cfg, s.proxies, deps.Log, deps.Reg)
	s.bodyRules, _ = parseRules(cfg.BodyLimits)
	s.responseRules, _ = parseRules(cfg.ResponseLimits)
	s.classes = classes(strings.TrimSuffix(s.restPrefix, "/"))
	if cfg.Compression {
		s.encoder = web.NewEncoder(cfg.CompressionMin)
	}
	s.SetLive(deps.Live)
	deps.Reg.MustRegister(poolCollector{deps.Pools})
	s.router = s.newRouter()
	return s
}

// SetLive makes a new configuration hold for the requests that come.
func (s *Server) SetLive(l Live) { s.live.Store(s.newLive(l)) }

// Serve answers requests from l until ctx ends, then stops in three steps, so
// that every request that was taken is answered:
//
//  1. For the drain delay /readyz says no, and all else goes on: balancers look
//     away while clients notice nothing.
//  2. No connection is taken any more, and each answer says that its connection
//     ends with it (by GOAWAY in HTTP/2), so that no client sends another request
//     into a closing one.
//  3. Idle connections are closed, and requests under way get StopTimeout.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	headers := s.cfg.MaxHeaderBytes
	if !s.live.Load().PostgREST {
		headers *= 2 // so that we are the ones to answer, in our own words
	}
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.cfg.HeaderTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    headers,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),

		DisableGeneralOptionsHandler: true, // it would answer without a request id

		Protocols: new(http.Protocols),
		// What a client resets counts until its handler is done, so that resetting does
		// not get more work done at once (CVE-2023-44487).
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
	}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(true) // over TLS
	srv.Protocols.SetUnencryptedHTTP2(s.cfg.H2C)
	l = s.refusing(srv, listener{l, s.conns})
	serve := func() error { return srv.Serve(l) }
	if s.cfg.TLSCertFile != "" {
		cert, err := newCertificate(s.cfg, s.log, s.reg)
		if err != nil {
			return fmt.Errorf("read the certificate: %w", err)
		}
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: cert.get}
		serve = func() error { return srv.ServeTLS(l, "", "") }
	}
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}

	s.log.Info("stopping", "cause", context.Cause(ctx), "drain_delay", s.cfg.DrainDelay)
	s.draining.Store(true)
	wait(s.cfg.DrainDelay)
	// Who is told that a connection ends makes another, which must be refused by then:
	// what waits to be accepted would be reset.
	_ = l.Close()
	s.closing.Store(true)
	<-failed
	wait(closeDelay)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.StopTimeout)
	defer cancel()
	for {
		// Again and again, because each call tells just those connections of HTTP/2 that
		// have been set up by then, and the others would stay until they are idle.
		once, cancel := context.WithTimeout(stop, closeDelay)
		err := srv.Shutdown(once)
		cancel()
		if err == nil {
			return nil
		}
		if stop.Err() != nil {
			_ = srv.Close() // what still runs now is over its time
			return fmt.Errorf("stop: requests were still running after %s: %w", s.cfg.StopTimeout, err)
		}
	}
}

// maxStreams is how many requests a client may have under way on one connection of
// HTTP/2; fewer than 100 would be less than what RFC 9113 advises.
const maxStreams = 100

// closeDelay is how long keep-alive clients have to come by once more and hear
// that their connection ends.
const closeDelay = 250 * time.Millisecond

func wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	<-t.C
}

// livez says that the process runs; it asks nobody, so that a database that is
// away doesn't get every proxy restarted.
func (s *Server) livez(w *web.Response, _ *http.Request) error {
	return web.Text(w, http.StatusOK, "ok\n")
}

// readyz says whether requests can be answered now. What is amiss for one capability
// alone must not keep the others from their clients, so balancers of that one ask for
// it by name.
func (s *Server) readyz(w *web.Response, r *http.Request) error {
	if err := s.Ready(r.Context()); err != nil {
		return err
	}
	if name := r.URL.Query().Get("for"); name != "" {
		check := s.readyFor[name]
		if check == nil {
			return web.NotFound
		}
		if err := check(); err != nil {
			return err
		}
	}
	text := "ready\n"
	for _, name := range slices.Sorted(maps.Keys(s.notes)) {
		if note := s.notes[name](); note != "" {
			text += name + ": " + note + "\n"
		}
	}
	return web.Text(w, http.StatusOK, text)
}

// Ready tells what stands in the way of answering requests, within two seconds.
func (s *Server) Ready(ctx context.Context) error {
	if s.draining.Load() {
		return web.ShuttingDown
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, check := range s.ready {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}
