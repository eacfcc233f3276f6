package limit

import (
	"net/netip"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

const (
	// leaseFor bounds how long what was leased is good, and how soon a budget has to be
	// asked for again to be leased at all.
	leaseFor = time.Second
	// refuseFor bounds how long a refusal is remembered, so that ratelimit.reset holds
	// everywhere within that time.
	refuseFor = time.Second
	// maxBudgets bounds each of the two generations that are remembered of a rule.
	maxBudgets = 1 << 15
)

// verdict is what there is to say of one request and one budget.
type verdict struct {
	allowed    bool
	remaining  int64
	retry, end time.Duration // until one is there, and until it is full
}

// budget is what of a budget is known here. Times are counted from the start of the
// process.
type budget struct {
	left       int64         // leased and not used
	until      time.Duration // end of the lease
	refused    time.Duration // until then nobody is asked
	retryAt    time.Duration // when one will be there
	remaining  int64         // as it was told last
	fullAt     time.Duration
	asked      time.Duration
	size       int64 // of the last lease
	leasing    bool  // an ask with a lease is under way
	collecting *ask  // not sent yet
}

// ask is what several requests ask for of one budget.
type ask struct {
	rule   *rule
	budget *budget
	text   string
	want   int64 // of the requests, which are served in this order
	had    int64 // of these, what was leased
	extra  int64 // to lease
	// Once done is closed the rest holds.
	done    chan struct{}
	granted int64
	at      verdict // of those that were allowed last
	err     error
}

// budgets are those of one rule in two generations: what was not asked for while the
// younger one was filled is forgotten.
type budgets struct {
	mu         sync.Mutex
	young, old map[key]*budget
}

// get is called with the lock.
func (b *budgets) get(k key) *budget {
	if one := b.young[k]; one != nil {
		return one
	}
	one := b.old[k]
	if one == nil {
		one = new(budget)
	}
	if b.young == nil || len(b.young) >= maxBudgets {
		b.old, b.young = b.young, make(map[key]*budget)
	}
	b.young[k] = one
	return one
}

// look decides by what is known here, or else gives what to wait for, the place in it,
// and whether it is new and has to be sent.
func (r *rule) look(addr netip.Addr, who *pg.Caller, now time.Duration) (v verdict, a *ask, place int64, isNew bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.get(r.keyOf(addr, who))
	switch {
	case b.left > 0 && now < b.until:
		b.left--
		return verdict{allowed: true, remaining: b.remaining + b.left, end: max(b.fullAt-now, 0)}, nil, 0, false
	case now < b.refused:
		return verdict{retry: b.retryAt - now, end: b.fullAt - now}, nil, 0, false
	}
	if b.collecting == nil {
		b.collecting = &ask{rule: r, budget: b, text: r.textOf(addr, who), done: make(chan struct{})}
		isNew = true
	}
	b.collecting.want++
	return v, b.collecting, b.collecting.want, isNew
}

// peekRefused tells whether a budget is known to be used up.
func (r *rule) peekRefused(addr netip.Addr, who *pg.Caller, now time.Duration) (v verdict, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.get(r.keyOf(addr, who))
	return verdict{retry: b.retryAt - now, end: b.fullAt - now}, now < b.refused
}

// seal ends the collecting of a: nobody joins it any more. A budget that was asked for a
// moment ago gets more than is wanted now: twice as much as the last time, up to a block,
// and the less the less is left, so that nothing lies with one process that another one
// has to refuse.
func (a *ask) seal(now time.Duration) take {
	r, b := a.rule, a.budget
	r.mu.Lock()
	defer r.mu.Unlock()
	b.collecting = nil
	if now-b.asked < leaseFor {
		b.size = min(max(2*b.size, 1), r.block)
	} else {
		b.size = 0
	}
	b.asked = now
	a.had = min(b.stillLeased(now), a.want)
	b.left -= a.had
	if !b.leasing {
		a.extra = max(min(b.size-b.stillLeased(now), b.remaining/8), 0)
		b.leasing = a.extra > 0
	}
	return take{key: a.text, rate: r.rate, burst: r.Burst, cost: a.want - a.had + a.extra}
}

// settle takes the answer to a.
func (a *ask) settle(g grant, now time.Duration) {
	r, b := a.rule, a.budget
	r.mu.Lock()
	a.granted = a.had + g.granted
	if a.extra > 0 {
		b.leasing = false
		b.left, b.until = b.stillLeased(now)+max(a.granted-a.want, 0), now+leaseFor
	}
	b.remaining, b.fullAt = g.remaining, now+g.reset
	if a.granted < a.want {
		b.retryAt = now + g.retry
		b.refused = now + min(g.retry, refuseFor)
	}
	a.at = verdict{remaining: b.remaining + b.left, retry: g.retry, end: g.reset}
	r.mu.Unlock()
	close(a.done)
}

func (b *budget) stillLeased(now time.Duration) int64 {
	if now < b.until {
		return b.left
	}
	return 0
}

// fail answers a when nobody could be asked.
func (a *ask) fail(err error) {
	a.rule.mu.Lock()
	if a.extra > 0 {
		a.budget.leasing = false
	}
	a.rule.mu.Unlock()
	a.err = err
	close(a.done)
}
