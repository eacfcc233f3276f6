package token

import (
	"encoding/hex"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// parseSession reads a session's id as tokens and Postgres write it (RFC 9562, 4).
func parseSession[T string | []byte](text T) (id pg.SessionID, ok bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, false
	}
	var digits [32]byte
	n := 0
	for i := range len(text) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			continue
		}
		digits[n] = text[i]
		n++
	}
	if _, err := hex.Decode(id[:], digits[:]); err != nil {
		return pg.SessionID{}, false
	}
	return id, true
}

// sessionShards keep who sweeps from being in the way of who looks, for long.
const sessionShards = 64

// sessionSet holds the sessions that have ended, each until no token of it is valid.
type sessionSet struct {
	shards [sessionShards]struct {
		mu sync.RWMutex
		// forget is by session: the second since 1970.
		forget map[pg.SessionID]int64
	}
}

func (s *sessionSet) has(id pg.SessionID) bool {
	sh := &s.shards[id[0]%sessionShards]
	sh.mu.RLock()
	_, ended := sh.forget[id]
	sh.mu.RUnlock()
	return ended
}

// add reports whether it was not there.
func (s *sessionSet) add(id pg.SessionID, forget int64) bool {
	sh := &s.shards[id[0]%sessionShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	_, had := sh.forget[id]
	if sh.forget == nil {
		sh.forget = map[pg.SessionID]int64{}
	}
	sh.forget[id] = forget
	return !had
}

func (s *sessionSet) remove(id pg.SessionID) {
	sh := &s.shards[id[0]%sessionShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.forget, id)
}

// sweep forgets what may be forgotten, and tells how many are left.
func (s *sessionSet) sweep(now time.Time) (left int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for id, at := range sh.forget {
			if at+skew < now.Unix() {
				delete(sh.forget, id)
			}
		}
		left += len(sh.forget)
		sh.mu.Unlock()
	}
	return left
}
