package functions

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/functions/worker"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Prefix of all paths.
const Prefix = "/functions/v1"

// Source tells what functions there are, and has their code.
type Source interface {
	Get(context.Context) (*Set, error)
	Code(context.Context, *Definition) (map[string][]byte, error)
}

// Deps is what a Handler is made of.
type Deps struct {
	Source Source
	// NewPool makes what runs functions, when there are some; nil where there is no Deno.
	NewPool func(output Output) (*worker.Pool, error)
	// Tokens verifies callers; nil lets all of them in.
	Tokens *token.Verifier
	// Limit may refuse a request of a caller; nil refuses none.
	Limit func(*web.Response, *http.Request, pg.Caller) error
	// Recorder takes what functions do and say.
	Recorder Recorder
	// ServiceKey is what jobs are sent with.
	ServiceKey string
	// Environment is what every function finds there, NAME=value, beside its secrets.
	Environment []string
	Metrics     *Metrics
	// Process names this one, for people.
	Process string
	Log     *slog.Logger
}

// Output is where lines go that are said outside of calls, as of code that is being loaded.
type Output = func(s *worker.Spec, at time.Time, level, text string, truncated bool)

// Handler answers all below Prefix.
type Handler struct {
	Deps
	cfg     Config
	workers workers
}

// New makes a Handler. cfg must have passed Check.
func New(cfg Config, deps Deps) *Handler {
	h := &Handler{Deps: deps, cfg: cfg}
	if deps.NewPool != nil {
		h.workers.make = func() (*worker.Pool, error) { return deps.NewPool(h.output) }
	}
	return h
}

var errNotFound = web.New("function_not_found", "Function not found")

// errUnavailable is told to clients as an error of who stands between them and the function.
func errUnavailable(cause error) error {
	e := web.New("functions_unavailable", "functions can't be called here now").Because(cause)
	e.Header = http.Header{"Retry-After": {"5"}, "X-Relay-Error": {"true"}}
	return e
}

// ErrNoDeno is why functions can't be called without Deno.
var ErrNoDeno = errors.New("there is no Deno: FLUXBASE_DENO_BIN names none, and PATH has none")

// Serve answers one request.
func (h *Handler) Serve(w *web.Response, r *http.Request) error {
	set, err := h.Source.Get(r.Context())
	if err != nil {
		return err
	}
	d := set.byName[nameIn(r.URL)]
	if d == nil {
		return errNotFound
	}
	caller, err := h.admit(w, r, d)
	if err != nil {
		return err
	}
	pool, err := h.poolFor(set)
	if err != nil {
		return errUnavailable(err)
	}
	// Bytes may go both ways at once, also before a body has come whole.
	_ = http.NewResponseController(w).EnableFullDuplex()
	c := h.begin(r.Context(), d, caller)
	c.of(w.ID, r.Method, strings.TrimPrefix(r.URL.Path, Prefix))
	w.Header()["X-Deno-Execution-Id"] = []string{c.Call.ID}
	w.Header()["X-Sb-Edge-Region"] = []string{h.cfg.Region}
	out := pool.Serve(w, c.request(w, r), h.specOf(set, d), &c.Invocation)
	c.end(out)
	w.Broken = w.Broken || out.Broken
	return nil
}

// poolFor is what runs the functions of a set.
func (h *Handler) poolFor(set *Set) (*worker.Pool, error) {
	if set.err != nil {
		return nil, set.err
	}
	h.workers.see(set)
	return h.workers.get()
}

// nameIn is the function that a path is for, whatever stands behind the name; empty for none.
func nameIn(u *url.URL) string {
	rest, _ := strings.CutPrefix(u.EscapedPath(), Prefix+"/")
	name, _, _ := strings.Cut(rest, "/")
	name, err := url.PathUnescape(name)
	if err != nil {
		return ""
	}
	return name
}

// request is what the function gets to see of r: the path without our prefix, who calls as
// the headers say it, and where that came from.
func (c *call) request(w *web.Response, r *http.Request) *http.Request {
	out := r.WithContext(c.ctx)
	out.URL = new(*r.URL)
	out.URL.Path = strings.TrimPrefix(r.URL.Path, Prefix)
	out.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, Prefix)
	out.Header = r.Header.Clone()
	for name := range out.Header {
		if strings.HasPrefix(name, inside) || name == executionHeader {
			delete(out.Header, name)
		}
	}
	out.Header["X-Request-Id"] = []string{w.ID}
	out.Header["X-Forwarded-Host"] = []string{r.Host}
	delete(out.Header, "Forwarded")
	delete(out.Header, "X-Forwarded-For")
	if w.Address.IsValid() {
		out.Header["X-Forwarded-For"] = []string{w.Address.String()}
	}
	scheme := "http"
	if w.Secure {
		scheme = "https"
	}
	out.Header["X-Forwarded-Proto"] = []string{scheme}
	if c.Traceparent != "" {
		out.Header["Traceparent"] = []string{c.Traceparent}
	}
	return out
}

// inside begins the names of headers that pass between this process and its workers alone, as
// does the other one.
const (
	inside          = "X-Fluxbase-"
	executionHeader = "Sb-Execution-Id"
)
