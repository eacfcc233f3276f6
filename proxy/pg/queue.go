package pg

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// maxFollowers bounds how long an answer can be kept waiting by those before it
// on the same connection.
const maxFollowers = 3

// queue hands out the connections, first come first served. It stands in front
// of the pool, which would want a context with a deadline for each request and
// knows nothing of what waits.
type queue struct {
	mu      sync.Mutex
	size    int
	free    int       // when it is not 0, nobody waits
	waiting list.List // of *waiter
}

// waiter is a transaction that found every connection at work.
type waiter struct {
	tx *Tx
	// turn brings nil when a connection is free for it, or the batch that it was
	// sent with. It holds one, so that whoever says so goes on at once.
	turn chan *batch
	at   *list.Element // nil once it was chosen
}

func newQueue(size int) *queue { return &queue{size: size, free: size} }

// enter returns with the right to a connection, which leave gives back, or with
// the batch in which tx is under way already.
func (q *queue) enter(ctx context.Context, tx *Tx, patience time.Duration) (*batch, error) {
	q.mu.Lock()
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return nil, nil
	}
	w := &waiter{tx: tx, turn: make(chan *batch, 1)}
	w.at = q.waiting.PushBack(w)
	q.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	var err error
	select {
	case b := <-w.turn:
		return b, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = web.PoolTimeout
	}
	q.mu.Lock()
	still := w.at != nil
	if still {
		q.take(w.at)
	}
	q.mu.Unlock()
	if still {
		return nil, err
	}
	b := <-w.turn
	if b == nil {
		q.leave()
		return nil, err
	}
	return b, nil // its answer is on the way and must be read by someone
}

// leave gives a connection to who has waited longest.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.waiting.Front(); e != nil {
		q.take(e).turn <- nil
		return
	}
	q.free++
}

// join takes out of the queue those that may be sent behind a transaction which
// is about to go: this connection's share of all that wait, oldest first.
func (q *queue) join(fits func(*Tx) bool) (followers []*waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	share := min((q.waiting.Len()+q.size-1)/q.size, maxFollowers)
	for e := q.waiting.Front(); e != nil && len(followers) < share; {
		next := e.Next()
		if fits(e.Value.(*waiter).tx) {
			followers = append(followers, q.take(e))
		}
		e = next
	}
	return followers
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting.Len()
}

func (q *queue) take(e *list.Element) *waiter {
	w := q.waiting.Remove(e).(*waiter)
	w.at = nil
	return w
}
