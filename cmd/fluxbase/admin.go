package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// admin answers metrics and probes on a listener of its own, with the paths and
// statuses that PostgREST's have; in its place without a body.
type admin struct {
	log     *slog.Logger
	metrics http.Handler
	ready   func(context.Context) error
	public  net.Addr // where requests come
	dropIn  bool
}

// ServeHTTP answers in the shape of all other answers.
func (a *admin) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := &web.Response{ResponseWriter: rw, ID: proxy.RequestID(r.Header)}
	w.Header().Set("X-Request-Id", w.ID)
	err := a.answer(w, r)
	switch {
	case err != nil && a.dropIn:
		w.WriteHeader(web.AsError(err).Status)
	case err != nil:
		web.WriteError(w, r, err)
	}
}

func (a *admin) answer(w *web.Response, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		e := web.New("method_not_allowed", "this path does not take "+r.Method)
		e.Header = http.Header{"Allow": {"GET, HEAD"}}
		return e
	}
	switch r.URL.Path {
	case "/metrics":
		a.metrics.ServeHTTP(w, r)
		return nil
	case "/live":
		return a.live(w, r)
	case "/ready":
		if err := a.ready(r.Context()); err != nil {
			e := *web.AsError(err)
			e.Status = http.StatusServiceUnavailable
			return &e
		}
		return a.live(w, r)
	}
	return web.NotFound
}

// serve answers until ctx ends.
func (a *admin) serve(ctx context.Context, at endpoint, cfg proxy.Config, background *sync.WaitGroup) error {
	l, err := at.listen(ctx)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: a, ReadHeaderTimeout: cfg.HeaderTimeout}
	background.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("metrics stopped", "error", err)
		}
	})
	background.Go(func() {
		<-ctx.Done()
		_ = srv.Close()
	})
	a.log.Info("metrics", "url", baseURL("http", l.Addr())+"/metrics")
	return nil
}

// live is 200 when requests can reach us: a socket whose file is gone can't be.
func (a *admin) live(w *web.Response, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, a.public.Network(), a.public.String())
	if err != nil {
		return web.Internal.Because(err)
	}
	_ = conn.Close()
	w.WriteHeader(http.StatusOK)
	return nil
}

// baseURL names a listener in the log.
func baseURL(scheme string, at net.Addr) string {
	if at.Network() == "unix" {
		return "unix:" + at.String()
	}
	return scheme + "://" + at.String()
}
