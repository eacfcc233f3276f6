package dispatch

import (
	"context"
	"time"
)

// stopGrace is how long handlers have to end after they are told to.
const stopGrace = 5 * time.Second

// drain claims no more, waits for what runs, and gives to others what is not done in time.
func (d *Dispatcher) drain(ctx context.Context) {
	d.waiter.Leave()
	d.mu.Lock()
	d.draining = true
	d.giveBack(time.Now())
	running := d.active
	d.mu.Unlock()
	if d.heard.IsZero() {
		return // nobody knows of us
	}
	if _, err := d.ask(ctx, stopGrace, `select jobs.drain($1::uuid)::text`, []byte(d.worker)); err != nil {
		d.Log.Warn("the queue of jobs was not told that this process stops", "error", err)
	}
	if running > 0 {
		d.Log.Info("waiting for jobs to end", "jobs", running, "at_most", d.cfg.Shutdown)
	}
	d.linger(ctx, d.cfg.Shutdown)
	d.mu.Lock()
	left := len(d.tasks)
	for _, t := range d.tasks {
		d.drop(t, ErrStopping)
	}
	d.mu.Unlock()
	if left > 0 {
		d.linger(ctx, stopGrace)
	}
	if _, err := d.ask(ctx, stopGrace, `select jobs.interrupt($1::uuid)::text`, []byte(d.worker)); err != nil {
		d.Log.Warn("others run the jobs of this process when its lease ends, because the queue can't be told before", "jobs", left, "error", err)
	} else if left > 0 {
		d.Log.Warn("jobs were interrupted, and run again elsewhere", "jobs", left)
	}
}

// linger goes on until nothing runs and all was said, or the time is over.
func (d *Dispatcher) linger(ctx context.Context, most time.Duration) {
	end := time.Now().Add(most)
	for {
		d.mu.Lock()
		busy := len(d.tasks)+len(d.done)+len(d.failed) > 0
		d.mu.Unlock()
		left := time.Until(end)
		if !busy || left <= 0 {
			return
		}
		if pause := min(d.pause(time.Now()), left); pause > 0 {
			timer := time.NewTimer(pause)
			select {
			case <-d.kick:
			case <-timer.C:
			}
			timer.Stop()
			continue
		}
		d.speak(ctx)
	}
}
