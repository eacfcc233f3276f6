package rest

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxKey keeps shapes that are too long to come twice out of the cache.
	maxKey = 4 << 10
	// maxPlanBytes bounds the cache where statements are long: a short shape may
	// make one of megabytes, if it selects * of wide tables.
	maxPlanBytes = 16 << 20
)

// planCache keeps plans by shape, for one version of the catalogue. It holds two
// generations: when the young one is full it becomes the old one, and what is
// asked for again moves back. That is nearly as good as keeping an order of use,
// and a look-up of a young plan takes only a read lock.
type planCache struct {
	// max and maxBytes are shared half and half by the generations.
	max, maxBytes           int
	hits, misses, evictions prometheus.Counter

	mu         sync.RWMutex
	version    uint64
	young, old generation
}

type generation struct {
	plans map[string]*plan
	bytes int
}

func newPlanCache(max, maxBytes int, reg prometheus.Registerer) *planCache {
	c := &planCache{
		max: max, maxBytes: maxBytes, young: generation{plans: map[string]*plan{}},
		hits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fluxbase_rest_plan_cache_hits_total",
			Help: "Requests whose plan was in the cache.",
		}),
		misses: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fluxbase_rest_plan_cache_misses_total",
			Help: "Requests that had to be planned: the first of a shape, or of a new catalogue.",
		}),
		evictions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fluxbase_rest_plan_cache_evictions_total",
			Help: "Plans that had to make room. Many: there are more shapes than FLUXBASE_REST_PLAN_CACHE.",
		}),
	}
	gauge := func(name, help string, of func(*generation) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			c.mu.RLock()
			defer c.mu.RUnlock()
			return float64(of(&c.young) + of(&c.old))
		})
	}
	reg.MustRegister(c.hits, c.misses, c.evictions,
		gauge("fluxbase_rest_plan_cache_entries", "Plans in the cache.", func(g *generation) int { return len(g.plans) }),
		gauge("fluxbase_rest_plan_cache_bytes", "Size of the plans in the cache.", func(g *generation) int { return g.bytes }))
	return c
}

// get finds the plan of a shape; nil if there is none for this version.
func (c *planCache) get(version uint64, key []byte) *plan {
	c.mu.RLock()
	p, old := (*plan)(nil), (*plan)(nil)
	if c.version == version {
		if p = c.young.plans[string(key)]; p == nil {
			old = c.old.plans[string(key)]
		}
	}
	c.mu.RUnlock()
	if old != nil {
		c.put(version, key, old)
		p = old
	}
	if p == nil {
		c.misses.Inc()
	} else {
		c.hits.Inc()
	}
	return p
}

// put keeps a plan. One of an older catalogue than the cache's is not kept, nor
// one that would fill a generation.
func (c *planCache) put(version uint64, key []byte, p *plan) {
	size := len(key) + p.size()
	if len(key) > maxKey || size > c.maxBytes/2 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if version < c.version {
		return
	}
	if version > c.version {
		c.version, c.young, c.old = version, generation{plans: map[string]*plan{}}, generation{}
	}
	if c.young.plans[string(key)] != nil {
		return // another request was quicker
	}
	if c.old.plans[string(key)] != nil {
		delete(c.old.plans, string(key))
		c.old.bytes -= size
	}
	if len(c.young.plans) >= max(c.max/2, 1) || c.young.bytes+size > c.maxBytes/2 {
		c.evictions.Add(float64(len(c.old.plans)))
		c.old, c.young = c.young, generation{plans: map[string]*plan{}}
	}
	c.young.plans[string(key)] = p
	c.young.bytes += size
}

// size is about what a plan takes in memory.
func (p *plan) size() int {
	n := 512 + len(p.sql) + len(p.reads) + 8*len(p.params) + len(p.allow)
	for _, st := range p.before {
		n += len(st.sql) + 8*len(st.params)
	}
	if p.explain != nil {
		n += len(p.explain.sql) + 8*len(p.explain.params)
	}
	if e := p.export; e != nil {
		n += len(e.head) + 8*len(e.params) + 64*len(e.columns)
	}
	if l := p.load; l != nil {
		n += len(l.stage) + len(l.copy) + len(l.insert) + 64*len(l.names)
	}
	if p.guard != nil {
		n += len(p.guard.cost)
	}
	for _, w := range p.warnings {
		n += len(w)
	}
	return n
}
