package token

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
)

type tokenHash = [sha256.Size]byte

const (
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
}

type shard struct {
	lookups, hits, evictions atomic.Int64

	mu      sync.RWMutex
	entries map[tokenHash]*entry
	limit   int
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

// newCache makes a cache of at most size entries, size at least 1.
func newCache(size int) *cache {
	n := min(maxShards, max(1, size/minShard))
	c := &cache{shards: make([]shard, n)}
	for i := range c.shards {
		c.shards[i].limit = (size + i) / n // sums to size
		c.shards[i].entries = make(map[tokenHash]*entry)
	}
	return c
}

// CacheStat is how the cache of verified tokens was used.
type CacheStat struct{ Lookups, Hits, Evictions int64 }

// CacheStat tells how the cache was used so far.
func (v *Verifier) CacheStat() (st CacheStat) {
	for i := range v.cache.shards {
		s := &v.cache.shards[i]
		st.Lookups += s.lookups.Load()
		st.Hits += s.hits.Load()
		st.Evictions += s.evictions.Load()
	}
	return st
}

func (c *cache) shard(hash *tokenHash) *shard {
	return &c.shards[int(hash[0])%len(c.shards)]
}

// get returns nil for what is not there. The grant is shared: read only.
func (c *cache) get(hash *tokenHash) *grant {
	s := c.shard(hash)
	s.mu.RLock()
	e := s.entries[*hash]
	s.mu.RUnlock()
	s.lookups.Add(1)
	if e == nil {
		return nil
	}
	s.hits.Add(1)
	if !e.visited.Load() { // a store to a shared line costs the other cores
		e.visited.Store(true)
	}
	return e.grant
}

// put adds a token that another goroutine may have added just before.
func (c *cache) put(hash *tokenHash, g *grant) {
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[*hash] != nil {
		return
	}
	if len(s.entries) == s.limit {
		s.evict()
	}
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
	s.evictions.Add(1)
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
}
