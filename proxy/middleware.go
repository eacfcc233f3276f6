package proxy

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// ServeHTTP takes a request through all that every route shares.
func (s *Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	start := time.Now()
	conn := serves(r)
	if s.traced(r) {
		r = r.WithContext(s.tracer.Serve(r.Context(), r.Header))
	}
	live := s.live.Load()
	address, https := s.proxies.Client(r)
	w := &web.Response{
		ResponseWriter: rw, ID: RequestID(r.Header), Address: address, Secure: https || r.TLS != nil,
		Accept: r.Header["Accept"], Dialect: live.Errors, LogSQL: live.LogSQL, Client: r.Context(), Patience: s.cfg.WriteTimeout,
		Conn: conn,
	}
	s.metrics.inFlight.Inc()
	defer s.finish(w, r, start)

	h := w.Header()
	h["X-Request-Id"] = []string{w.ID}
	if live.TraceHeader != "" {
		echo(h, r.Header, live.TraceHeader)
	}
	if s.closing.Load() {
		h["Connection"] = []string{"close"}
	}
	class := s.classOf(r.URL.Path)
	w.Class = class.name
	if s.auth != nil && class.name == authClass {
		w.Dialect = authDialect(r)
	}
	w.Limit = firstMatch(s.responseRules, r)
	foreign := class.foreign && s.functions != nil
	if foreign {
		w.Dialect, w.Streamed = web.Functions, true
	} else if s.encoder != nil && !class.secrets {
		s.encoder.Vary(h)
		if w.Encoder = s.encoder; r.Method != http.MethodHead {
			w.AcceptEncoding = r.Header["Accept-Encoding"]
		}
	}
	switch {
	case foreign:
		w.BeforeHeader = func() { live.beside(w, r) }
	case live.PostgREST:
		if live.postgrestCORS(w, r) {
			return
		}
	default:
		live.secure(w)
		if live.cors(w, r) {
			return
		}
	}
	if !live.PostgREST && s.headersTooLarge(r) {
		h["Connection"] = []string{"close"}
		web.WriteError(w, r, errHeaders)
		return
	}
	hasBody := r.Body != nil && r.Body != http.NoBody
	var most limit
	if hasBody {
		most = s.limitOf(r, class, live.PostgREST)
		w.Class = cmp.Or(most.class, class.name)
	}
	if foreign {
		hasBody = hasBody && most.most() < math.MaxInt64
	} else if s.streams != nil && s.streams(r, hasBody && r.ContentLength > most.most()) {
		w.Streamed = true
		hasBody = hasBody && !live.PostgREST && r.Header["Content-Encoding"] != nil
		class, most = &imports, limit{imports.name, imports.bytes, imports.bulk}
	}
	ctx := r.Context()
	if !w.Streamed {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.cfg.RequestTimeout)
		defer cancel()
	}
	// A copy, because net/http must know its own body when the answer has been sent.
	r = r.WithContext(ctx)
	if hasBody {
		b, err := s.receive(w, r, class, most, live.PostgREST)
		if !w.Streamed { // an import that breaks off may leave its reader behind
			defer b.release()
		}
		if err != nil {
			web.WriteError(w, r, err)
			return
		}
		if !w.Streamed {
			// A body that comes drop by drop must not keep memory for ever, and the
			// context's deadline doesn't end a read. net/http lifts this one by itself.
			_ = w.SetReadDeadline(start.Add(s.cfg.RequestTimeout))
		}
	}
	s.dispatch(w, r)
}

// authDialect is the shape of errors that a client of auth reads.
func authDialect(r *http.Request) web.Dialect {
	if len(r.Header["X-Supabase-Api-Version"]) == 0 {
		return web.AuthOld
	}
	return web.Auth
}

// imports are under limits of their own.
var imports = routeClass{name: "import", bytes: math.MaxInt64, bulk: math.MaxInt64, parsed: true}

var errHeaders = func() *web.Error {
	e := web.New("headers_too_large", "URL and headers are too long, or there are too many headers")
	e.Hint = "FLUXBASE_SERVER_MAX_HEADER_BYTES and FLUXBASE_SERVER_MAX_HEADERS say how much there may be"
	return e
}()

// headersTooLarge tells a request that has more than its share. What is far beyond that
// net/http has refused.
func (s *Server) headersTooLarge(r *http.Request) bool {
	lines, bytes := 0, len(r.RequestURI)
	for name, values := range r.Header {
		lines += len(values)
		for _, v := range values {
			bytes += len(name) + len(v) + len(": \r\n")
		}
	}
	return lines > s.cfg.MaxHeaders || bytes > s.cfg.MaxHeaderBytes
}

// finish ends what ServeHTTP began, also when a handler panicked.
func (s *Server) finish(w *web.Response, r *http.Request, start time.Time) {
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler {
			endSpan(w, r)
			panic(p)
		}
		w.Broken = w.Status() != 0 // half an answer must not look like a whole one
		web.WriteError(w, r, web.Internal.Because(fmt.Errorf("panic: %v\n%s", p, debug.Stack())))
	}
	w.Finish()
	took := time.Since(start)
	s.metrics.observe(w, r.Method, took)
	if !w.Unlogged {
		s.logRequest(w, r, took)
	}
	endSpan(w, r)
	if w.After != nil {
		w.After()
	}
	if w.Broken {
		panic(http.ErrAbortHandler)
	}
}

// RequestID takes the client's id when it can be written anywhere as it is,
// else makes one.
func RequestID(h http.Header) string {
	if v := h["X-Request-Id"]; len(v) == 1 && validID(v[0]) {
		return v[0]
	}
	return rand.Text()
}

func validID(id string) bool {
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
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs,
		slog.String("request_id", w.ID),
		slog.String("method", r.Method),
		slog.String("path", r.URL.EscapedPath()),
		slog.Int("status", w.Status()),
		slog.Int64("bytes", w.Bytes()),
		slog.Int64("us", took.Microseconds()),
		slog.String("remote", r.RemoteAddr),
	)
	if s.proxies.Any() && w.Address.IsValid() { // remote is the proxy's
		attrs = append(attrs, slog.String("client", w.Address.String()))
	}
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
