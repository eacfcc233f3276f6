package dispatch

import "time"

// progressEvery is how often the progress of one job is stored at most.
const progressEvery = 250 * time.Millisecond

// report keeps what a job has said last until it is stored.
func (d *Dispatcher) report(p progress) {
	d.mu.Lock()
	t := d.tasks[key{p.ID, p.Token}]
	if t != nil {
		t.said, d.dirty = &p, true
	}
	d.mu.Unlock()
	if t != nil {
		poke(d.kick)
	}
}

// nextProgress is in how long some progress may be stored.
func (d *Dispatcher) nextProgress(now time.Time) time.Duration {
	next := time.Hour
	for _, t := range d.tasks {
		if t.said != nil {
			next = min(next, t.stored.Add(progressEvery).Sub(now))
		}
	}
	return next
}

// takeProgress gives the progress that may be stored now.
func (d *Dispatcher) takeProgress(now time.Time) (list []progress) {
	list, d.last = d.last, nil
	if !d.dirty {
		return list
	}
	d.dirty = false
	for _, t := range d.tasks {
		switch {
		case t.said == nil:
		case now.Sub(t.stored) < progressEvery:
			d.dirty = true
		default:
			list = append(list, *t.said)
			t.said, t.stored = nil, now
		}
	}
	return list
}
