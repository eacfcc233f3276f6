package realtime

import "sync"

// queue holds what waits to be written to one client.
type queue struct {
	maxMessages, maxBytes int

	mu     sync.Mutex
	frames [][]byte
	bytes  int
	// last is written after the frames; then the connection is closed.
	last   []byte
	closed bool
	wake   chan struct{} // has room for one
}

// outcome of a put.
type outcome byte

const (
	queued outcome = iota
	full           // now closed
	ended          // before
)

// put adds a frame. A client for which too much waits already is given up: nothing
// that waits is of use when it can't read it, and so only the close frame is kept.
func (q *queue) put(frame []byte) outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ended
	case len(q.frames) >= q.maxMessages || q.bytes > q.maxBytes:
		q.end(nil, closeFrame(closePolicy, "too slow"))
		return full
	}
	q.frames = append(q.frames, frame)
	q.bytes += len(frame)
	q.notify()
	return queued
}

// close ends the queue with a frame; what waits is written before it.
func (q *queue) close(last []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.end(q.frames, last)
	}
}

func (q *queue) end(frames [][]byte, last []byte) {
	q.closed, q.frames, q.last = true, frames, last
	q.bytes = 0
	q.notify()
}

func (q *queue) notify() {
	select {
	case q.wake <- struct{}{}:
	default: // whoever wakes sees this too
	}
}

// take returns all that waits, in exchange for the memory of the last batch, which was
// written. When it is the end, last is not nil.
func (q *queue) take(written [][]byte) (batch [][]byte, last []byte) {
	clear(written) // frames must not live on in it
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, q.frames, q.bytes = q.frames, written[:0], 0
	return batch, q.last
}

// length is how many frames wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.frames)
}
