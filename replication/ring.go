package replication

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// ring keeps the latest transactions, in commit order, for all who read them. The
// decoder adds to it and waits for no one.
type ring struct {
	maxBytes int
	maxAge   time.Duration
	// maxHold is how far behind a durable subscription may keep the log.
	maxHold func() changes.LSN
	start   time.Time

	mu sync.Mutex
	// entries[0] has number base.
	entries []entry
	base    uint64
	bytes   int
	// attached is set once there has been a slot. Of what was committed from floor on
	// the ring, up to received, has all.
	attached        bool
	epoch           changes.Epoch
	floor, received changes.LSN
	// needed is from where on consumers with a place in the database need the log.
	needed changes.LSN
	// fresh is the latest proof, as time since start (0 for none): all that was
	// committed before it has been added.
	fresh  time.Duration
	subs   map[*subscription]struct{}
	closed bool
	gaps   map[changes.Reason]int64
}

type entry struct {
	tx   *changes.Transaction
	size int
	// added is when, and fresh what was proven then, both since start.
	added, fresh time.Duration
}

func newRing(maxBytes int, maxAge time.Duration, maxHold func() changes.LSN) *ring {
	return &ring{
		maxBytes: maxBytes, maxAge: maxAge, maxHold: maxHold, start: time.Now(),
		subs: map[*subscription]struct{}{}, gaps: map[changes.Reason]int64{},
	}
}

// server is what a connection says of itself, and slot is ours there.
type server struct {
	epoch   changes.Epoch
	flushed changes.LSN // how far its log reaches
	slot
}

// slot is a slot as it was found or made.
type slot struct {
	confirmed changes.LSN
	made      bool
}

// resume tells where to begin to read: after what was received last if the slot still
// has all from there. Else it is what the slot has confirmed, and there is a reason
// to tell every reader of a gap.
func (r *ring) resume(s server) (from changes.LSN, gap changes.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.attached:
		return s.confirmed, changes.Started
	case s.epoch != r.epoch || s.flushed < r.received:
		return s.confirmed, changes.NewEpoch
	case s.made || s.confirmed > r.received:
		return s.confirmed, changes.SlotLost
	}
	return r.received, ""
}

// reset begins anew at a place, with a gap for every reader.
func (r *ring) reset(reason changes.Reason, epoch changes.Epoch, at changes.LSN) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attached = true
	r.base += uint64(len(r.entries))
	r.entries, r.bytes = nil, 0
	r.epoch, r.floor, r.received, r.needed = epoch, at, at, at
	for s := range r.subs {
		why := reason
		if reason == changes.Started && s.from != (changes.Position{}) {
			if why = r.misses(s.from); why == "" {
				continue
			}
		}
		s.queue = s.queue[:0]
		s.gapped(why, r.position(at))
	}
}

func (r *ring) position(at changes.LSN) changes.Position {
	return changes.Position{Epoch: r.epoch, LSN: at}
}

// add takes a transaction and queues it for its readers. One that is here already
// is dropped: after a reconnection the server may begin a little early.
func (r *ring) add(tx *changes.Transaction, size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if tx.End <= r.received {
		return
	}
	now := time.Since(r.start)
	r.entries = append(r.entries, entry{tx, size, now, r.fresh})
	r.bytes += size
	for s := range r.subs {
		if tx.End > s.from.LSN && s.wants(tx) {
			s.offer(r.base + uint64(len(r.entries)) - 1)
		}
	}
	r.received = tx.End
	r.evict(now)
}

// advance says that all up to at was received, where there was nothing to add.
func (r *ring) advance(at changes.LSN) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received = max(r.received, at)
}

// prove says that all that was committed before t has been added.
func (r *ring) prove(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fresh = max(r.fresh, t.Sub(r.start))
}

