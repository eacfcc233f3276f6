package realtime

import (
	"context"
	"slices"
	"sync"
	"time"
)

// queue holds what is to be written to one client, and says whose turn it is: nobody
// writes while it is idle, and one at a time does else.
type queue struct {
	limits *limits
	// wake has somebody write. It is called when there is something and nobody is about
	// to.
	wake func()

	mu     sync.Mutex
	frames []frame
	// sent is how many bytes of the first frame are written, taken how many frames are
	// being written now.
	sent, taken int
	bytes       int // of frames, without sent
	// closed says that the last frame ends the connection; end is until when it must be
	// written.
	closed bool
	end    time.Time
	busy   bool
	// slow is since when too much waits; zero while it doesn't.
	slow time.Time
	// deadline bounds a write that waits for the client; nil while none does.
	deadline func(time.Time) error
	// room is closed when the client has read; nil while nobody waits for that.
	room chan struct{}
}

// limits are what may wait for a client.
type limits struct {
	// maxMessages and maxBytes may never be exceeded beside the first message, which may
	// be being written.
	maxMessages, maxBytes int
	// Who has slowMessages or slowBytes waiting for slowTimeout is too slow.
	slowMessages, slowBytes int
	slowTimeout             time.Duration
}

// frame is what is written whole or not at all.
type frame struct {
	data []byte
	// committed is when what it tells was committed; zero for what nobody has.
	committed time.Time
}

// offer adds the first of some frames, as long as there is room, and returns how many. It
// takes none once the queue has ended.
func (q *queue) offer(list []waiting) (n int, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.frames = slices.Grow(q.frames, min(len(list), q.limits.maxMessages))
	for n < len(list) && !q.closed && !q.isFull() {
		q.add(list[n].frame)
		n++
	}
	if n > 0 && q.slow.IsZero() && q.isSlow() {
		q.slow = time.Now()
		q.bound()
	}
	return n, q.closed
}

func (q *queue) isFull() bool {
	return len(q.frames) > q.limits.maxMessages || len(q.frames) > 0 && q.bytes-q.first() > q.limits.maxBytes
}

// fill adds the first of some frames as long as wait would not, and returns how many.
func (q *queue) fill(list []waiting) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n < len(list) && !q.closed && q.isShort() {
		q.add(list[n].frame)
		n++
	}
	return n
}

// isShort tells whether half of what makes a client slow may be added.
func (q *queue) isShort() bool {
	return len(q.frames) <= q.limits.slowMessages/2 && q.bytes <= q.limits.slowBytes/2
}

// wait returns once half of what makes a client slow may be added; false if the queue or
// ctx ends before. A client that does not read ends its queue.
func (q *queue) wait(ctx context.Context) bool {
	for {
		q.mu.Lock()
		if q.closed || q.isShort() {
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

func (q *queue) makeRoom() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// first is how much of the first frame is left.
func (q *queue) first() int { return len(q.frames[0].data) - q.sent }

func (q *queue) isSlow() bool {
	return len(q.frames) >= q.limits.slowMessages || q.bytes >= q.limits.slowBytes
}

func (q *queue) add(f frame) {
	q.frames = append(q.frames, f)
	q.bytes += len(f.data)
	if !q.busy {
		q.busy = true
		q.wake()
	}
}

// close ends the queue with a frame, after what waits. All must be written by end.
func (q *queue) close(last []byte, end time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.finish(last, end)
	}
}

// abandon ends the queue with a frame in place of what waits; false if it had ended.
func (q *queue) abandon(last []byte, end time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	keep := q.taken
	if q.sent > 0 {
		keep = max(keep, 1) // a frame that is begun must be written whole
	}
	for _, f := range q.frames[keep:] {
		q.bytes -= len(f.data)
	}
	clear(q.frames[keep:])
	q.frames = q.frames[:keep]
	q.finish(last, end)
	return true
}

func (q *queue) finish(last []byte, end time.Time) {
	q.closed, q.end = true, end
	q.makeRoom()
	q.add(frame{data: last})
	q.bound()
}

// bound tells a write that waits until when it may.
func (q *queue) bound() {
	if q.deadline == nil {
		return
	}
	var end time.Time
	switch {
	case q.closed:
		end = q.end
	case !q.slow.IsZero():
		end = q.slow.Add(q.limits.slowTimeout)
	}
	_ = q.deadline(end) // fails for what is closed, and then the write does too
}

// take gives what is to be written next, at most size bytes of it. If that is nothing
// the queue is idle.
func (q *queue) take(size int, pieces [][]byte) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	skip := q.sent
	q.taken = 0
	for _, f := range q.frames {
		piece := f.data[skip:]
		skip = 0
		if q.taken > 0 && len(piece) > size {
			break
		}
		pieces = append(pieces, piece[:min(len(piece), size)])
		size -= min(len(piece), size)
		q.taken++
	}
	if q.taken == 0 {
		q.busy = false
	}
	return pieces
}

// wrote says how many bytes of what was taken are written, and calls told for each commit
// of which frames are done. It tells whether the connection is to end now.
func (q *queue) wrote(n int, told func(committed time.Time)) (over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= n
	n += q.sent
	done := 0
	for done < len(q.frames) && n >= len(q.frames[done].data) {
		n -= len(q.frames[done].data)
		if at := q.frames[done].committed; !at.IsZero() && (done == 0 || at != q.frames[done-1].committed) {
			told(at)
		}
		done++
	}
	q.sent, q.taken = n, 0
	q.makeRoom()
	rest := copy(q.frames, q.frames[done:])
	clear(q.frames[rest:])
	q.frames = q.frames[:rest]
	if rest == 0 && cap(q.frames) > keptFrames {
		q.frames = nil
	}
	if !q.slow.IsZero() && !q.isSlow() {
		q.slow = time.Time{}
		q.bound()
	}
	return q.closed && rest == 0
}

// keptFrames is for how many frames an idle queue keeps memory.
const keptFrames = 4

// block says that the next writes wait for the client, within what bound sets; nil, that
// they don't any more.
func (q *queue) block(deadline func(time.Time) error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deadline = deadline
	q.bound()
}

// isLate tells, when a write ran out of time, whether the client did: it may have read
// meanwhile, or be closing now with more time.
func (q *queue) isLate(now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return !now.Before(q.end)
	}
	return !q.slow.IsZero() && !now.Before(q.slow.Add(q.limits.slowTimeout))
}

// drop ends the queue without a word.
func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.busy = true, true
	q.makeRoom()
	q.frames, q.sent, q.taken, q.bytes = nil, 0, 0, 0
}

// length is how many frames wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.frames)
}
