package functions

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/fluxbase/fluxbase/proxy/functions/worker"
)

// workers is the pool of a process, made when there is a function to be run.
type workers struct {
	make   func() (*worker.Pool, error)
	mu     sync.Mutex // of the making, and of changes
	closed bool
	pool   atomic.Pointer[worker.Pool]
	// last is the newest set that was seen.
	last atomic.Pointer[Set]
}

// get gives the pool.
func (w *workers) get() (*worker.Pool, error) {
	if p := w.pool.Load(); p != nil {
		return p, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.pool.Load(); p != nil {
		return p, nil
	}
	switch {
	case w.make == nil:
		return nil, ErrNoDeno
	case w.closed:
		return nil, context.Canceled
	}
	p, err := w.make()
	if err != nil {
		return nil, err
	}
	w.pool.Store(p)
	return p, nil
}

// see has the workers end of what a newer set has not.
func (w *workers) see(set *Set) {
	if w.last.Load() == set {
		return
	}
	// What is dropped is told in the order of the sets.
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.last.Load()
	if old != nil && old.made >= set.made { // of a request that began before
		return
	}
	w.last.Store(set)
	p := w.pool.Load()
	if old == nil || p == nil {
		return
	}
	for name, d := range old.byName {
		switch now := set.byName[name]; {
		case now == nil:
			p.Drop(name, "")
		case now.key != d.key:
			p.Drop(name, now.key)
		}
	}
}

// close ends all.
func (w *workers) close(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if p := w.pool.Load(); p != nil {
		return p.Close(ctx)
	}
	return nil
}

// Changed tells of what functions there are now. It waits for nothing.
func (h *Handler) Changed(set *Set) {
	h.workers.see(set)
	if len(set.byName) > 0 && h.NewPool != nil && h.workers.pool.Load() == nil {
		go func() {
			if _, err := h.workers.get(); err != nil {
				h.Log.Error("functions can't be called", "error", err)
			}
		}()
	}
}

// Close waits for the calls under way, until ctx ends, and ends all workers.
func (h *Handler) Close(ctx context.Context) error { return h.workers.close(ctx) }

// Stats tells how the workers are; nothing while there are none.
func (h *Handler) Stats() (s worker.Stats) {
	if p := h.workers.pool.Load(); p != nil {
		s = p.Stats()
	}
	return s
}
