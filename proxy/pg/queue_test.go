package pg

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// busy is a queue of four connections, two of which are on brief trips, as many as there
// are cores to fill.
func busy(t *testing.T) *queue {
	t.Helper()
	q := newQueue(4)
	q.enough, q.cores.stat = 2, ""
	for range 2 {
		if b, err := q.enter(t.Context(), read(), time.Second); b != nil || err != nil {
			t.Fatalf("got %v, %v", b, err)
		}
		q.join(true, all)
	}
	return q
}

func read() *Tx { return &Tx{Mode: ReadOnly, Main: Statement{SQL: "select 1"}} }

func all(*Tx) bool { return true }

func TestReadsWaitForABriefTripAndGoAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := busy(t)
		start := time.Now()
		var led, followed atomic.Int32
		for range 5 {
			go func() {
				switch b, err := q.enter(t.Context(), read(), time.Second); {
				case err != nil:
					t.Error(err)
				case b != nil:
					followed.Add(1)
				default:
					led.Add(1)
				}
			}()
		}
		synctest.Wait()
		if q.length() != 5 || q.free != 2 {
			t.Fatalf("%d wait and %d connections are free, want 5 and 2", q.length(), q.free)
		}
		q.leave(true) // to the first of them, who takes along half of the others
		b := &batch{}
		for _, w := range q.join(true, all) {
			w.turn <- b
		}
		synctest.Wait()
		if led.Load() != 1 || followed.Load() != 2 || time.Since(start) != 0 {
			t.Errorf("%d led and %d followed after %v, want 1 and 2 at once", led.Load(), followed.Load(), time.Since(start))
		}
		time.Sleep(heldBack)
		synctest.Wait()
		if led.Load() != 3 || q.free != 0 || q.length() != 0 {
			t.Errorf("%d led, %d are free, %d wait: the others did not take what is free", led.Load(), q.free, q.length())
		}
	})
}

func TestOnlyReadsThatMayGoAlongAreHeldBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := busy(t)
		start := time.Now()
		for _, tx := range []*Tx{{Main: Statement{SQL: "delete from t"}}, {Main: Statement{SQL: "insert"}, Inserts: true}, {Mode: ReadOnly}} {
			if b, err := q.enter(t.Context(), tx, time.Second); b != nil || err != nil || time.Since(start) != 0 {
				t.Errorf("%+v: got %v, %v after %v", tx, b, err, time.Since(start))
			}
			q.leave(false)
		}
		q.leave(true) // now one brief trip is left, which does not fill the cores
		if b, err := q.enter(t.Context(), read(), time.Second); b != nil || err != nil || time.Since(start) != 0 {
			t.Errorf("got %v, %v after %v", b, err, time.Since(start))
		}
	})
}

// Held back or not, nobody waits longer than they would, and who leaves takes nothing along.
func TestHeldBackIsPartOfTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := busy(t)
		ctx, giveUp := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := q.enter(ctx, read(), time.Second)
			gone <- err
		}()
		synctest.Wait()
		giveUp()
		if err := <-gone; !errors.Is(err, context.Canceled) || q.length() != 0 {
			t.Errorf("got %v, and %d wait", err, q.length())
		}

		start := time.Now()
		late := make(chan error)
		for range 2 { // hold the free ones
			go func() {
				_, err := q.enter(t.Context(), &Tx{}, time.Second)
				late <- err
			}()
		}
		go func() {
			_, err := q.enter(t.Context(), read(), 3*heldBack)
			late <- err
		}()
		for range 2 {
			if err := <-late; err != nil {
				t.Error(err)
			}
		}
		if err := <-late; !errors.Is(err, web.PoolTimeout) || time.Since(start) != 3*heldBack {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

// While no core is idle a read waits on for a brief trip, although a connection is free.
func TestReadsAreHeldLongerWhileCoresAreTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := busy(t)
		q.cores.looked, q.cores.taken = time.Now(), true
		start := time.Now()
		if b, err := q.enter(t.Context(), read(), time.Second); b != nil || err != nil || time.Since(start) != heldWhileTaken {
			t.Errorf("got %v, %v after %v, want a connection after %v", b, err, time.Since(start), heldWhileTaken)
		}
		start = time.Now()
		if _, err := q.enter(t.Context(), read(), heldWhileTaken/2); err != nil || time.Since(start) != heldWhileTaken/2 {
			t.Errorf("got %v after %v, want what is free when the patience ends", err, time.Since(start))
		}
	})
}

// However many come and go at once, no connection is lost, none is given twice, and all
// who wait are served.
func TestQueueLosesNoConnection(t *testing.T) {
	t.Parallel()
	const size, callers, rounds = 4, 32, 500
	q := newQueue(size)
	q.enough = 2
	var out atomic.Int32
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for round := range rounds {
				tx, isBrief := read(), (i+round)%3 > 0
				if i%4 == 0 {
					tx.Mode = ReadWrite
				}
				b, err := q.enter(t.Context(), tx, time.Minute)
				switch {
				case err != nil:
					t.Error(err)
				case b == nil:
					if n := out.Add(1); n > size {
						t.Errorf("%d connections are out at once", n)
					}
					if isBrief {
						b := &batch{}
						for _, w := range q.join(true, all) {
							w.turn <- b
						}
					}
					out.Add(-1)
					q.leave(isBrief)
				}
			}
		})
	}
	wg.Wait()
	if q.free != size || q.brief != 0 || q.length() != 0 {
		t.Errorf("%d are free, %d on brief trips, %d wait", q.free, q.brief, q.length())
	}
}

// What a statement takes is the least of late: longer times count little at first.
func TestWhatAStatementTakes(t *testing.T) {
	t.Parallel()
	s := newSession(nil, &Config{PreparedStatements: true, StatementCache: 8}, new(statementStats))
	tx := read()
	st := &stmt{key: tx.key(&tx.Main)}
	s.keep(st)
	for _, tt := range []struct{ took, of time.Duration }{
		{100, 100}, {900, 300}, {300, 300}, {700, 400}, {50, 50}, {60_000_000, 15_000_037},
	} {
		if s.took(tx, tt.took); st.took != tt.of {
			t.Errorf("after %d it is %d, want %d", tt.took, st.took, tt.of)
		}
	}
	s.took(&Tx{Main: Statement{SQL: "select 2"}}, 1) // nothing is kept of what has no name
	if len(s.named) != 1 {
		t.Errorf("%d are kept", len(s.named))
	}
}

// Who would wait in any case may wait for longer statements.
func TestMoreIsBriefWhileConnectionsAreShort(t *testing.T) {
	t.Parallel()
	db := &DB{queue: newQueue(4)}
	for _, tc := range []struct {
		underWay int64
		want     time.Duration
	}{{1, brief}, {4, brief}, {5, heldBack}, {32, heldBack}} {
		db.underWay.Store(tc.underWay)
		if got := db.brief(); got != tc.want {
			t.Errorf("%d under way on 4 connections: below %v, want %v", tc.underWay, got, tc.want)
		}
	}
}
