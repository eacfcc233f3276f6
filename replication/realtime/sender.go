package realtime

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// sender sends broadcasts to all processes, this one among them, through the log of
// the database. While a batch is on its way the next one collects, so that a message
// waits for no clock and many cost one commit; one batch at a time keeps the order.
type sender struct {
	db *pg.DB

	mu    sync.Mutex
	items []item
	bytes int
	ended bool
	wake  chan struct{}
}

type item struct {
	*broadcast
	done func(error)
}

const (
	maxBatch = 1000
	// maxWaiting is how many bytes may wait while the database is slow or away.
	maxWaiting  = 32 << 20
	sendTimeout = 5 * time.Second
)

func newSender(db *pg.DB) *sender { return &sender{db: db, wake: make(chan struct{}, 1)} }

var errBusy = web.New("too_many_requests", "too many broadcasts wait for the database; try again")

// send queues a broadcast. done is called when it is committed, or with the reason
// why it is not.
func (s *sender) send(b *broadcast, done func(error)) error {
	size := len(b.Payload) + len(b.Topic) + len(b.Event)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return web.ShuttingDown
	case s.bytes+size > maxWaiting:
		return errBusy
	}
	s.items = append(s.items, item{b, done})
	s.bytes += size
	select {
	case s.wake <- struct{}{}:
	default: // it comes anyway
	}
	return nil
}

// run sends until ctx ends, and then what waits.
func (s *sender) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.wake:
		}
		s.flush(ctx)
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.flush(ctx)
}

// flush sends all that waits.
func (s *sender) flush(ctx context.Context) {
	for {
		batch := s.take()
		if len(batch) == 0 {
			return
		}
		err := s.emit(context.WithoutCancel(ctx), batch)
		for i := range batch {
			batch[i].done(err)
		}
	}
}

func (s *sender) take() []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.items), maxBatch)
	batch := s.items[:n:n]
	s.items = s.items[n:]
	for i := range batch {
		s.bytes -= len(batch[i].Payload) + len(batch[i].Topic) + len(batch[i].Event)
	}
	return batch
}

func (s *sender) emit(ctx context.Context, batch []item) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	list := make([]*broadcast, len(batch))
	for i := range batch {
		list[i] = batch[i].broadcast
	}
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	res, err := s.db.Do(ctx, &pg.Tx{Main: pg.Statement{SQL: `select realtime.emit_broadcasts($1)`, Args: [][]byte{data}}})
	res.Free()
	return err
}

// newID draws an id that no other channel of any process has.
func newID() string { return rand.Text() }
