package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Deps is what a Handler works with.
type Deps struct {
	// Anon runs requests, as a login that may become the roles of tokens.
	Anon *pg.DB
	// Service runs those of service_role; without it Anon does.
	Service *pg.DB
	Tokens  *token.Verifier
	Catalog *catalog.Store
	// Address is the HOST:PORT that the server listens on, for the description of
	// the API.
	Address string
	// URL is scheme and host by which clients reach it; empty is http at Address.
	URL string
	// Versions tells what has changed; nil where no changes are streamed.
	Versions Versions
	// Registerer takes the metrics of the plan cache.
	Registerer prometheus.Registerer
	// Once reads the keys of writes that must run once; nil where there are none.
	Once *idempotency.Keys
	// Endpoints are the fixed routes of the server beside ours, for that description.
	Endpoints []web.Endpoint
	// Limits may refuse requests; nil refuses none.
	Limits Limits
	Log    *slog.Logger
}

// Limits are how much each caller may ask for. Their errors are the refusal.
type Limits interface {
	Caller(w *web.Response, r *http.Request, who pg.Caller) error
	// Operations counts the requests of a batch.
	Operations(w *web.Response, ctx context.Context, who pg.Caller, operations []*http.Request) error
}

// Handler answers everything below the prefix.
type Handler struct {
	cfg     Config
	deps    Deps
	plans   *planCache
	base    string // prefix of what Location shows
	paths   map[string]string
	anon    string // role
	server  location
	before  []pg.Statement
	pending sync.Pool // of *request
	streams streams

	documents documentCache
	// unchanged is nil where each answer is asked for.
	unchanged   *unchanged
	notModified *prometheus.CounterVec
}

const serviceRole = "service_role"

// New makes a Handler. cfg must have passed Check.
func New(cfg Config, deps Deps) (*Handler, error) {
	h := &Handler{
		cfg: cfg, deps: deps,
		plans: newPlanCache(cfg.PlanCacheEntries, maxPlanBytes, deps.Registerer),
		base:  strings.TrimSuffix(cfg.Prefix, "/") + "/",
		paths: make(map[string]string, len(cfg.Schemas)), streams: make(streams, cfg.Streams),
	}
	h.notModified = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fluxbase_rest_not_modified_total",
		Help: "Reads answered with 304, by what told: the hash of the answer, or the stream of changes, which saves the query.",
	}, []string{"kind"})
	deps.Registerer.MustRegister(h.notModified)
	for _, s := range cfg.Schemas {
		h.paths[s] = searchPath(s, cfg.ExtraSearchPath)
	}
	h.server = locate(cfg, deps.URL, deps.Address)
	if caller, err := deps.Tokens.Anonymous(); err == nil {
		h.anon = caller.Role
	}
	if deps.Versions != nil && cfg.Extensions && cfg.ETags && cfg.ETagsKept > 0 {
		h.unchanged = newUnchanged(deps.Versions, cfg.ETagsKept, h.notModified.WithLabelValues("stream"))
	}
	if cfg.PreRequest != "" {
		// Without a schema it is found along the search_path of the request.
		function := query.Ident(cfg.PreRequest)
		if schema, name, ok := strings.Cut(cfg.PreRequest, "."); ok {
			function = query.Ident(schema) + "." + query.Ident(name)
		}
		h.before = []pg.Statement{{SQL: "select " + function + "()"}}
	}
	h.pending.New = func() any {
		r := new(request)
		r.reset(&h.cfg)
		return r
	}
	return h, nil
}

func searchPath(schema string, extra []string) string {
	list := []string{query.Ident(schema)}
	for _, s := range extra {
		list = append(list, query.Ident(s))
	}
	return strings.Join(list, ", ")
}

