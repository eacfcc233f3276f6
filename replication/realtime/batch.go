package realtime

import (
	"context"
	"sync"
	"time"
)

// batcher collects work for the database: while one batch is on its way the next
// collects, and calls are at least batchEvery apart, so that the database is asked
// as often as that however many clients ask us.
type batcher[T any] struct {
	// do works on a batch and gives what has to be tried again. It is called by one
	// goroutine.
	do func(context.Context, []T) (again []T)

	mu    sync.Mutex
	items []T
	wake  chan struct{}
}

const (
	batchEvery   = time.Millisecond
	batchItems   = 100
	batchTimeout = 5 * time.Second
	retryFirst   = 50 * time.Millisecond
	retryLast    = time.Second
)

func newBatcher[T any](do func(context.Context, []T) []T) *batcher[T] {
	return &batcher[T]{do: do, wake: make(chan struct{}, 1)}
}

func (b *batcher[T]) add(items ...T) {
	if len(items) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, items...)
	select {
	case b.wake <- struct{}{}:
	default: // it comes anyway
	}
}

func (b *batcher[T]) take() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.items), batchItems)
	batch := b.items[:n:n]
	b.items = b.items[n:]
	return batch
}

// run works until ctx ends, and then once on what is left.
func (b *batcher[T]) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-b.wake:
		}
		b.flush(ctx)
	}
}

// flush works on all that waits. What fails is tried again, later and later, until
// ctx ends.
func (b *batcher[T]) flush(ctx context.Context) {
	pause := retryFirst
	for {
		batch := b.take()
		if len(batch) == 0 {
			return
		}
		begun := time.Now()
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
		again := b.do(call, batch)
		cancel()
		wait := batchEvery - time.Since(begun)
		if len(again) > 0 {
			if ctx.Err() != nil {
				return
			}
			b.add(again...)
			wait, pause = pause, min(2*pause, retryLast)
		} else {
			pause = retryFirst
		}
		if wait > 0 {
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
			}
		}
	}
}
