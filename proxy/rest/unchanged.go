package rest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Versions tells whether tables have changed, from the stream of changes.
type Versions interface {
	// Of gives the version of a set of tables, another after each change of one of them
	// or of the schema; false if it is not known for certain, up to the time proven.
	Of(tables []changes.Table, proven time.Time) (version uint64, ok bool)
	// Shows tells whether a snapshot that was taken after version was given shows all
	// that is counted in it.
	Shows(tables []changes.Table, version uint64, snapshot string) bool
}

// unchanged answers 304 without asking the database, where nothing has changed that
// an answer depends on (docs/decisions/0006).
type unchanged struct {
	versions Versions
	max      int
	saved    prometheus.Counter // of trips to the database
	// wrote is when callers last wrote through this process, by a digest: they must
	// read what they have written.
	wrote [1024]atomic.Int64
	began time.Time

	mu sync.RWMutex
	// Two generations, as those of the plan cache.
	young, old map[[32]byte]*remembered
	// reads are the tables that relations and their policies read, as of version.
	version uint64
	reads   map[string][]changes.Table
}

// remembered is an answer that a client may have.
type remembered struct {
	etag string
	head http.Header
	// varies tells that a cache may keep it, each caller's apart.
	varies bool
	tables []changes.Table
	// version is that of tables, catalog that of the catalogue.
	version, catalog uint64
}

func newUnchanged(versions Versions, max int, saved prometheus.Counter) *unchanged {
	return &unchanged{
		versions: versions, max: max, saved: saved, began: time.Now(),
		young: map[[32]byte]*remembered{}, reads: map[string][]changes.Table{},
	}
}

// revalidates tells a request that asks whether an answer is still the same, and
// nothing else.
func revalidates(hr *http.Request) bool {
	return hr.Header["If-None-Match"] != nil && (hr.Method == http.MethodGet || hr.Method == http.MethodHead) &&
		hr.Header["If-Match"] == nil && hr.Header["If-Unmodified-Since"] == nil
}

// unchangedKey is all that the answer to a read depends on, but for the database.
func unchangedKey(hr *http.Request, caller pg.Caller) [32]byte {
	b := make([]byte, 0, 1024)
	for _, s := range [...]string{hr.Method, caller.Role, caller.Claims, hr.URL.EscapedPath(), hr.URL.RawQuery} {
		b = append(append(b, s...), 0)
	}
	for _, name := range [...]string{"Accept", "Prefer", "Range", "Range-Unit", "Accept-Profile"} {
		for _, s := range hr.Header[name] {
			b = append(append(b, s...), 0)
		}
		b = append(b, 0)
	}
	return sha256.Sum256(b)
}

func (u *unchanged) lastWrite(caller pg.Caller) *atomic.Int64 {
	sum := sha256.Sum256([]byte(caller.Role + "\x00" + caller.Claims))
	return &u.wrote[(int(sum[0])<<8|int(sum[1]))%len(u.wrote)]
}

// wrotes notes that caller may have written; what was read before then counts only
// when the stream is proven to have brought it.
func (u *unchanged) wrotes(caller pg.Caller) {
	u.lastWrite(caller).Store(int64(time.Since(u.began)))
}

// noteWrite notes a write when it is about to be answered; what it gives is to be
// called when there will be no answer any more.
func (u *unchanged) noteWrite(w *web.Response, caller pg.Caller) func() {
	before := w.BeforeHeader
	w.BeforeHeader = func() {
		u.wrotes(caller)
		if before != nil {
			before()
		}
	}
	return func() { u.wrotes(caller) }
}

// proven is the time up to which the stream must be known for caller.
func (u *unchanged) proven(caller pg.Caller) time.Time {
	if at := u.lastWrite(caller).Load(); at > 0 {
		return u.began.Add(time.Duration(at))
	}
	return time.Time{}
}

// answer sends a 304 if what the client has is what it would get.
func (u *unchanged) answer(w *web.Response, hr *http.Request, caller pg.Caller, catalog uint64) bool {
	e := u.get(unchangedKey(hr, caller))
	if e == nil || e.catalog != catalog || !namesTag(hr.Header["If-None-Match"], e.etag, true) {
		return false
	}
	if version, ok := u.versions.Of(e.tables, u.proven(caller)); !ok || version != e.version {
		return false
	}
	head := w.Header()
	for name, values := range e.head {
		head[name] = values
	}
	if e.varies {
		varyByCaller(head)
	}
	u.saved.Inc()
	w.WriteHeader(http.StatusNotModified)
	return true
}

func (u *unchanged) get(key [32]byte) *remembered {
	u.mu.RLock()
	e, old := u.young[key], u.old[key]
	u.mu.RUnlock()
	if e == nil && old != nil {
		u.put(key, old)
		e = old
	}
	return e
}

func (u *unchanged) put(key [32]byte, e *remembered) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.young) >= max(u.max/2, 1) && u.young[key] == nil {
		u.old, u.young = u.young, map[[32]byte]*remembered{}
	}
	u.young[key] = e
}

// look is what has to be known before a query runs for its answer to be remembered.
type look struct {
	key    [32]byte
	answer remembered
}

