package worker

import (
	"context"
	"os"
)

// Drop ends the workers of a function but those of the key that is kept ("" keeps none), when
// the requests that they have are answered.
func (p *Pool) Drop(name, keep string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if keep == "" {
		delete(p.kept, name)
	} else {
		p.kept[name] = keep
	}
	for key, g := range p.groups {
		if g.spec.Name != name || key == keep {
			continue
		}
		g.dropped = true
		for _, w := range append([]*worker(nil), g.workers...) {
			w.retireLocked()
			w.endIfDone()
		}
		if g.idle() {
			p.forgetGroup(g)
		}
	}
	p.dropCodeLocked(name)
}

// Close takes no request any more, waits for those that there are, and ends all workers; when
// ctx ends, at once.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.closing {
		p.mu.Unlock()
		return nil
	}
	p.closing = true
	for _, g := range p.groups {
		for _, wt := range g.waiting {
			wt.done <- closed
		}
		g.waiting = nil
	}
	if p.calls == 0 {
		close(p.quiet)
	}
	p.mu.Unlock()

	var err error
	select {
	case <-p.quiet:
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.stop()
	p.mu.Lock()
	for w := range p.workers {
		w.killLocked("")
	}
	p.mu.Unlock()
	p.tasks.Wait()
	p.processes.Wait()
	p.spawner.close()
	_ = os.RemoveAll(p.o.Dir)
	_ = p.lock.Close()
	return err
}

// Stats are gauges and counters of a pool, for metrics.
type Stats struct {
	Workers, Spares, Busy, Waiting, Calls int
	Started                               int64            // workers that were given code
	Killed                                map[string]int64 // by the Kind of why
	Resident                              int64            // bytes of all workers
}

// Stats tells how it is.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{Workers: len(p.workers), Spares: len(p.spares), Started: p.started, Calls: p.calls, Killed: map[string]int64{}}
	for w := range p.workers {
		if w.active > 0 {
			s.Busy++
		}
		s.Resident += w.resident
	}
	for _, g := range p.groups {
		s.Waiting += len(g.waiting)
	}
	for kind, n := range p.killed {
		s.Killed[kind] = n
	}
	return s
}
