package limit

import (
	"context"
	"math"
	"sync"
	"time"
)

// memory counts for this process alone.
type memory struct {
	clock  func() time.Duration
	mu     sync.Mutex
	fullAt map[string]float64 // microseconds
	tidyAt int                // so many budgets
}

// fewBudgets are not worth to be looked through.
const fewBudgets = 1 << 16

func newMemory(clock func() time.Duration) *memory {
	return &memory{clock: clock, fullAt: map[string]float64{}, tidyAt: fewBudgets}
}

func (*memory) name() string { return inMemory }

func (m *memory) take(_ context.Context, items []take, partial bool) ([]grant, error) {
	grants := make([]grant, len(items))
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.fullAt) > m.tidyAt {
		m.forget()
	}
	for i, it := range items {
		now := float64(m.clock().Microseconds())
		unit := 1e6 / it.rate
		capacity := math.Floor(float64(it.burst) * unit)
		base := max(m.fullAt[it.key], now)
		fits := func(busy float64) int64 { return int64(max(math.Ceil((capacity-busy+1)/unit)-1, 0)) }
		g := &grants[i]
		switch most := fits(base - now); {
		case it.cost <= most:
			g.granted = it.cost
		case partial:
			g.granted = most
		}
		busy := base - now + math.Floor(float64(g.granted)*unit)
		if g.granted > 0 {
			m.fullAt[it.key] = now + busy
		}
		g.remaining = fits(busy)
		g.reset = micros(busy)
		if g.granted < it.cost {
			next := it.cost
			if partial {
				next = 1
			}
			if need := math.Floor(float64(next) * unit); need > capacity {
				g.retry = forever
			} else {
				g.retry = micros(max(busy+need-capacity, 0))
			}
		}
	}
	return grants, nil
}

func (m *memory) tidy(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
	return nil
}

// forget is called with the lock.
func (m *memory) forget() {
	now := float64(m.clock().Microseconds())
	for key, at := range m.fullAt {
		if at <= now {
			delete(m.fullAt, key)
		}
	}
	m.tidyAt = max(fewBudgets, 2*len(m.fullAt))
}

func micros(n float64) time.Duration { return seconds(n / 1e6) }
