package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/julienschmidt/httprouter"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Deps is what a Server is made of. A capability whose handler is nil is off.
type Deps struct {
	Log   *slog.Logger
	Reg   prometheus.Registerer
	Pools map[string]*pg.DB // by name, for metrics
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
	// Realtime answers all below /realtime/v1.
	Realtime web.Handler
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
	router     *httprouter.Router
	fallback   httprouter.Handle // what no route takes; nil is 404
	metrics    *metrics
	ready      []func(context.Context) error
	notes      map[string]func() string
	readyFor   map[string]func() error
	rest       web.Handler
	restPrefix string
	streams    func(*http.Request, bool) bool
	realtime   web.Handler
	live       atomic.Pointer[Live]
	// draining turns /readyz off; closing ends each connection with its answer.
	draining, closing atomic.Bool
}

// New makes a Server. cfg must have passed Check.
func New(cfg Config, deps Deps) *Server {
	s := &Server{
		cfg: cfg, log: deps.Log, metrics: newMetrics(deps.Reg), ready: deps.Ready, notes: deps.Notes, readyFor: deps.ReadyFor,
		rest: deps.Rest, restPrefix: deps.RestPrefix, streams: deps.RestStreams, realtime: deps.Realtime,
	}
	s.SetLive(deps.Live)
	deps.Reg.MustRegister(poolCollector{deps.Pools})
	s.router = s.newRouter()
	return s
}

// SetLive makes a new configuration hold for the requests that come.
func (s *Server) SetLive(l Live) {
	if l.CORSOrigins == nil {
		l.CORSOrigins = s.cfg.CORSOrigins
	}
	l.TraceHeader = http.CanonicalHeaderKey(l.TraceHeader)
	s.live.Store(&l)
}

// Serve answers requests from l until ctx ends, then stops in three steps, so
// that every request that was taken is answered:
//
//  1. For the drain delay /readyz says no, and all else goes on: balancers look
//     away while clients notice nothing.
//  2. No connection is taken any more, and each answer says that its connection
//     ends with it, so that no client sends another request into a closing one.
//  3. Idle connections are closed, and requests under way get StopTimeout.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.cfg.HeaderTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    s.cfg.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}

	s.log.Info("stopping", "cause", context.Cause(ctx), "drain_delay", s.cfg.DrainDelay)
	s.draining.Store(true)
	wait(s.cfg.DrainDelay)
	s.closing.Store(true)
	_ = l.Close()
	<-failed
	wait(closeDelay)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.StopTimeout)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		_ = srv.Close() // what still runs now is over its time
		return fmt.Errorf("stop: requests were still running after %s: %w", s.cfg.StopTimeout, err)
	}
	return nil
}

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
