package worker

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// growLocked starts a worker if more requests wait than those that start will take, and there
// may be one more: a spare, one in a free slot, or one in the slot of the worker that has had
// nothing to do for longest.
func (p *Pool) growLocked(g *group) {
	for !p.closing {
		room := g.starting * g.limits.Concurrency
		most := g.limits.Workers
		if g.spec.Oneshot {
			room, most = g.starting, p.o.Total
		}
		if len(g.waiting) <= room || len(g.workers)+g.starting >= most {
			return
		}
		var w *worker
		slot := slices.Index(p.slots, false)
		switch {
		case len(p.spares) > 0 && g.plain():
			w = p.spares[0]
			p.spares = slices.Delete(p.spares, 0, 1)
			w.group = g
		case slot >= 0:
			p.slots[slot] = true
		default:
			if !slices.Contains(p.hungry, g) {
				p.hungry = append(p.hungry, g)
			}
			p.evictLocked()
			return
		}
		g.starting++
		p.started++
		parent := g.waiting[room].call.inv.Traceparent
		p.tasks.Go(func() { p.start(g, w, slot, parent) })
	}
}

// wasEvicted tells whether it was ended so that another has its slot, and not by a fault.
func (w *worker) wasEvicted() bool {
	if w == nil { // it was not started
		return false
	}
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	return w.evicted
}

// evictLocked ends an idle worker so that others have its slot.
func (p *Pool) evictLocked() {
	if p.evicting > 0 {
		return
	}
	var oldest *worker
	for w := range p.workers {
		if w.retired || w.active > 0 || len(w.calls) > 0 || w.group != nil && !slices.Contains(w.group.workers, w) {
			continue
		}
		if oldest == nil || w.idle.Before(oldest.idle) {
			oldest = w
		}
	}
	if oldest != nil {
		oldest.evicted = true
		p.evicting++
		oldest.killLocked("")
	}
}

// feedLocked looks after those who wait for a slot.
func (p *Pool) feedLocked() {
	waiting := p.hungry
	p.hungry = nil
	for _, g := range waiting {
		p.growLocked(g)
	}
}

// start makes a worker serve g: w, a spare, else one in a slot that is taken for it. parent is
// the Traceparent of the request that it is for.
func (p *Pool) start(g *group, w *worker, slot int, parent string) {
	w, err := p.prepare(g, w, slot, parent)
	p.mu.Lock()
	defer p.mu.Unlock()
	g.starting--
	if err == nil && w.dead {
		err = errors.New("it ended when it was loaded")
	}
	g.failed, g.failedAt = err, time.Now()
	p.fillLocked()
	if err != nil {
		p.tell(g, err)
		if len(g.workers) == 0 { // else those that there are serve them
			for _, wt := range g.waiting {
				wt.done <- unstarted()
			}
			g.waiting = nil
		}
		if w != nil {
			w.killLocked("")
		}
		return
	}
	w.since, w.idle = time.Now(), time.Now()
	if g.dropped && len(g.waiting) == 0 || p.closing {
		w.retireLocked()
		w.endIfDone()
		return
	}
	w.account()
	g.workers = append(g.workers, w)
	p.serveWaitingLocked(g)
}

// prepare gets the code, and a worker that has loaded it. What a spare was not started with
// (a list of hosts, a larger heap, a map of imports) has one started anew in its place.
func (p *Pool) prepare(g *group, w *worker, slot int, parent string) (*worker, error) {
	code, err := p.code(p.ctx, g.spec)
	var imports map[string]string
	if err == nil {
		imports, err = p.ownImports(code, g.spec.Entry)
	}
	if err != nil {
		if w == nil {
			p.mu.Lock()
			p.slots[slot] = false
			p.feedLocked()
			p.mu.Unlock()
		}
		return w, fmt.Errorf("read the code: %w", err)
	}
	if imports != nil && w != nil {
		p.mu.Lock()
		g.own = true
		slot, w.slot = w.slot, -1
		w.group = nil
		w.killLocked("")
		p.mu.Unlock()
		w = nil
	}
	if w == nil {
		if w, err = p.launch(slot, g, imports); err != nil {
			return w, err
		}
	}
	return w, w.assign(p.ctx, g.spec, code, parent)
}

// plain tells whether a spare will do.
func (g *group) plain() bool {
	return !g.own && g.spec.Egress == nil && g.limits.Memory <= defaultMemory
}

// tell has the function's log say why it could not be started.
func (p *Pool) tell(g *group, err error) {
	p.o.Log.Warn("a function can't be started", "function", g.spec.Name, "version", g.spec.Version)
	if p.o.Output != nil {
		text, cut := err.Error(), false
		text = clip(text, &cut)
		p.tasks.Go(func() { p.o.Output(g.spec, time.Now(), "error", text, cut) })
	}
}

// fillLocked starts a spare if one is missing, one after the other.
func (p *Pool) fillLocked() {
	slot := slices.Index(p.slots, false)
	if p.closing || p.sparing || len(p.spares) >= p.o.Spares || slot < 0 || len(p.hungry) > 0 {
		return
	}
	p.sparing, p.slots[slot] = true, true
	p.tasks.Go(func() {
		w, err := p.launch(slot, nil, nil)
		if err == nil {
			select {
			case <-w.listening:
			case <-w.exited:
				err = errors.New("it ended at once")
			case <-time.After(p.o.BootTimeout):
				err = errors.New("it does not listen")
				w.kill("")
			}
		}
		if err != nil && p.ctx.Err() == nil && !w.wasEvicted() {
			p.o.Log.Error("Deno can't be started", "error", err)
			select {
			case <-time.After(retryBoot):
			case <-p.ctx.Done():
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sparing = false
		if err == nil && !w.retired {
			p.spares = append(p.spares, w)
			for _, g := range p.groups {
				p.growLocked(g)
			}
		}
		p.fillLocked()
	})
}
