package limit

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Deps is what a Limiter works with.
type Deps struct {
	// DB holds the rules and, unless the configuration says otherwise, the counts. Role
	// is who asks there; empty is the login.
	DB   *pg.DB
	Role string
	// Prefix is that of REST.
	Prefix string
	Log    *slog.Logger
	Reg    prometheus.Registerer
}

// Limiter refuses requests that are more than the rules allow. With no rule it costs
// the load of a pointer.
type Limiter struct {
	deps    Deps
	prefix  string
	backend backend
	redis   *inRedisElse // nil unless it is the backend
	collect collector
	metrics *metrics
	start   time.Time
	// trusted tells that Changed is called at each change; nil is never.
	trusted func() bool

	loading sync.Mutex // of Load
	rules   atomic.Pointer[rules]
	away    atomic.Bool // the backend, for the log
}

// rules are those that hold: early ones before anything is known of the caller but the
// address, the late ones after that.
type rules struct{ early, late []*rule }

// New makes a Limiter. cfg must have passed Check, and not be Off.
func New(cfg Config, deps Deps) (*Limiter, error) {
	l := &Limiter{deps: deps, start: time.Now()}
	if l.prefix = deps.Prefix; l.prefix != "" && l.prefix[len(l.prefix)-1] == '/' {
		l.prefix = l.prefix[:len(l.prefix)-1]
	}
	l.collect.send = l.send
	l.metrics = newMetrics(deps.Reg, func() string { return l.backend.name() })
	l.backend = postgres{db: deps.DB, role: deps.Role}
	switch cfg.backend() {
	case inMemory:
		l.backend = newMemory(l.clock)
	case inRedis:
		var err error
		if l.redis, err = newRedis(cfg.url(), l.backend, deps.Log, l.metrics.fallbacks.Inc); err != nil {
			return nil, err
		}
		l.backend = l.redis
	}
	return l, nil
}

// Follow says that Changed is called at each change of the rules while trusted holds. It is
// to be called before Run.
func (l *Limiter) Follow(trusted func() bool) { l.trusted = trusted }

func (l *Limiter) clock() time.Duration { return time.Since(l.start) }

// Close waits for the calls under way.
func (l *Limiter) Close() {
	l.collect.all.Wait()
	if l.redis != nil {
		_ = l.redis.client.Close()
	}
}

// Early decides by the rules that need to know nothing but the address, and sets the
// headers. An error is the refusal.
func (l *Limiter) Early(w *web.Response, r *http.Request) error {
	held := l.rules.Load()
	if held != nil && len(held.early) == 0 || exempt(r) {
		return nil
	}
	if held == nil {
		return web.CatalogNotLoaded // whoever is limited must not pass because of a start
	}
	return l.decide(w, r, held.early, nil)
}

// Caller decides by the other rules, as soon as it is known who asks.
func (l *Limiter) Caller(w *web.Response, r *http.Request, who pg.Caller) error {
	held := l.rules.Load()
	if held == nil || len(held.late) == 0 || exempt(r) {
		return nil
	}
	return l.decide(w, r, held.late, &who)
}

// Operations counts those of a batch, each as the request that it would be alone: all
// of them, or none.
func (l *Limiter) Operations(w *web.Response, ctx context.Context, who pg.Caller, operations []*http.Request) error {
	held := l.rules.Load()
	if held == nil {
		return nil
	}
	for _, list := range [...][]*rule{held.early, held.late} {
		for _, ru := range list {
			cost := int64(0)
			for _, r := range operations {
				path := pathOf(r)
				if ru.fits(r.Method, path, classesOf(path, l.prefix), &who) {
					cost++
				}
			}
			if cost == 0 {
				continue
			}
			if err := l.takeAll(ctx, w, ru, &who, cost); err != nil {
				return err
			}
		}
	}
	return nil
}

// waiting is a request's place in an ask.
type waiting struct {
	rule  *rule
	ask   *ask
	place int64
}

