package password

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// busy fails the test unless err is the answer to one too many.
func busy(t *testing.T, err error) (retryAfter int) {
	t.Helper()
	var e *web.Error
	if !errors.As(err, &e) || e.Code != "hashers_busy" || e.Status != http.StatusServiceUnavailable {
		t.Fatalf("got %v", err)
	}
	retryAfter, err = strconv.Atoi(e.Header.Get("Retry-After"))
	if err != nil || retryAfter < 1 {
		t.Fatalf("Retry-After is %q", e.Header.Get("Retry-After"))
	}
	return retryAfter
}

func TestACrowdIsHashedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(Config{Memory: 64, Iterations: 1, Parallelism: 1, Hashers: 3, Queue: 100, Wait: time.Minute})
		var atOnce, most atomic.Int64
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				err := h.do(t.Context(), "test", func() {
					most.Store(max(most.Load(), atOnce.Add(1)))
					mu.Lock()
					order = append(order, i)
					mu.Unlock()
					time.Sleep(40 * time.Millisecond)
					atOnce.Add(-1)
				})
				if err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // it has a place, or waits
		}
		if waiting := h.gate.waiting.Load(); waiting != 97 {
			t.Errorf("%d wait", waiting)
		}
		all.Wait()
		if most.Load() != 3 {
			t.Errorf("%d were hashed at once", most.Load())
		}
		// Three at once may change places among themselves.
		for i, n := range order {
			if i-n > 2 || n-i > 2 {
				t.Errorf("number %d came at place %d", n, i)
			}
		}
		if waiting, taken := h.gate.waiting.Load(), len(h.gate.places); waiting != 0 || taken != 0 {
			t.Errorf("%d wait, %d places are taken", waiting, taken)
		}
	})
}

// occupy takes all places of a Hasher until the returned function is called.
func occupy(t *testing.T, h *Hasher) (release func()) {
	end := make(chan struct{})
	var all, begun sync.WaitGroup
	for range cap(h.gate.places) {
		begun.Add(1)
		all.Go(func() {
			if err := h.do(t.Context(), "test", func() { begun.Done(); <-end }); err != nil {
				t.Error(err)
			}
		})
	}
	begun.Wait()
	return func() { close(end); all.Wait() }
}

func TestOneTooManyIsToldWhenToTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(Config{Memory: 64, Iterations: 1, Parallelism: 1, Hashers: 1, Queue: 2, Wait: 10 * time.Second})
		release := occupy(t, h)
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- h.do(t.Context(), "test", func() {}) }()
		}
		synctest.Wait()
		busy(t, h.verifyNothing(t.Context(), "password"))
		if _, err := h.Hash(t.Context(), "password"); err != nil {
			busy(t, err)
		} else {
			t.Error("hashed beyond the queue")
		}
		time.Sleep(10 * time.Second) // the two have waited enough
		busy(t, <-errs)
		busy(t, <-errs)
		if n := testutil.ToFloat64(h.metrics.refused); n != 4 {
			t.Errorf("%v refusals were counted", n)
		}
		release()

		// A hash took ten seconds, so by now even one that would wait is too many, or soon.
		h.gate.average.Store(int64(8 * time.Second))
		release = occupy(t, h)
		go func() { errs <- h.do(t.Context(), "test", func() {}) }()
		synctest.Wait()
		if after := busy(t, h.verifyNothing(t.Context(), "password")); after != 10 {
			t.Errorf("Retry-After is %d", after)
		}
		release()
		if err := <-errs; err != nil {
			t.Error(err)
		}
	})
}

func TestWhoGoesAwayLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(Config{Memory: 64, Iterations: 1, Parallelism: 1, Hashers: 1, Queue: 3, Wait: time.Minute})
		release := occupy(t, h)
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		errs := make(chan error, 3)
		for _, ctx := range []context.Context{ctx, t.Context(), ctx} {
			go func() { errs <- h.do(ctx, "test", func() {}) }()
			synctest.Wait()
		}
		cancel(gone)
		synctest.Wait()
		if waiting := h.gate.waiting.Load(); waiting != 1 {
			t.Errorf("%d wait", waiting)
		}
		release()
		got := []error{<-errs, <-errs, <-errs}
		if !errors.Is(got[0], gone) || !errors.Is(got[1], gone) || got[2] != nil {
			t.Errorf("got %v", got)
		}
	})
}

func TestAHashThatPanicsGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	h := newHasher(quick)
	for range 2 * cap(h.gate.places) {
		func() {
			defer func() { _ = recover() }()
			_ = h.do(t.Context(), "test", func() { panic("planted") })
		}()
	}
	if err := h.verifyNothing(t.Context(), "password"); err != nil {
		t.Error(err)
	}
}

// Real hashes, many callers, some of whom go away: for the race detector.
func TestParallelSignInsGetTheirOwnAnswers(t *testing.T) {
	t.Parallel()
	h := newHasher(quick)
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			switch i % 3 {
			case 0:
				if ok, _, err := h.Verify(ctx, hash, "correct horse"); !ok || err != nil {
					t.Errorf("right: %t, %v", ok, err)
				}
			case 1:
				if ok, _, err := h.Verify(ctx, hash, "wrong horse"); ok || err != nil {
					t.Errorf("wrong: %t, %v", ok, err)
				}
			default:
				cancel()
				if ok, _, err := h.Verify(ctx, hash, "wrong horse"); ok || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("gone: %t, %v", ok, err)
				}
			}
		})
	}
	all.Wait()
}
