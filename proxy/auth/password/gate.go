package password

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// gate lets so many hash at a time, in the order in which they come.
type gate struct {
	places  chan struct{} // who waits to send to it does so in order
	queue   int64
	wait    time.Duration
	refused prometheus.Counter

	waiting atomic.Int64
	average atomic.Int64 // nanoseconds of a hash, of late
}

// enter waits for a place; leave gives it back. Whoever is gone gets none.
func (g *gate) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	ahead := g.waiting.Add(1)
	defer g.waiting.Add(-1)
	if ahead > g.queue || g.expected(ahead) > g.wait {
		return g.busy()
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-timer.C:
		return g.busy()
	case <-ctx.Done():
		return ended(ctx)
	}
}

func ended(ctx context.Context) error {
	return web.Timeout.Because(fmt.Errorf("wait for a password to be hashed: %w", context.Cause(ctx)))
}

func (g *gate) leave(took time.Duration) {
	average := time.Duration(g.average.Load())
	g.average.Store(int64(average + (took-average)/8))
	<-g.places
}

// expected is how long the last of so many will wait.
func (g *gate) expected(waiting int64) time.Duration {
	return time.Duration(waiting * g.average.Load() / int64(cap(g.places)))
}

// busy is the answer to one too many. It is never 409 or 429: a client would take those for a
// verdict on itself.
func (g *gate) busy() error {
	g.refused.Inc()
	e := web.New("hashers_busy", "too many sign in at the moment; try again")
	seconds := int(max(min(g.expected(g.waiting.Load()), g.wait)/time.Second, 1))
	e.Header = http.Header{"Retry-After": {strconv.Itoa(seconds)}}
	return e
}
