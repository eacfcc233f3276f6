package replication

import (
	"context"
	"sort"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// subscription is a reader's queue of numbers of entries of the ring. The ring's
// lock guards it.
type subscription struct {
	ring    *ring
	want    changes.Want
	limit   int
	durable bool
	// from is where it began, last where it is, done what it need not see again.
	from, last, done changes.Position

	queue []uint64
	gap   *changes.Gap
	// busy says that Next gave something that may not have been dealt with; freshAt
	// is what will be proven once it has been.
	busy           bool
	fresh, freshAt time.Duration

	wake   chan struct{}
	closed bool
}

func (r *ring) subscribe(o changes.Options) changes.Subscription {
	s := &subscription{
		ring: r, want: o.Want, limit: o.Limit, durable: o.Durable,
		from: o.From, last: o.From, done: o.From, wake: make(chan struct{}, 1),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		s.end()
		return s
	}
	r.subs[s] = struct{}{}
	switch {
	case !r.attached:
	case o.From == changes.Position{}:
		s.done = r.position(r.received)
	default:
		if why := r.misses(s.from); why != "" {
			s.gapped(why, r.position(r.floor))
		}
		s.queue = r.since(s.from.LSN, s.wants)
	}
	return s
}

// wants tells whether any event of the transaction is wanted.
func (s *subscription) wants(tx *changes.Transaction) bool { return wanted(&s.want, tx) }

func wanted(want *changes.Want, tx *changes.Transaction) bool {
	var table *changes.Relation
	for i := range tx.Events {
		e := &tx.Events[i]
		if e.Relation != nil && e.Relation == table {
			continue // asked before
		}
		if want.Has(e) {
			return true
		}
		table = e.Relation
	}
	for i := range tx.Touched {
		if want.HasTouched(&tx.Touched[i]) {
			return true
		}
	}
	return false
}

// offer queues an entry.
func (s *subscription) offer(number uint64) {
	if s.limit > 0 && len(s.queue) >= s.limit {
		// The newer half stays: what the reader now reads from the database may not show
		// the very latest commits yet.
		s.trim()
		if n := len(s.queue) - s.limit/2; n > 0 {
			last := s.ring.entries[s.queue[n-1]-s.ring.base].tx
			s.queue = append(s.queue[:0], s.queue[n:]...)
			s.gapped(changes.Lagged, last.Position())
		}
	}
	if len(s.queue) == cap(s.queue) {
		s.trim() // a reader that never comes must not cost memory without end
	}
	s.queue = append(s.queue, number)
	s.notify()
}

// trim drops what has left the ring.
func (s *subscription) trim() {
	gone := sort.Search(len(s.queue), func(i int) bool { return s.queue[i] >= s.ring.base })
	if gone > 0 {
		s.queue = append(s.queue[:0], s.queue[gone:]...)
		s.gapped(changes.Lagged, s.ring.position(s.ring.floor))
	}
}

// gapped notes a gap, on top of one that nobody has read yet.
func (s *subscription) gapped(reason changes.Reason, from changes.Position) {
	s.ring.gaps[reason]++
	s.gap = &changes.Gap{Reason: reason, After: s.last, From: from}
	s.from = from
	if reason != changes.Lagged {
		s.done = from // nothing before it can be had any more
	}
	s.notify()
}

func (s *subscription) notify() {
	select {
	case s.wake <- struct{}{}:
	default: // it will see both
	}
}

// Next is part of changes.Subscription.
func (s *subscription) Next(ctx context.Context) (*changes.Transaction, error) {
	s.settle()
	for {
		tx, gap, err := s.take()
		switch {
		case err != nil:
			return nil, err
		case gap != nil:
			return nil, gap
		case tx != nil:
			return tx, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.wake:
		}
	}
}

// settle takes the call of Next as word that what it gave last is dealt with.
func (s *subscription) settle() {
	r := s.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.busy {
		s.busy, s.fresh = false, max(s.fresh, s.freshAt)
	}
}

func (s *subscription) take() (*changes.Transaction, *changes.Gap, error) {
	r := s.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.closed {
		return nil, nil, changes.ErrClosed
	}
	s.trim()
	if gap := s.gap; gap != nil {
		// Who reads the database now sees all that was proven before.
		s.gap, s.last, s.busy, s.freshAt = nil, gap.From, true, r.fresh
		return nil, gap, nil
	}
	if len(s.queue) == 0 {
		return nil, nil, nil
	}
	e := r.entries[s.queue[0]-r.base]
	s.queue = s.queue[1:]
	s.last, s.busy, s.freshAt = e.tx.Position(), true, e.fresh
	return e.tx, nil, nil
}

// Done is part of changes.Subscription.
func (s *subscription) Done(p changes.Position) {
	s.ring.mu.Lock()
	defer s.ring.mu.Unlock()
	s.done = p
}

// Fresh is part of changes.Subscription.
func (s *subscription) Fresh() time.Time {
	r := s.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.busy && len(s.queue) == 0 && s.gap == nil && !s.closed {
		s.fresh = max(s.fresh, r.fresh)
	}
	return r.clock(s.fresh)
}

// Close is part of changes.Subscription.
func (s *subscription) Close() {
	s.ring.mu.Lock()
	defer s.ring.mu.Unlock()
	delete(s.ring.subs, s)
	s.end()
}

func (s *subscription) end() {
	s.closed = true
	s.queue = nil
	s.notify()
}
