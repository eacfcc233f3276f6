package rest

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// maxKey keeps shapes that are too long to come twice out of the cache, and so
// its memory within max times this.
const maxKey = 4 << 10

// planCache keeps plans by shape, for one version of the catalogue. It holds two
// generations: when the young one is full it becomes the old one, and what is
// asked for again moves back. That is nearly as good as keeping an order of use,
// and a look-up of a young plan takes only a read lock.
type planCache struct {
	max     int
	hits    prometheus.Counter
	misses  prometheus.Counter
	mu      sync.RWMutex
	version uint64
	young   map[string]*plan
	old     map[string]*plan
}

func newPlanCache(max int, reg prometheus.Registerer) *planCache {
	c := &planCache{
		max: max, young: map[string]*plan{},
		hits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fluxbase_rest_plan_cache_hits_total",
			Help: "Requests whose plan was in the cache.",
		}),
		misses: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fluxbase_rest_plan_cache_misses_total",
			Help: "Requests that had to be planned: the first of a shape, or of a new catalogue.",
		}),
	}
	entries := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fluxbase_rest_plan_cache_entries",
		Help: "Plans in the cache.",
	}, func() float64 {
		c.mu.RLock()
		defer c.mu.RUnlock()
		return float64(len(c.young) + len(c.old))
	})
	reg.MustRegister(c.hits, c.misses, entries)
	return c
}

// get finds the plan of a shape; nil if there is none for this version.
func (c *planCache) get(version uint64, key []byte) *plan {
	c.mu.RLock()
	p, old := (*plan)(nil), (*plan)(nil)
	if c.version == version {
		if p = c.young[string(key)]; p == nil {
			old = c.old[string(key)]
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

// put keeps a plan. One of an older catalogue than the cache's is not kept.
func (c *planCache) put(version uint64, key []byte, p *plan) {
	if len(key) > maxKey {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case version < c.version:
		return
	case version > c.version:
		c.version, c.young, c.old = version, map[string]*plan{}, nil
	case len(c.young) >= max(c.max/2, 1):
		c.old, c.young = c.young, map[string]*plan{}
	}
	c.young[string(key)] = p
}