// evict drops what is too old or too much.
func (r *ring) evict(now time.Duration) {
	n := 0
	for n < len(r.entries) && (r.bytes > r.maxBytes || now-r.entries[n].added > r.maxAge) {
		r.bytes -= r.entries[n].size
		r.floor = r.entries[n].tx.End
		r.entries[n] = entry{}
		n++
	}
	r.base += uint64(n)
	r.entries = r.entries[n:]
	if len(r.entries) == 0 {
		r.entries = nil // not an empty rest of much memory
	}
}

// need says that at a time when seen had been received, the database knew consumers
// that need the log from oldest on: all there is if that is 0. A consumer that it did
// not know begins behind seen.
func (r *ring) need(epoch changes.Epoch, seen, oldest changes.LSN) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case epoch != r.epoch || oldest == 0:
	case oldest < r.received && r.received-oldest > r.maxHold():
		r.needed = seen // too far behind to keep the log for it
	default:
		r.needed = min(seen, oldest)
	}
}

// safe evicts what is too old and returns up to where the database may forget its
// log: what is in the ring must be there for a restart to read again, and so must
// what durable subscriptions have not done.
func (r *ring) safe() (received, flush changes.LSN) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.evict(time.Since(r.start))
	flush = r.received
	if len(r.entries) > 0 {
		flush = r.entries[0].tx.Commit
	}
	if r.needed+r.maxHold() >= r.received {
		flush = min(flush, r.needed)
	}
	for s := range r.subs {
		if s.durable && s.done.Epoch == r.epoch && s.done.LSN+r.maxHold() >= r.received {
			flush = min(flush, s.done.LSN)
		}
	}
	return r.received, flush
}

// read is part of changes.Source.
func (r *ring) read(want changes.Want, from changes.Position, take func(*changes.Transaction) bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch why := r.misses(from); {
	case r.closed:
		return changes.ErrClosed
	case !r.attached:
		return nil
	case why != "":
		r.gaps[why]++
		return &changes.Gap{Reason: why, After: from, From: r.position(r.floor)}
	}
	for _, e := range r.entries[r.first(from.LSN):] {
		if wanted(&want, e.tx) && !take(e.tx) {
			break
		}
	}
	return nil
}

// misses tells why a reader can't go on from a place; empty if it can.
func (r *ring) misses(from changes.Position) changes.Reason {
	switch {
	case from.Epoch != r.epoch:
		return changes.NewEpoch
	case from.LSN < r.floor:
		return changes.TooOld
	}
	return ""
}

// first is the index of the first transaction after at.
func (r *ring) first(at changes.LSN) int {
	i, _ := slices.BinarySearchFunc(r.entries, at+1, func(e entry, end changes.LSN) int { return cmp.Compare(e.tx.End, end) })
	return i
}

// since returns the numbers of the transactions after at.
func (r *ring) since(at changes.LSN, wants func(*changes.Transaction) bool) (numbers []uint64) {
	for i := r.first(at); i < len(r.entries); i++ {
		if wants(r.entries[i].tx) {
			numbers = append(numbers, r.base+uint64(i))
		}
	}
	return numbers
}

// joins tells whether a reader at a place can go on with the ring, and not lose touch
// with it at once: no more than half of it lies ahead.
func (r *ring) joins(at changes.Position) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.entries); n > 0 {
		return at.Epoch != r.epoch || at.LSN >= r.entries[n/2].tx.Commit
	}
	return at.Epoch != r.epoch || at.LSN >= r.received
}

// clock makes a time of a proof; zero of none.
func (r *ring) clock(fresh time.Duration) time.Time {
	if fresh == 0 {
		return time.Time{}
	}
	return r.start.Add(fresh)
}

// state tells what was received last, and what is proven.
func (r *ring) state() (p changes.Position, fresh time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position(r.received), r.clock(r.fresh)
}

// span tells what the ring holds: bytes, and the age of the oldest.
func (r *ring) span() (bytes int, age time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.entries) > 0 {
		age = time.Since(r.start) - r.entries[0].added
	}
	return r.bytes, age
}

// told counts the gaps by reason.
func (r *ring) told() map[changes.Reason]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.gaps)
}

// close ends all subscriptions.
func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for s := range r.subs {
		s.end()
	}
}