// look reads the version before the query does; nil if the answer can't be
// remembered.
func (h *Handler) look(w *web.Response, hr *http.Request, r *request, pl *plan, catalog uint64, caller pg.Caller) *look {
	if pl.snapshot == 0 || !h.cfg.tags(hr.URL.Path) || timed(r.values) {
		return nil
	}
	u := h.unchanged
	proven := u.proven(caller)
	schema, ok := u.versions.Of(nil, proven)
	if !ok {
		return nil
	}
	tables := h.dependencies(hr.Context(), w.ID, pl.reads, caller.Role, schema)
	if tables == nil {
		return nil
	}
	version, ok := u.versions.Of(tables, proven)
	if now, same := u.versions.Of(nil, proven); !ok || !same || now != schema {
		return nil
	}
	return &look{unchangedKey(hr, caller), remembered{tables: tables, version: version, catalog: catalog, varies: pl.cacheControl != ""}}
}

// keep remembers an answer that was sent, if its snapshot shows all that was counted.
func (l *look) keep(u *unchanged, w *web.Response, snapshot string) {
	head := w.Header()
	l.answer.etag = head.Get("Etag")
	ok := w.Status() == http.StatusOK || w.Status() == http.StatusPartialContent || w.Status() == http.StatusNotModified
	if !ok || l.answer.etag == "" || !u.versions.Shows(l.answer.tables, l.answer.version, snapshot) {
		return
	}
	l.answer.head = http.Header{}
	for _, name := range []string{"Etag", "Content-Location", "Cache-Control", "Last-Modified", "Preference-Applied", "Warning"} {
		if values := head[name]; values != nil {
			l.answer.head[name] = values
		}
	}
	u.put(l.key, &l.answer)
}

// maxReads bounds what is known of relations; an application has a few hundred.
const maxReads = 2000

// dependencies are the tables that a role reads in relations, as the schema stood
// when version was read; nil if more than tables decides.
func (h *Handler) dependencies(ctx context.Context, request, relations, role string, version uint64) []changes.Table {
	u, key := h.unchanged, relations+" "+role
	u.mu.RLock()
	found, known := u.reads[key]
	known = known && u.version == version
	u.mu.RUnlock()
	if known {
		return found
	}
	var tables []changes.Table
	const ask = `select realtime.read_dependencies($1::oid[], $2)::text`
	raw, err := h.deps.Anon.Do(ctx, &pg.Tx{RequestID: request, Mode: pg.ReadOnly, Main: pg.Statement{SQL: ask, Args: [][]byte{[]byte(relations), []byte(role)}}})
	if err == nil {
		var names [][2]string
		if json.Unmarshal(raw.Values[0], &names) == nil && names != nil {
			tables = make([]changes.Table, len(names))
			for i, n := range names {
				tables[i] = changes.Table{Schema: n[0], Name: n[1]}
			}
		}
		raw.Free()
	} else if ctx.Err() != nil {
		return nil
	} else {
		h.deps.Log.WarnContext(ctx, "the database is asked each time, because what relations depend on can't be found", "request_id", request, "relations", relations, "role", role, "error", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.version != version || len(u.reads) >= maxReads {
		u.version, u.reads = version, map[string][]changes.Table{}
	}
	u.reads[key] = tables
	return tables
}

// timed tells values that may mean another time with each look at the clock; Postgres
// knows them wherever it reads a date.
func timed(values []string) bool {
	for _, v := range values {
		v = strings.ToLower(v)
		for _, word := range [...]string{"now", "today", "tomorrow", "yesterday"} {
			if strings.Contains(v, word) {
				return true
			}
		}
	}
	return false
}

// snapshot adds the snapshot of a read that is asked for again, if nothing but tables
// and their policies decides what it gives.
func (p *planner) snapshot(q *query.SQL, pl *plan) {
	if !p.r.revalidates || p.handler != nil || p.format != nil || p.page != nil || p.r.prefs.count > countExact || p.cfg.PreRequest != "" {
		return
	}
	relations := p.root.plainRelations(nil)
	if relations == nil {
		return
	}
	reads := []byte{'{'}
	for i, rel := range relations {
		if i > 0 {
			reads = append(reads, ',')
		}
		reads = strconv.AppendUint(reads, uint64(rel.OID()), 10)
	}
	pl.reads = string(append(reads, '}'))
	pl.snapshot = nextColumn + b2i(pl.total > 0) + b2i(pl.version > 0)
	q.Add(", pg_current_snapshot()::text")
}

// plainRelations adds those of n and its embeds to list; nil if functions are called.
func (n *node) plainRelations(list []*catalog.Relation) []*catalog.Relation {
	rel := n.source.relation
	if rel == nil || n.source.from != nil || n.link != nil && n.link.Function != nil {
		return nil
	}
	plain := func(f *query.Field) bool {
		return !f.WholeRow && f.Format+f.Parse+f.RowType == "" && (f.Name == "*" || rel.Column(f.Name) != nil)
	}
	for i := range n.items {
		if it := &n.items[i]; !plain(&it.Field) || it.Cast+it.AggCast != "" || !plainFilters(it.Filter, plain) {
			return nil
		}
	}
	for i := range n.order {
		if t := &n.order[i]; t.Relation != "" || t.Function != query.NoFunction || !plain(&t.Field) {
			return nil
		}
	}
	if !plainFilters(n.where, plain) || len(n.having) > 0 {
		return nil
	}
	list = append(list, rel)
	if n.link != nil && n.link.Junction != nil {
		list = append(list, n.link.Junction.Relation)
	}
	for _, k := range n.kids {
		if list = k.plainRelations(list); list == nil {
			return nil
		}
	}
	return list
}

func plainFilters(nodes []query.Node, plain func(*query.Field) bool) bool {
	for i := range nodes {
		c := &nodes[i]
		if !plainFilters(c.Kids, plain) || c.Leaf() && c.Embed == "" && !plain(&c.Field) ||
			c.Expr.Quant == query.OtherColumn && !plain(c.Expr.Other) {
			return false
		}
	}
	return true
}
