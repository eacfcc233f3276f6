package proxy

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// ServeHTTP takes a request through all that every route shares.
func (s *Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	start := time.Now()
	live := s.live.Load()
	w := &web.Response{ResponseWriter: rw, ID: requestID(r.Header), Dialect: live.Errors, LogSQL: live.LogSQL, Client: r.Context()}
	s.metrics.inFlight.Inc()
	defer s.finish(w, r, start)

	h := w.Header()
	h["X-Request-Id"] = []string{w.ID}
	if live.TraceHeader != "" {
		trace(h, r.Header, live.TraceHeader)
	}
	if s.closing.Load() {
		h["Connection"] = []string{"close"}
	}
	if origin := r.Header.Get("Origin"); origin != "" && live.cors(w, r, origin) {
		return
	}
	over := r.ContentLength > s.cfg.BodyLimit
	if s.streams != nil && s.streams(r, over) {
		w.Streamed = true
		s.dispatch(w, r)
		return
	}
	if over {
		web.WriteError(w, r, web.BodyTooLarge(s.cfg.BodyLimit))
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, s.cfg.BodyLimit)
		// A body that comes drop by drop must not keep memory for ever, and the
		// context's deadline doesn't end a read. net/http lifts this one by itself.
		_ = w.SetReadDeadline(start.Add(s.cfg.RequestTimeout))
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	s.dispatch(w, r.WithContext(ctx))
}

// finish ends what ServeHTTP began, also when a handler panicked.
func (s *Server) finish(w *web.Response, r *http.Request, start time.Time) {
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler {
			panic(p)
		}
		begun := w.Status() != 0
		web.WriteError(w, r, web.Internal.Because(fmt.Errorf("panic: %v\n%s", p, debug.Stack())))
		if begun {
			// Half an answer must not look like a whole one.
			defer panic(http.ErrAbortHandler)
		}
	}
	w.Finish()
	took := time.Since(start)
	s.metrics.observe(w, r.Method, took)
	if !w.Unlogged {
		s.logRequest(w, r, took)
	}
	if w.Broken {
		panic(http.ErrAbortHandler)
	}
}

// requestID takes the client's id when it can be written anywhere as it is,
// else makes one.
func requestID(h http.Header) string {
	if v := h["X-Request-Id"]; len(v) == 1 && validRequestID(v[0]) {
		return v[0]
	}
	return rand.Text()
}

func validRequestID(id string) bool {
	if len(id) == 0 || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// logRequest writes the access log: never the query or a header, which may hold
// secrets.
func (s *Server) logRequest(w *web.Response, r *http.Request, took time.Duration) {
	level, e := slog.LevelInfo, (*web.Error)(nil)
	if w.Err != nil {
		e = web.AsError(w.Err)
	}
	if s.live.Load().PostgREST {
		switch status := w.Status(); {
		case status >= 500:
			level = slog.LevelError
		case status >= 400:
			level = slog.LevelWarn
		}
	} else if e != nil {
		switch {
		case e.Status == http.StatusServiceUnavailable, e.Status == http.StatusGatewayTimeout:
			level = slog.LevelWarn // the database's trouble, or a load too high
		case e.Status >= 500:
			level = slog.LevelError
		}
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	attrs := make([]slog.Attr, 0, 11)
	attrs = append(attrs,
		slog.String("request_id", w.ID),
		slog.String("method", r.Method),
		slog.String("path", r.URL.EscapedPath()),
		slog.Int("status", w.Status()),
		slog.Int64("bytes", w.Bytes()),
		slog.Int64("us", took.Microseconds()),
		slog.String("remote", r.RemoteAddr),
	)
	if w.Role != "" {
		attrs = append(attrs, slog.String("role", w.Role))
	}
	if e != nil {
		attrs = append(attrs, slog.String("code", e.Code), slog.String("error", e.Error()))
	}
	if len(w.SQL) > 0 {
		attrs = append(attrs, slog.Any("sql", w.SQL))
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}
