package pg

import (
	"container/list"
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

const (
	// maxFollowers and maxBriefFollowers bound how long an answer can be kept waiting
	// by those before it on the same connection.
	maxFollowers      = 3
	maxBriefFollowers = 7
	// heldBack is how long a read waits at most for a brief trip to return while a
	// connection is free; heldWhileTaken is it while hardly a core is idle, when to go at
	// once would only slow others down.
	heldBack, heldWhileTaken = time.Millisecond, 10 * time.Millisecond
)

// queue hands out the connections, first come first served. It stands in front
// of the pool, which would want a context with a deadline for each request and
// knows nothing of what waits.
type queue struct {
	mu   sync.Mutex
	size int
	free int
	// brief are the trips under way of which each statement takes hardly longer than
	// the journey. Once they keep all cores busy, further reads wait for one of them
	// to return and go along with the next, although a connection may be free.
	brief, enough int
	cores         cores
	waiting       list.List // of *waiter
	waiters       sync.Pool
}

// waiter is a transaction that found every connection at work.
type waiter struct {
	tx *Tx
	// turn brings nil when a connection is free for it, or the batch that it was
	// sent with. It holds one, so that whoever says so goes on at once.
	turn  chan *batch
	timer *time.Timer
	at    *list.Element // nil once it was chosen
}

// waiter gives one that has waited before, with its channel and timer, if there is one:
// most reads of a busy server wait for a moment.
func (q *queue) waiter(tx *Tx) *waiter {
	w, ok := q.waiters.Get().(*waiter)
	if !ok {
		w = &waiter{turn: make(chan *batch, 1), timer: time.NewTimer(time.Hour)}
	}
	w.tx = tx
	return w
}

// done ends the wait of w, which is in no queue any more and has had its turn if one was
// given to it.
func (q *queue) done(w *waiter) {
	w.timer.Stop()
	w.tx = nil
	q.waiters.Put(w)
}

func newQueue(size int) *queue {
	return &queue{size: size, free: size, enough: runtime.GOMAXPROCS(0), cores: cores{stat: "/proc/stat"}}
}

// enter returns with the right to a connection, which leave gives back, or with
// the batch in which tx is under way already.
func (q *queue) enter(ctx context.Context, tx *Tx, patience time.Duration) (*batch, error) {
	q.mu.Lock()
	held := q.free > 0 && q.brief >= q.enough && !tx.Inserts && tx.shareable()
	if q.free > 0 && !held {
		q.free--
		q.mu.Unlock()
		return nil, nil
	}
	w := q.waiter(tx)
	defer q.done(w)
	w.at = q.waiting.PushBack(w)
	q.mu.Unlock()

	until := patience
	if held {
		until = min(q.hold(), patience)
	}
	w.timer.Reset(until)
	var err error
	for err == nil {
		select {
		case b := <-w.turn:
			return b, nil
		case <-ctx.Done():
			err = ctx.Err()
		case <-w.timer.C:
			if !held {
				err = web.PoolTimeout
				continue
			}
			if q.grab(w) {
				return nil, nil
			}
			held = false
			w.timer.Reset(patience - until)
		}
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
		q.leave(false)
		return nil, err
	}
	return b, nil // its answer is on the way and must be read by someone
}

// hold is how long a read is held back.
func (q *queue) hold() time.Duration {
	if q.cores.areTaken() {
		return heldWhileTaken
	}
	return heldBack
}

// grab gives w a connection that is free, if it was not chosen meanwhile.
func (q *queue) grab(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free == 0 || w.at == nil {
		return false
	}
	q.take(w.at)
	q.free--
	return true
}

// leave gives a connection, after a brief trip or another, to who has waited longest.
func (q *queue) leave(brief bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if brief {
		q.brief--
	}
	if e := q.waiting.Front(); e != nil {
		q.take(e).turn <- nil
		return
	}
	q.free++
}

// join takes out of the queue those that may be sent behind a transaction which
// is about to go: this connection's share of all that wait, oldest first. Behind a
// brief one, the share is that of one among the brief trips.
func (q *queue) join(brief bool, fits func(*Tx) bool) (followers []*waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	among, most := q.size, maxFollowers
	if brief {
		q.brief++
		among, most = min(q.size, q.enough), maxBriefFollowers
	}
	share := min((q.waiting.Len()+among-1)/among, most)
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
