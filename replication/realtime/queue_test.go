package realtime

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

func newQueue(l limits) (q *queue, woken chan struct{}) {
	woken = make(chan struct{}, 1000)
	return &queue{limits: &l, wake: func() { woken <- struct{}{} }}, woken
}

// takes offers one frame.
func (q *queue) takes(f frame) bool {
	n, _ := q.offer(alone(f))
	return n == 1
}

func fill(q *queue, data []byte) (n int) {
	for q.takes(frame{data: data}) {
		n++
	}
	return n
}

// written takes all that waits, as a client would that reads at once.
func written(q *queue) string {
	var all []byte
	for {
		pieces := q.take(chunk, nil)
		if len(pieces) == 0 {
			return string(all)
		}
		data := bytes.Join(pieces, nil)
		all = append(all, data...)
		if q.wrote(len(data), func(time.Time) {}) {
			return string(all)
		}
	}
}

var roomy = limits{maxMessages: 1000, maxBytes: 1 << 20, slowMessages: 1000, slowBytes: 1 << 20}

func TestAQueueIsBoundedByCountAndBytes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ size, want int }{
		{1, 11},   // ten beside the first
		{500, 4},  // the third beside the first begins within 1000 bytes
		{5000, 2}, // one large one
	} {
		q, _ := newQueue(limits{maxMessages: 10, maxBytes: 1000, slowMessages: 100, slowBytes: 1 << 20})
		if got := fill(q, make([]byte, tt.size)); got != tt.want {
			t.Errorf("%d messages of %d bytes fit, want %d", got, tt.size, tt.want)
		}
		if got := len(written(q)); got != tt.want*tt.size {
			t.Errorf("%d bytes are written, want %d", got, tt.want*tt.size)
		}
		if got := fill(q, make([]byte, tt.size)); got != tt.want {
			t.Errorf("%d messages fit after all was written, want %d", got, tt.want)
		}
	}
}

// However writes are cut, what comes out is whole frames, and what was dropped is not
// begun.
func TestAnAbandonedQueueEndsAtAFrame(t *testing.T) {
	t.Parallel()
	for cut := range 11 {
		for _, whileTaken := range []bool{false, true} {
			q, _ := newQueue(roomy)
			for _, s := range []string{"aaaa", "bbbb", "cccc"} {
				q.takes(frame{data: []byte(s)})
			}
			got := bytes.Join(q.take(9, nil), nil)[:min(cut, 8)]
			if whileTaken {
				q.abandon([]byte("end"), time.Now())
			}
			q.wrote(len(got), func(time.Time) {})
			if !whileTaken {
				q.abandon([]byte("end"), time.Now())
			}
			all := string(got) + written(q)
			frames, ok := strings.CutSuffix(all, "end")
			if !ok || !strings.HasPrefix("aaaabbbbcccc", frames) || len(frames)%4 != 0 {
				t.Errorf("after %d bytes, %v: %q is written", cut, whileTaken, all)
			}
			if n, ended := q.offer(alone(frame{data: []byte("d")})); n > 0 || !ended {
				t.Errorf("%d frames are taken after the end", n)
			}
		}
	}
}

func TestWhatWaitsIsWrittenBeforeTheEnd(t *testing.T) {
	t.Parallel()
	q, _ := newQueue(roomy)
	q.takes(frame{data: []byte("a")})
	q.close([]byte("first"), time.Now())
	q.close([]byte("second"), time.Now())
	if got := written(q); got != "afirst" {
		t.Errorf("%q is written", got)
	}
}

// One who falls behind and catches up is as good as new.
func TestOnlyWhoStaysSlowIsLate(t *testing.T) {
	t.Parallel()
	const patience = time.Minute
	q, _ := newQueue(limits{maxMessages: 1000, maxBytes: 1000, slowMessages: 3, slowBytes: 1000, slowTimeout: patience})
	var bound time.Time
	q.block(func(at time.Time) error { bound = at; return nil })
	late := func() bool { return q.isLate(time.Now().Add(2 * patience)) }
	some := frame{data: []byte("x")}
	q.takes(some)
	q.takes(some)
	if late() || !bound.IsZero() {
		t.Error("late with two messages")
	}
	q.takes(some)
	if q.isLate(time.Now()) || !late() || time.Until(bound) > patience {
		t.Errorf("three messages wait, and the next write may take until %v", bound)
	}
	q.take(1, nil)
	q.wrote(1, func(time.Time) {})
	if late() || !bound.IsZero() {
		t.Error("late after one was read")
	}
	q.takes(frame{data: make([]byte, 1000)})
	if !late() {
		t.Error("not late with many bytes")
	}
	written(q)
	if late() || !bound.IsZero() {
		t.Error("late after all was read")
	}
	q.takes(some)
	end := time.Now().Add(time.Hour)
	q.close([]byte("end"), end)
	if late() || !bound.Equal(end) || !q.isLate(end) {
		t.Errorf("the last frame may take until %v, not %v", bound, end)
	}
}

func TestNobodyIsForgottenBetweenOfferAndTake(t *testing.T) {
	t.Parallel()
	const writers, each = 8, 1000
	q, woken := newQueue(limits{maxMessages: writers * each, maxBytes: 1 << 20, slowMessages: 100, slowBytes: 1 << 20})
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for range each {
				q.takes(frame{data: []byte("x")})
			}
		})
	}
	go func() {
		writing.Wait()
		q.close([]byte("end"), time.Now())
	}()
	var got string
	for !strings.HasSuffix(got, "end") {
		<-woken
		got += written(q)
	}
	if want := strings.Repeat("x", writers*each) + "end"; got != want {
		t.Errorf("%d bytes came, want %d", len(got), len(want))
	}
}

func TestABucketAllowsItsRate(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	b := newBucket(10, now)
	allowed := func() (n int) {
		for b.take(now) {
			n++
		}
		return n
	}
	if got := allowed(); got != 10 {
		t.Errorf("%d at once, want 10", got)
	}
	now = now.Add(500 * time.Millisecond)
	if got := allowed(); got != 5 {
		t.Errorf("%d after half a second, want 5", got)
	}
	now = now.Add(time.Hour)
	if got := allowed(); got != 10 {
		t.Errorf("%d after an hour, want 10", got)
	}
}
