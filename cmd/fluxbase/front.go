package main

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/auth/hook"
	"github.com/fluxbase/fluxbase/proxy/auth/mail"
	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/functions"
	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/proxy/jobs/wake"
	"github.com/fluxbase/fluxbase/proxy/limit"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/rest"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// announcedEvery is how often the catalogue is checked although changes are announced:
// what no event trigger sees is little, and hardly ever changes.
const announcedEvery = 10 * time.Second

// front is what of the REST capability outlives its configuration: a new one is
// built beside the old one, and then takes its place.
type front struct {
	log        *slog.Logger
	pools      map[string]*pg.DB
	address    string // where clients reach us
	url        string // as they write it; empty if nobody has said
	dropIn     bool
	endpoints  []web.Endpoint  // of the others that serve
	background *sync.WaitGroup // of stores; they end with the context of use
	versions   rest.Versions   // nil without a stream
	limits     *limit.Limiter  // nil: none
	announced  func() bool     // whether schemaChanged is called for every change
	ring       *token.KeyRing
	keys       func(context.Context) (*token.ServiceKeys, error) // nil where there are none
	issued     *token.Issued                                     // nil where there are none
	signer     *token.Signer                                     // nil where none are issued
	seals      *seal.Keys
	hooks      *hook.Hooks // of auth, as mails; nil where auth is not served
	mails      *mail.Sender
	catalog    *functions.Catalog                // of functions; nil where these are not served
	functions  atomic.Pointer[functions.Handler] // as catalog
	waker      *wake.Waker                       // of who waits for jobs; nil where these are not served
	issuer     string                            // of the tokens that are signed here; empty if nobody has said
	once       *idempotency.Keys
	current    atomic.Pointer[back]
}

// back is what one configuration makes.
type back struct {
	rest.Config
	jwt     token.Config
	store   *catalog.Store
	tokens  *token.Verifier
	stop    context.CancelFunc // of store
	forget  context.CancelFunc // of tokens
	handler *rest.Handler
	// Metrics are in registries of their own, so that those of the next back may
	// have the same names.
	storeReg, handlerReg *prometheus.Registry
}

// Serve answers with the configuration that holds. There is none before the
// database has said what it holds: what it forbids can't be known till then.
func (f *front) Serve(w *web.Response, r *http.Request) error {
	b := f.current.Load()
	if b == nil {
		w.Header().Set("Proxy-Status", "PostgREST; error="+web.CatalogNotLoaded.Code)
		return web.CatalogNotLoaded
	}
	return b.handler.Serve(w, r)
}

// Streams tells requests whose bodies are read as they come.
func (f *front) Streams(r *http.Request, over bool) bool {
	b := f.current.Load()
	return b != nil && b.handler.Streams(r, over)
}

// OpenAPI describes all that is served.
func (f *front) OpenAPI(w *web.Response, r *http.Request) error {
	b := f.current.Load()
	if b == nil {
		return web.CatalogNotLoaded
	}
	return b.handler.OpenAPI(w, r)
}

// schemaChanged has the catalogue checked, soon.
func (f *front) schemaChanged() {
	if b := f.current.Load(); b != nil {
		b.store.Wake()
	}
}

// Ready says whether there is something to serve with.
func (f *front) Ready(context.Context) error {
	b := f.current.Load()
	if b == nil {
		return web.CatalogNotLoaded
	}
	return b.store.Ready()
}

