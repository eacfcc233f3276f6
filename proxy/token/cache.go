package token

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

type tokenHash = [sha256.Size]byte

const (
	// maxCacheBytes bounds the cache where tokens are long; one may be 16 KiB.
	maxCacheBytes = 16 << 20
	// entryBytes is what an entry takes beside its texts.
	entryBytes = 256

	maxShards = 16
	// minShard keeps a shard large enough that hashing spreads tokens evenly over
	// them; a small cache has one.
	minShard = 32
)

// cache remembers verified tokens under the hash of their bytes. It evicts by
// SIEVE (Zhang and others, NSDI 2024): a hit only sets a flag, so that readers
// share the lock, and a scan of new tokens cannot push out those in use.
type cache struct {
	shards []shard
	// epoch counts the times that all was forgotten.
	epoch atomic.Int64
}

type shard struct {
	hits, misses, evictions atomic.Int64

	mu      sync.RWMutex
	entries map[tokenHash]*entry
	// limit and maxBytes bound the entries and bytes.
	limit, bytes, maxBytes int
	// newest and oldest end the list of entries in order of arrival; hand is where
	// the search for the next victim goes on, towards the newest.
	newest, oldest, hand *entry
}

type entry struct {
	hash         tokenHash
	grant        *grant
	visited      atomic.Bool
	newer, older *entry
}

// newCache makes a cache of at most size entries and bytes in all. One of none is
// nil.
func newCache(size, bytes int) *cache {
	if size <= 0 {
		return nil
	}
	n := min(maxShards, max(1, size/minShard))
	c := &cache{shards: make([]shard, n)}
	for i := range c.shards {
		c.shards[i].limit = (size + i) / n // sums to size
		c.shards[i].maxBytes = bytes / n
		c.shards[i].entries = make(map[tokenHash]*entry)
	}
	return c
}

// CacheStat is how the cache of verified tokens was used so far, and its size now.
type CacheStat struct{ Hits, Misses, Evictions, Entries, Bytes int64 }

// CacheStat tells how the cache is used.
func (v *Verifier) CacheStat() (st CacheStat) {
	if v.cache == nil {
		return st
	}
	for i := range v.cache.shards {
		s := &v.cache.shards[i]
		st.Hits += s.hits.Load()
		st.Misses += s.misses.Load()
		st.Evictions += s.evictions.Load()
		s.mu.RLock()
		st.Entries += int64(len(s.entries))
		st.Bytes += int64(s.bytes)
		s.mu.RUnlock()
	}
	return st
}

func (c *cache) shard(hash *tokenHash) *shard {
	return &c.shards[int(hash[0])%len(c.shards)]
}

// get returns nil for what is not there. The grant is shared: read only.
func (c *cache) get(hash *tokenHash) *grant {
	if c == nil {
		return nil
	}
	s := c.shard(hash)
	s.mu.RLock()
	e := s.entries[*hash]
	s.mu.RUnlock()
	if e == nil {
		s.misses.Add(1)
		return nil
	}
	s.hits.Add(1)
	if !e.visited.Load() { // a store to a shared line costs the other cores
		e.visited.Store(true)
	}
	return e.grant
}

// now is the epoch, to be asked before a token is verified.
func (c *cache) now() int64 {
	if c == nil {
		return 0
	}
	return c.epoch.Load()
}

// clear forgets all tokens, and those that are verified now with what held before.
func (c *cache) clear() {
	if c == nil {
		return
	}
	c.epoch.Add(1)
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		clear(s.entries)
		s.newest, s.oldest, s.hand, s.bytes = nil, nil, nil, 0
		s.mu.Unlock()
	}
}

// put adds a token that another goroutine may have added just before, unless all was
// forgotten since epoch.
func (c *cache) put(hash *tokenHash, g *grant, epoch int64) {
	if c == nil {
		return
	}
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[*hash] != nil || c.epoch.Load() != epoch || g.size() > s.maxBytes {
		return
	}
	for len(s.entries) == s.limit || s.bytes+g.size() > s.maxBytes {
		s.evict()
	}
	s.bytes += g.size()
	e := &entry{hash: *hash, grant: g, older: s.newest}
	if s.newest != nil {
		s.newest.newer = e
	} else {
		s.oldest = e
	}
	s.newest = e
	s.entries[*hash] = e
}

// evict drops the first entry from the hand on that was not used since the hand
// last passed it.
func (s *shard) evict() {
	e := s.hand
	for {
		if e == nil {
			e = s.oldest
		}
		if !e.visited.Swap(false) {
			break
		}
		e = e.newer
	}
	s.hand = e.newer
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		s.oldest = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		s.newest = e.older
	}
	delete(s.entries, e.hash)
	s.bytes -= e.grant.size()
	s.evictions.Add(1)
}

// size is about what g takes in memory.
func (g *grant) size() int {
	return entryBytes + len(g.caller.Role) + len(g.caller.Claims) + len(g.caller.Subject) + len(g.jti)
}

var (
	cacheHits = prometheus.NewDesc("fluxbase_jwt_cache_hits_total",
		"Tokens whose signature was checked before.", nil, nil)
	cacheMisses = prometheus.NewDesc("fluxbase_jwt_cache_misses_total",
		"Tokens that were not in the cache: new ones, and such as are refused.", nil, nil)
	cacheEvictions = prometheus.NewDesc("fluxbase_jwt_cache_evictions_total",
		"Tokens that had to make room. Many: there are more in use than FLUXBASE_JWT_CACHE_SIZE.", nil, nil)
	cacheEntries = prometheus.NewDesc("fluxbase_jwt_cache_entries", "Tokens in the cache.", nil, nil)
	cacheBytes   = prometheus.NewDesc("fluxbase_jwt_cache_bytes", "Size of the tokens' claims in the cache.", nil, nil)
)

// Describe is part of prometheus.Collector.
func (v *Verifier) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(v, ch) }

// Collect is part of prometheus.Collector.
func (v *Verifier) Collect(ch chan<- prometheus.Metric) {
	st := v.CacheStat()
	counter := func(desc *prometheus.Desc, n int64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n))
	}
	gauge := func(desc *prometheus.Desc, n int64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n))
	}
	counter(cacheHits, st.Hits)
	counter(cacheMisses, st.Misses)
	counter(cacheEvictions, st.Evictions)
	gauge(cacheEntries, st.Entries)
	gauge(cacheBytes, st.Bytes)
}
