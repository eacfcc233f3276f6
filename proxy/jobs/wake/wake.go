// Package wake tells those who wait for jobs that there may be some. It hears of it from
// messages in the log of the database (jobs.wake), which anybody may write: they are hints
// and no more, so however many come, each lane wakes somebody once in a few milliseconds.
package wake

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

// pause is between two wakes of a lane, loadPause between two looks at the lanes.
const (
	pause     = 5 * time.Millisecond
	loadPause = time.Second
)

// maxHints bounds what is kept of a flood of them.
const maxHints = 1000

// HandlersChanged is the hint that says so.
const HandlersChanged = "handlers"

// Waker knows who waits for what.
type Waker struct {
	db     *pg.DB
	log    *slog.Logger
	hinted chan struct{}

	mu       sync.Mutex
	lanes    map[int]lane
	loaded   time.Time
	hints    map[int]struct{}
	everyone bool // there were too many hints to keep
	waiting  []*Waiter
	changed  func()
}

// lane is a row of jobs.lanes.
type lane struct{ namespace, queue string }

// Waiter is one who waits.
type Waiter struct {
	// C has a value when there may be jobs: the queue, if that is known.
	C         chan string
	waker     *Waker
	namespace string
	wants     func(queue string) bool
}

// New makes a Waker that works while Run does. db is a login that may become service_role.
func New(db *pg.DB, log *slog.Logger) *Waker {
	return &Waker{db: db, log: log, hinted: make(chan struct{}, 1), lanes: map[int]lane{}, hints: map[int]struct{}{}}
}

// OnChange has do called when the handlers may have changed. It must not wait for anything.
func (w *Waker) OnChange(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = do
}

// Join begins to wait for jobs of the queues that are wanted; Leave ends it.
func (w *Waker) Join(namespace string, wants func(queue string) bool) *Waiter {
	one := &Waiter{C: make(chan string, 1), waker: w, namespace: namespace, wants: wants}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting, one)
	return one
}

// Leave ends the wait. A wake that was not taken goes to another.
func (one *Waiter) Leave() {
	w := one.waker
	w.mu.Lock()
	w.waiting = slices.DeleteFunc(w.waiting, func(other *Waiter) bool { return other == one })
	w.mu.Unlock()
	select {
	case queue := <-one.C:
		one.Pass(queue)
	default:
	}
}

// Pass wakes another who waits for jobs of a queue: whoever was given as many as it wanted
// leaves more to that one.
func (one *Waiter) Pass(queue string) {
	one.waker.mu.Lock()
	defer one.waker.mu.Unlock()
	one.waker.wakeOne(lane{one.namespace, queue}, one)
}

// wake tells whether it was asleep.
func (one *Waiter) wake(queue string) bool {
	select {
	case one.C <- queue:
		return true
	default:
		return false
	}
}

// Hint takes the content of a message; nil is anything. It never waits.
func (w *Waker) Hint(content []byte) {
	if string(content) == HandlersChanged {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		if changed != nil {
			changed()
		}
		return
	}
	id, err := strconv.Atoi(string(content))
	if content != nil && err != nil {
		return
	}
	w.mu.Lock()
	if content == nil || len(w.hints) >= maxHints {
		w.everyone = true
	} else {
		w.hints[id] = struct{}{}
	}
	w.mu.Unlock()
	select {
	case w.hinted <- struct{}{}:
	default:
	}
}

// Run works until ctx ends.
func (w *Waker) Run(ctx context.Context) {
	for {
		var again <-chan time.Time
		if left := w.tell(ctx); left > 0 {
			again = time.After(left)
		}
		select {
		case <-ctx.Done():
			return
		case <-w.hinted:
		case <-again:
		}
		if !wait.For(ctx, pause) {
			return
		}
	}
}

// tell wakes one who waits for each lane that was hinted at. Where some are not known it
// returns when to look for them.
func (w *Waker) tell(ctx context.Context) (again time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.everyone = false
		clear(w.hints)
		return 0
	}
	if unknown := w.unknown(); unknown {
		if again = loadPause - time.Since(w.loaded); again <= 0 {
			w.loaded = time.Now()
			w.mu.Unlock()
			lanes, err := w.load(ctx)
			w.mu.Lock()
			if err != nil {
				w.log.Warn("new queues of jobs can't be told; those who wait for them find them a little later", "error", err)
			} else {
				w.lanes = lanes
			}
			// One that is new may not be seen yet.
			again, w.everyone = 0, w.everyone || w.unknown()
		}
	}
	for id := range w.hints {
		l, known := w.lanes[id]
		if known || again <= 0 {
			delete(w.hints, id)
		}
		if known && !w.everyone {
			w.wakeOne(l, nil)
		}
	}
	if w.everyone {
		w.everyone = false
		for _, one := range w.waiting {
			one.wake("")
		}
	}
	return again
}

// unknown tells whether there is a hint at a lane that is not known.
func (w *Waker) unknown() bool {
	for id := range w.hints {
		if _, ok := w.lanes[id]; !ok {
			return true
		}
	}
	return false
}

// wakeOne wakes one who waits for a lane, but not who is; the next time it is another's turn.
func (w *Waker) wakeOne(l lane, who *Waiter) {
	for i, one := range w.waiting {
		if one != who && one.namespace == l.namespace && one.wants(l.queue) && one.wake(l.queue) {
			w.waiting = append(slices.Delete(w.waiting, i, i+1), one)
			return
		}
	}
}

// load reads the lanes.
func (w *Waker) load(ctx context.Context) (map[int]lane, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	res, err := w.db.Do(ctx, &pg.Tx{
		Caller: pg.Caller{Role: "service_role"}, Mode: pg.ReadOnly,
		Main: pg.Statement{SQL: `select coalesce(json_agg(l), '[]')::text from jobs.lanes as l`},
	})
	if err != nil {
		return nil, err
	}
	defer res.Free()
	var rows []struct {
		ID               int
		Namespace, Queue string
	}
	if err := json.Unmarshal(res.Values[0], &rows); err != nil {
		return nil, fmt.Errorf("read the lanes: %w", err)
	}
	lanes := make(map[int]lane, len(rows))
	for _, r := range rows {
		lanes[r.ID] = lane{r.Namespace, r.Queue}
	}
	return lanes, nil
}
