package web

import (
	"net/http"
	"testing"
	"time"
)

// taker notes until when each part has to be taken.
type taker struct {
	http.ResponseWriter
	until time.Time
	left  []time.Duration
	sizes []int
}

func (t *taker) WriteHeader(int) {}
func (t *taker) Write(b []byte) (int, error) {
	t.left = append(t.left, time.Until(t.until))
	t.sizes = append(t.sizes, len(b))
	return len(b), nil
}

func (t *taker) SetWriteDeadline(at time.Time) error {
	t.until = at
	return nil
}

// A long answer has time for each of its parts, so that somebody who reads slowly gets
// all of it; what the kernel buffers in any case needs none.
func TestEachPartOfALongAnswerHasItsTime(t *testing.T) {
	t.Parallel()
	to := new(taker)
	w := &Response{ResponseWriter: to, Patience: time.Hour}
	if n, err := w.Write(make([]byte, freeBytes)); n != freeBytes || err != nil || !to.until.IsZero() {
		t.Errorf("a short answer: %d, %v, until %v", n, err, to.until)
	}
	const long = 3*writePart + 1
	if n, err := w.Write(make([]byte, long)); n != long || err != nil || w.Bytes() != freeBytes+long {
		t.Errorf("a long answer: %d, %v, %d in all", n, err, w.Bytes())
	}
	if len(to.sizes) != 5 || to.sizes[4] != 1 {
		t.Fatalf("the parts: %v", to.sizes)
	}
	for i, left := range to.left[1:] {
		if left <= time.Hour-time.Minute || left > time.Hour {
			t.Errorf("part %d has %v", i, left)
		}
	}
	w.Finish()
	if !to.until.IsZero() {
		t.Error("the next request has the deadline of this one")
	}
}
