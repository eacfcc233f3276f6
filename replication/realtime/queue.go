package realtime

import (
	"context"
	"sync"
)

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
	// room is closed when what waited is taken; nil while nobody waits for that.
	room chan struct{}
}

// outcome of a put.
type outcome byte

const (
	queued outcome = iota
	full           // put has closed it
	ended          // before
)

// offer is put, but leaves a queue that is full as it is.
func (q *queue) offer(frame []byte) outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ended
	case len(q.frames) >= q.maxMessages || q.bytes > q.maxBytes:
		return full
	}
	q.add(frame)
	return queued
}

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
	q.add(frame)
	return queued
}

func (q *queue) add(frame []byte) {
	q.frames = append(q.frames, frame)
	q.bytes += len(frame)
	q.notify()
}

// close ends the queue with a frame; what waits is written before it.
func (q *queue) close(last []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.end(q.frames, last)
	}
}

// abandon ends the queue with a frame and drops what waits; false if it had ended.
func (q *queue) abandon(last []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.end(nil, last)
	return true
}

func (q *queue) end(frames [][]byte, last []byte) {
	q.closed, q.frames, q.last = true, frames, last
	q.bytes = 0
	q.makeRoom()
	q.notify()
}

func (q *queue) makeRoom() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// wait returns once less than half of what may wait does; false if the queue or ctx ends
// before.
func (q *queue) wait(ctx context.Context) bool {
	for {
		q.mu.Lock()
		if q.closed || len(q.frames) <= q.maxMessages/2 && q.bytes <= q.maxBytes/2 {
			defer q.mu.Unlock()
			return !q.closed
		}
		if q.room == nil {
			q.room = make(chan struct{})
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return false
		case <-room:
		}
	}
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
	q.makeRoom()
	return batch, q.last
}

// length is how many frames wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.frames)
}
