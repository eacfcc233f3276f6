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
)

// admin answers metrics and probes on a listener of its own, with the paths and
// statuses that PostgREST's have.
type admin struct {
	log     *slog.Logger
	metrics http.Handler
	ready   func(context.Context) error
	public  net.Addr // where requests come
}

// serve answers until ctx ends.
func (a *admin) serve(ctx context.Context, at endpoint, cfg proxy.Config, background *sync.WaitGroup) error {
	l, err := at.listen(ctx)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics)
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(a.live(r.Context()))
	})
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusServiceUnavailable
		if a.ready(r.Context()) == nil {
			status = a.live(r.Context())
		}
		w.WriteHeader(status)
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: cfg.HeaderTimeout}
	background.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("metrics stopped", "error", err)
		}
	})
	background.Go(func() {
		<-ctx.Done()
		_ = srv.Close()
	})
	a.log.Info("metrics", "url", baseURL(l.Addr())+"/metrics")
	return nil
}

// live is 200 when requests can reach us: a socket whose file is gone can't be.
func (a *admin) live(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, a.public.Network(), a.public.String())
	if err != nil {
		return http.StatusInternalServerError
	}
	_ = conn.Close()
	return http.StatusOK
}

// baseURL names a listener in the log.
func baseURL(at net.Addr) string {
	if at.Network() == "unix" {
		return "unix:" + at.String()
	}
	return "http://" + at.String()
}
