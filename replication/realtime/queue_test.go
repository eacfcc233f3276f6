package realtime

import (
	"bytes"
	"sync"
	"testing"
	"time"
)

func newQueue(messages, size int) *queue {
	return &queue{maxMessages: messages, maxBytes: size, wake: make(chan struct{}, 1)}
}

func TestAQueueIsBoundedByCountAndBytes(t *testing.T) {
	t.Parallel()
	fill := func(q *queue, frame []byte) (n int) {
		for q.put(frame) == queued {
			n++
		}
		return n
	}
	if got := fill(newQueue(10, 1000), []byte("x")); got != 10 {
		t.Errorf("%d messages fit, want 10", got)
	}
	if got := fill(newQueue(10, 1000), make([]byte, 500)); got != 3 {
		t.Errorf("%d messages of 500 bytes fit into 1000, want 3: the third begins within", got)
	}
	if got := fill(newQueue(10, 1000), make([]byte, 5000)); got != 1 {
		t.Errorf("%d large messages fit, want one", got)
	}
}

func TestWhatWasTakenMakesRoom(t *testing.T) {
	t.Parallel()
	q := newQueue(10, 1000)
	q.put(make([]byte, 1001))
	if batch, _ := q.take(nil); len(batch) != 1 {
		t.Fatalf("took %d frames", len(batch))
	}
	if got := q.put([]byte("x")); got != queued {
		t.Errorf("put is %d when all was taken", got)
	}
}

func TestAFullQueueKeepsTheCloseFrameOnly(t *testing.T) {
	t.Parallel()
	q := newQueue(1, 1000)
	q.put([]byte("a"))
	q.put([]byte("b"))
	batch, last := q.take(nil)
	if len(batch) != 0 || !bytes.Equal(last, closeFrame(closePolicy, "too slow")) {
		t.Errorf("left are %q and %q", batch, last)
	}
	if got := q.put([]byte("c")); got != ended {
		t.Errorf("put is %d after the end", got)
	}
}

func TestWhatWaitsIsWrittenBeforeTheEnd(t *testing.T) {
	t.Parallel()
	q := newQueue(10, 1000)
	q.put([]byte("a"))
	q.close([]byte("first"))
	q.close([]byte("second"))
	batch, last := q.take(nil)
	if len(batch) != 1 || string(last) != "first" {
		t.Errorf("left are %q and %q", batch, last)
	}
}

func TestNothingIsLostBetweenPutAndTake(t *testing.T) {
	t.Parallel()
	const writers, each = 8, 1000
	q := newQueue(writers*each, writers*each)
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for range each {
				q.put([]byte("x"))
			}
		})
	}
	go func() {
		writing.Wait()
		q.close([]byte("end"))
	}()
	got := 0
	var batch [][]byte
	for last := []byte(nil); last == nil; {
		<-q.wake
		batch, last = q.take(batch)
		got += len(batch)
	}
	if got != writers*each {
		t.Errorf("%d of %d came", got, writers*each)
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