func (l *Limiter) decide(w *web.Response, r *http.Request, list []*rule, who *pg.Caller) error {
	path, now := pathOf(r), l.clock()
	classes := classesOf(path, l.prefix)
	var places [4]waiting
	queue := places[:0]
	for _, ru := range list {
		if !ru.fits(r.Method, path, classes, who) {
			continue
		}
		v, a, place, isNew := ru.look(w.Address, who, now)
		switch {
		case a != nil:
			if isNew {
				l.collect.add(a)
			}
			queue = append(queue, waiting{ru, a, place})
		case v.allowed:
			ru.counts.leased.Inc()
			ru.tell(w.Header(), v)
		default:
			ru.counts.remembered.Inc()
			return ru.refuse(w, v)
		}
	}
	var refusal error
	for _, q := range queue {
		if err := q.rule.await(r.Context(), w, q.ask, q.place); err != nil && refusal == nil {
			refusal = err
		}
	}
	return refusal
}

// await waits for the answer to an ask and takes what it says of one place.
func (r *rule) await(ctx context.Context, w *web.Response, a *ask, place int64) error {
	select {
	case <-a.done:
	case <-ctx.Done():
		return web.Timeout.Because(fmt.Errorf("count the request by the rule %s: %w", r.Name, ctx.Err()))
	}
	switch v := a.at; {
	case a.err != nil:
		return r.unknown(a.err)
	case place <= a.granted:
		r.counts.allowed.Inc()
		r.tell(w.Header(), v)
		return nil
	default:
		r.counts.refused.Inc()
		return r.refuse(w, v)
	}
}

// takeAll takes several at once, or none.
func (l *Limiter) takeAll(ctx context.Context, w *web.Response, r *rule, who *pg.Caller, cost int64) error {
	if v, refused := r.peekRefused(w.Address, who, l.clock()); refused {
		r.counts.remembered.Inc()
		return r.refuse(w, v)
	}
	items := []take{{key: r.textOf(w.Address, who), rate: r.rate, burst: r.Burst, cost: cost}}
	grants, err := l.ask(ctx, items, false)
	if err != nil {
		return r.unknown(err)
	}
	g := grants[0]
	v := verdict{allowed: g.granted == cost, remaining: g.remaining, retry: g.retry, end: g.reset}
	if !v.allowed {
		r.counts.refused.Inc()
		return r.refuse(w, v)
	}
	r.counts.allowed.Inc()
	r.tell(w.Header(), v)
	return nil
}

// unknown decides when nobody could be asked: the request of a rule that is not strict
// goes on, and will most likely meet the same trouble.
func (r *rule) unknown(err error) error {
	if !r.Strict {
		r.counts.open.Inc()
		return nil
	}
	r.counts.closed.Inc()
	return web.DatabaseUnavailable.Because(fmt.Errorf("count the request by the rule %s: %w", r.Name, err))
}

// The headers, in the form that Go gives to their names.
const (
	policyHeader = "Ratelimit-Policy"
	limitHeader  = "Ratelimit"
)

// tell sets the headers of draft-ietf-httpapi-ratelimit-headers-11: of each rule what it
// allows, what is left of that now, and in how many seconds all of it will be.
func (r *rule) tell(h http.Header, v verdict) {
	if policies := h[policyHeader]; policies == nil {
		h[policyHeader] = r.policy
	} else {
		h[policyHeader] = append(policies, r.policy...)
	}
	var text [128]byte
	b := append(append(append(text[:0], '"'), r.Name...), `";r=`...)
	b = strconv.AppendInt(b, v.remaining, 10)
	b = strconv.AppendInt(append(b, ";t="...), ceilSeconds(v.end), 10)
	h[limitHeader] = append(h[limitHeader], string(b))
}

// refuse is the answer 429.
func (r *rule) refuse(w *web.Response, v verdict) error {
	r.tell(w.Header(), v)
	e := web.New("rate_limited", fmt.Sprintf("too many requests: the limit %s allows %d at once, and %g in %g s", r.Name, r.Burst, r.Rate, r.Period))
	if v.retry >= forever {
		e.Hint = "Send fewer operations at once."
		return e
	}
	after := max(ceilSeconds(v.retry), 1)
	e.Hint = fmt.Sprintf("Ask again in %d s.", after)
	e.Header = http.Header{"Retry-After": {strconv.FormatInt(after, 10)}}
	return e
}

func ceilSeconds(d time.Duration) int64 { return int64(math.Ceil(max(d, 0).Seconds())) }
