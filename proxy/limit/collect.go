package limit

import (
	"context"
	"sync"
	"time"
)

const (
	// collectFor is how long an ask waits for others, unless nothing is under way: then it
	// goes at once, and those that come meanwhile go together.
	collectFor = time.Millisecond
	// batchSize is when nobody waits any longer, and maxBatch the most of one call.
	batchSize, maxBatch = 100, 1000
	// maxCalls bounds the calls at a time, so that a slow database gets larger ones.
	maxCalls = 4
	// patience is how long the backend may take.
	patience = 3 * time.Second
)

// collector sends asks together.
type collector struct {
	send func([]*ask)

	mu      sync.Mutex
	waiting []*ask
	calls   int
	timed   bool // a timer will flush
	all     sync.WaitGroup
}

func (c *collector) add(a *ask) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, a)
	switch {
	case c.calls == 0 || len(c.waiting) >= batchSize:
		c.flush()
	case !c.timed:
		c.timed = true
		time.AfterFunc(collectFor, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.timed = false
			c.flush()
		})
	}
}

// flush sends what waits, if it may. It is called with the lock.
func (c *collector) flush() {
	if len(c.waiting) == 0 || c.calls >= maxCalls {
		return // what is under way flushes when it is back
	}
	list := c.waiting
	if len(list) > maxBatch {
		list = list[:maxBatch:maxBatch]
	}
	c.waiting = c.waiting[len(list):]
	c.calls++
	c.all.Go(func() {
		c.send(list)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls--
		c.flush()
	})
}

// send asks the backend for a batch.
func (l *Limiter) send(list []*ask) {
	items := make([]take, len(list))
	now := l.clock()
	for i, a := range list {
		items[i] = a.seal(now)
	}
	grants, err := l.ask(context.Background(), items, true)
	now = l.clock()
	for i, a := range list {
		if err != nil {
			a.fail(err)
			continue
		}
		a.settle(grants[i], now)
		a.rule.counts.ahead.Add(float64(max(a.granted-a.want, 0)))
	}
}

func (l *Limiter) ask(ctx context.Context, items []take, partial bool) ([]grant, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	name := l.backend.name()
	l.metrics.batches.WithLabelValues(name).Inc()
	l.metrics.items.WithLabelValues(name).Add(float64(len(items)))
	grants, err := l.backend.take(ctx, items, partial)
	l.note(err)
	return grants, err
}