// metrics answers with those of all and those of the configuration that holds.
func (f *front) metrics(all *prometheus.Registry) http.Handler {
	if f.dropIn {
		all.MustRegister(pgrstCollector{f})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.dropIn {
			w = plainText{w}
			r.Header.Del("Accept") // other formats have another type
		}
		from := prometheus.Gatherers{all}
		if b := f.current.Load(); b != nil {
			from = append(from, b.storeReg, b.handlerReg)
		}
		promhttp.HandlerFor(from, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

// use makes set hold, until ctx ends or the next call. One call at a time.
func (f *front) use(ctx context.Context, set *settings) error {
	old := f.current.Load()
	b := &back{Config: set.Rest, jwt: set.JWT, handlerReg: prometheus.NewRegistry()}
	keep := old != nil && reflect.DeepEqual(old.Catalog(), b.Catalog())
	// A secret in a file of its own may be another one now.
	keepTokens := old != nil && old.jwt == b.jwt && !strings.HasPrefix(b.jwt.Secret, "@")
	if keep && keepTokens && reflect.DeepEqual(old.Config, b.Config) {
		return nil // what was cached stays
	}
	var err error
	if keepTokens {
		b.tokens, b.forget = old.tokens, old.forget
	} else if b.tokens, err = f.verifier(set.JWT); err != nil {
		return err
	}
	b.handlerReg.MustRegister(b.tokens)
	if keep {
		b.store, b.stop, b.storeReg = old.store, old.stop, old.storeReg
	} else {
		b.storeReg = prometheus.NewRegistry()
		b.store = catalog.NewStore(f.pools[requestPool], b.Catalog(), b.storeReg, f.log)
		b.store.Follow(f.announced, announcedEvery)
	}
	deps := rest.Deps{
		Anon: f.pools[requestPool], Service: f.pools[servicePool], Tokens: b.tokens,
		Catalog: b.store, Registerer: b.handlerReg, Log: f.log, Address: f.address, URL: f.url,
		Endpoints: f.endpoints, Versions: f.versions,
	}
	if set.Rest.Extensions {
		deps.Once = f.once
	}
	if f.limits != nil {
		deps.Limits = f.limits
	}
	if b.handler, err = rest.New(set.Rest, deps); err != nil {
		return err
	}
	if !keep {
		// Loaded before the first request is taken, if the database is there; Run
		// goes on trying, and says so. What stands is better than nothing.
		if err := b.store.Refresh(ctx); err != nil && old != nil {
			return err
		}
		var running context.Context
		running, b.stop = context.WithCancel(ctx)
		f.background.Go(func() { b.store.Run(running) })
	}
	if !keepTokens {
		var running context.Context
		running, b.forget = context.WithCancel(ctx)
		f.background.Go(func() { b.tokens.Follow(running, f.log) })
	}
	f.current.Store(b)
	if old != nil && !keepTokens {
		old.forget()
	}
	if old != nil && !keep {
		old.stop()
	}
	return nil
}

// verifier checks the tokens and keys of requests.
func (f *front) verifier(cfg token.Config) (*token.Verifier, error) {
	v, err := token.New(cfg)
	if err != nil {
		return nil, err
	}
	if f.keys != nil {
		v.UseKeys(f.keys)
	}
	if f.issued != nil {
		v.UseIssued(f.issued, f.issuer)
	}
	return v, nil
}

// tokensDB is the database to ask for the tokens that were issued here, where nothing says
// what becomes of them; nil if it holds nothing of ours.
func (f *front) tokensDB(context.Context) (*pg.DB, error) {
	if b := f.current.Load(); b != nil {
		cat := b.store.Current()
		if cat == nil {
			return nil, web.CatalogNotLoaded
		}
		if !cat.Sessions {
			return nil, nil
		}
	}
	return f.pools[requestPool], nil
}

// readKeys asks the database for the service keys, where nothing says when they change.
func (f *front) readKeys(ctx context.Context) (*token.ServiceKeys, error) {
	if b := f.current.Load(); b != nil {
		cat := b.store.Current()
		if cat == nil {
			return nil, web.CatalogNotLoaded
		}
		if !cat.ServiceKeys {
			return nil, nil
		}
	}
	return f.ring.Read(ctx, f.pools[requestPool])
}

// keepKeys tells the database how service keys are used, if it holds any.
func (f *front) keepKeys(ctx context.Context) {
	f.ring.Keep(ctx, f.pools[requestPool], func() bool {
		b := f.current.Load()
		return b == nil || b.store.Current() != nil && b.store.Current().ServiceKeys
	}, f.log)
}

// live is what the server around it takes of a configuration.
func (s *settings) live() proxy.Live {
	l := proxy.Live{
		CORSOrigins: s.Server.CORSOrigins, TraceHeader: s.Rest.TraceHeader, PostgREST: s.dropIn, LogSQL: s.Main.LogQuery,
	}
	switch {
	case s.Rest.ErrorVerbosity == "minimal":
		l.Errors = web.Minimal
	case s.dropIn:
		l.Errors = web.Strict
	}
	return l
}
