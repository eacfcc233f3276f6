package worker

import (
	"time"
)

// interval is how often workers are looked at.
const interval = 100 * time.Millisecond

// watch looks at all workers until the pool is closed.
func (p *Pool) watch() {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var all []*worker
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
		}
		all = all[:0]
		p.mu.Lock()
		for w := range p.workers {
			all = append(all, w)
		}
		p.mu.Unlock()
		for _, w := range all {
			u, err := look(w.stat)
			p.mu.Lock()
			if !w.dead {
				if err == nil {
					w.checkSize(u)
				}
				w.checkTime(time.Now())
			}
			p.mu.Unlock()
		}
		p.mu.Lock()
		for _, g := range p.groups {
			p.serveWaitingLocked(g)
		}
		p.feedLocked()
		p.mu.Unlock()
	}
}

// checkSize ends a worker that is larger than it may be, and lets one that is nearly so have
// no more requests: one that leaks is replaced before it fails.
func (w *worker) checkSize(u usage) {
	w.resident, w.peak = u.resident, max(w.peak, u.resident)
	most := int64(defaultMemory)
	if w.group != nil {
		most = w.group.limits.Memory
	}
	switch {
	case u.resident > most:
		w.killLocked(Memory)
	case u.threads > w.pool.o.Threads:
		w.killLocked(Threads)
	case u.resident > most/10*9 && w.ready():
		w.retireLocked()
		w.endIfDone()
	}
}

// checkTime ends a worker that has used too much CPU time, and retires what is idle or old.
//
// The time that a worker uses is of the requests that it has, in equal parts. What it uses
// while it has a single one is certain to be that one's. If a request's part alone gets too
// large, the worker has no more requests, and ends if it goes on like that.
func (w *worker) checkTime(now time.Time) {
	for _, c := range w.calls {
		if c.over && now.After(c.until) {
			c.done = max(c.waits, c.told)
			w.forget(c)
		}
	}
	w.endIfDone()
	if w.group == nil || w.dead {
		return
	}
	w.account()
	if w.active > 0 {
		limit := int64(w.group.limits.CPU)
		oldest := w.byAge.Front().Value.(*call)
		w.stuck = now.Sub(w.alive) > 5*interval
		switch {
		case w.stuck && w.cpu-w.cpuAlive > limit, w.alone-oldest.alone > limit, w.soft > 0 && w.share-w.soft > limit:
			w.killLocked(CPU)
		case w.soft == 0 && w.share-oldest.share > limit:
			w.soft = w.share
			w.retireLocked()
		}
		return
	}
	w.stuck = false
	if !w.ready() {
		return
	}
	if now.Sub(w.idle) > w.group.limits.Idle && len(w.calls) == 0 || now.Sub(w.since) > w.pool.o.Age {
		w.retireLocked()
		w.endIfDone()
	}
}

// ready tells whether it takes requests.
func (w *worker) ready() bool { return w.group != nil && !w.since.IsZero() && !w.retired }

// account gives out the CPU time that was used since the last time.
func (w *worker) account() {
	now := cpuTime(w.proc.Pid)
	used := now - w.cpu
	if used <= 0 || w.dead {
		return
	}
	w.cpu = now
	if w.active > 0 {
		w.share += used / int64(w.active)
	}
	if w.active == 1 {
		w.alone += used
	}
}

// allowLine is the bound of lines that belong to no invocation: as many each minute as of one.
func (w *worker) allowLine(now time.Time) bool {
	if now.Sub(w.minute) > time.Minute {
		w.minute, w.stray = now, 0
	}
	w.stray++
	return w.stray <= maxLines
}

func (w *worker) peakNow() int64 {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	return max(w.peak, w.resident)
}

// fate is why it ended, "" if by itself.
func (w *worker) fate() string {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	if w.why == "" && w.outOf {
		return Memory
	}
	return w.why
}