// Serve answers one request. Its errors are *web.Error.
func (h *Handler) Serve(w *web.Response, hr *http.Request) error {
	head := w.Header()
	head["Vary"] = append(head["Vary"], "Accept, Prefer, Range")
	err := h.serve(w, hr)
	if err == nil {
		return nil
	}
	e := *web.AsError(err)
	if e.Code == errJSONDepth.Code && e.Details == nil && h.cfg.Extensions {
		operation := e.Operation
		e = *web.JSONTooDeep(w.Class)
		e.Operation = operation
	}
	header := e.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Proxy-Status", "PostgREST; error="+e.Code)
	e.Header = header
	return &e
}

func (h *Handler) serve(w *web.Response, hr *http.Request) error {
	laps := startLaps(w, h.cfg.ServerTiming)
	caller, err := h.deps.Tokens.Caller(hr.Context(), hr.Header, from(w))
	laps.end(lapJWT)
	if err != nil {
		return err
	}
	w.Role, w.User = caller.Role, caller.Subject
	if h.deps.Limits != nil {
		if err := h.deps.Limits.Caller(w, hr, caller); err != nil {
			return err
		}
	}
	if h.unchanged != nil {
		if cat := h.deps.Catalog.Current(); cat != nil && revalidates(hr) && h.unchanged.answer(w, hr, caller, cat.Version) {
			return nil
		}
		if hr.Method != http.MethodGet && hr.Method != http.MethodHead {
			defer h.unchanged.noteWrite(w, caller)()
		}
	}
	if h.isBatch(hr) {
		return h.batch(w, hr, caller)
	}
	r := h.pending.Get().(*request)
	defer func() {
		r.reset(&h.cfg) // the body must not outlive the request
		h.pending.Put(r)
	}()
	r.streamed = w.Streamed
	err = r.parse(hr)
	if err == nil && r.streamed {
		err = r.open(w, hr)
	}
	r.role, r.scope = caller.Role, caller.Scope
	laps.end(lapParse)
	if err != nil {
		return err
	}
	if err := token.CheckSchema(r.scope, r.schema); err != nil {
		return err
	}
	if r.root {
		return h.describe(w, hr, r, caller)
	}
	r.revalidates = h.unchanged != nil && revalidates(hr)
	pl, cat, err := h.plan(hr.Context(), r)
	laps.end(lapPlan)
	if err != nil {
		return err
	}
	if len(r.prefs.unknown) > 0 && r.prefs.handling == handlingStrict {
		return invalidPreferences(r.prefs.unknown)
	}
	if pl.allow != "" {
		laps.end(lapTransaction)
		answerOptions(w, pl.allow)
		return nil
	}
	key, err := h.keyOf(hr, r, pl)
	if err != nil {
		return err
	}
	if pl.load != nil {
		return h.runImport(w, hr, r, pl, cat, caller)
	}
	if pl.export != nil {
		return h.export(w, hr, r, pl, cat, caller)
	}
	if key != "" {
		err := h.once(w, hr, r, pl, cat, caller, key)
		laps.end(lapTransaction)
		return err
	}
	before := h.look(w, hr, r, pl, cat.Version, caller)
	res, err := h.run(w, hr, r, pl, cat, caller)
	laps.end(lapTransaction)
	if err != nil {
		return err
	}
	defer res.raw.Free()
	err = h.respond(w, hr, r, pl, res)
	if before != nil && err == nil {
		before.keep(h.unchanged, w, res.snapshot)
	}
	return err
}

// from says where a request comes from and that it is for REST.
func from(w *web.Response) token.From { return token.From{Module: "rest", Address: w.Address} }

