package realtime

import "time"

// bucket allows rate events a second, and as many at once. It is for one goroutine.
type bucket struct {
	rate, left float64
	at         time.Time
}

func newBucket(rate int, now time.Time) bucket {
	return bucket{rate: float64(rate), left: float64(rate), at: now}
}

// take tells whether an event is allowed now.
func (b *bucket) take(now time.Time) bool {
	b.left = min(b.rate, b.left+b.rate*now.Sub(b.at).Seconds())
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// wait takes an event if it is allowed now, and else says when to ask again.
func (b *bucket) wait(now time.Time) time.Duration {
	if b.take(now) {
		return 0
	}
	return time.Duration((1 - b.left) / b.rate * float64(time.Second))
}