// answerOptions tells which methods there are.
func answerOptions(w *web.Response, allow string) {
	head := w.Header()
	head.Set("Allow", allow)
	if !w.Private { // in PostgREST's place
		head.Set("Access-Control-Allow-Origin", "*")
	}
	head.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// plan finds or makes the plan of r, and refuses what is not within the caller's scope.
func (h *Handler) plan(ctx context.Context, r *request) (*plan, *catalog.Catalog, error) {
	pl, cat, err := h.findPlan(ctx, r)
	if err == nil && pl.mode == readWrite && pl.allow == "" {
		err = token.CheckWrite(r.scope)
	}
	return pl, cat, err
}

// findPlan finds or makes the plan of r. A name that is not in the catalogue may be
// new in the database, so that one is asked afresh before anyone is refused.
func (h *Handler) findPlan(ctx context.Context, r *request) (*plan, *catalog.Catalog, error) {
	cat := h.deps.Catalog.Current()
	if h.cfg.Extensions && cat != nil {
		if err := r.readNests(cat); err != nil {
			return nil, nil, err
		}
	}
	key := r.planKey(cat)
	if cat != nil {
		if pl := h.plans.get(cat.Version, key); pl != nil {
			return pl, cat, nil
		}
	}
	var pl *plan
	var err error
	if cat != nil {
		pl, err = makePlan(r, cat, &h.cfg)
	}
	if cat == nil || isMissing(err) {
		fresh := h.deps.Catalog.Fresh(ctx)
		switch {
		case fresh == nil:
			return nil, nil, web.CatalogNotLoaded
		case fresh != cat:
			cat = fresh
			if h.cfg.Extensions {
				if err := r.readNests(cat); err != nil {
					return nil, nil, err
				}
			}
			key = r.planKey(cat)
			pl, err = makePlan(r, cat, &h.cfg)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	h.plans.put(cat.Version, key, pl)
	return pl, cat, nil
}

// isMissing tells errors that a newer catalogue may mend.
func isMissing(err error) bool {
	var e *web.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case "PGRST107", "PGRST200", "PGRST202", "PGRST204", "PGRST205", "no_distance":
		return true
	}
	return false
}

func (h *Handler) run(w *web.Response, hr *http.Request, r *request, pl *plan, cat *catalog.Catalog, caller pg.Caller) (*result, error) {
	db := h.database(caller)
	tx := h.transaction(w, hr, r, pl, cat, caller)
	if check := checkOf(r, pl); check != nil && pl.mode == readWrite {
		tx.Check = check
	}
	if err := h.checkCost(hr.Context(), w, db, tx, pl.guard); err != nil {
		return nil, h.databaseError(guardError(err, pl), caller)
	}
	raw, err := pl.do(hr.Context(), w, db, tx)
	if err != nil {
		return nil, h.databaseError(guardError(err, pl), caller)
	}
	if pl.unmatched(raw) {
		raw.Free()
		return nil, errPrecondition
	}
	res := readResult(raw, pl)
	if check := checkOf(r, pl); check != nil && pl.mode == readOnly {
		if err := check(raw); err != nil {
			raw.Free()
			return nil, err
		}
	}
	if pl.explain != nil && r.needsEstimate(res) {
		n, err := h.estimate(hr.Context(), w, db, tx, r, pl)
		if err != nil {
			raw.Free()
			return nil, h.databaseError(err, caller)
		}
		res.total = max(res.total, n)
	}
	return res, nil
}

// logSQL keeps the statements of tx for the access log, if it wants them.
func logSQL(w *web.Response, tx *pg.Tx) {
	if !w.LogSQL {
		return
	}
	for _, st := range tx.Before {
		w.SQL = append(w.SQL, st.SQL)
	}
	w.SQL = append(w.SQL, tx.Main.SQL)
	if tx.After.SQL != "" {
		w.SQL = append(w.SQL, tx.After.SQL)
	}
}

// database is the pool that runs requests of caller.
func (h *Handler) database(caller pg.Caller) *pg.DB {
	if caller.Role == serviceRole && h.deps.Service != nil {
		return h.deps.Service
	}
	return h.deps.Anon
}

// databaseError maps an error of Do.
func (h *Handler) databaseError(err error, caller pg.Caller) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return web.FromPostgres(err, false)
	}
	if e := raised(pgErr); e != nil {
		return e
	}
	if e := cursorError(pgErr); e != nil {
		return e
	}
	return web.FromPostgres(err, caller.Role == h.anon)
}
