package realtime

import "sync"

// flow takes what one reader of the stream has for a channel. While the channel is told
// of what it has missed, what comes new waits here; so nothing is told twice or out of
// order.
type flow struct {
	mu    sync.Mutex
	state flowState
	// after is where what comes live begins; what stands before it is told from the ring.
	after place
	// last is the place of what was queued last; zero if nothing was.
	last place
	// held waits, up to heldAt.
	held   []frame
	heldAt place
	bytes  int
}

type flowState byte

const (
	live flowState = iota
	held
	// lost is where more came than may wait: the ring has it.
	lost
)

// hold has what comes after the place of a reader wait, and returns that place: up to
// there the caller tells the channel from the ring. since is from where on.
func (f *flow) hold(reader *cursor, since place) (to place) {
	reader.mu.Lock()
	defer reader.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.held, f.bytes = held, nil, 0
	f.after = reader.at
	// A place that another process gave out may be ahead of us.
	if reader.at == (place{}) || since.isAhead(reader.at) {
		f.after = since
	}
	return f.after
}

// takes tells whether what comes live at a place is for the channel.
func (f *flow) takes(at place) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return at.isAfter(f.after)
}

// put takes frames that came live, and returns how many. If it is not all of them the
// client has too much to read: then the ring has to be read, from before the next one on.
func (f *flow) put(c *client, list []waiting) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n < len(list) {
		switch told := &list[n]; {
		case !told.at.isAfter(f.after): // told from the ring
			n++
		case f.state == live:
			taken := c.offer(list[n:])
			if n += taken; taken > 0 {
				f.last = list[n-1].at
			}
			if n < len(list) {
				f.state = lost
				return n
			}
		case f.state == held && f.bytes <= c.out.limits.slowBytes/2 && len(f.held) < c.out.limits.slowMessages/2:
			f.heldAt = told.at
			f.held = append(f.held, told.frame)
			f.bytes += len(told.data)
			n++
		default:
			f.state, f.held = lost, nil
			return len(list)
		}
	}
	return n
}

// tell queues frames from the ring, one at least, as long as they make nobody wait, and
// returns how many.
func (f *flow) tell(c *client, list []waiting) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := c.out.fill(list)
	if n == 0 { // it has ended, or something came meanwhile for which there was no room
		c.tell(list[0].frame)
		n = 1
	} else {
		c.hub.metrics.sent.Add(float64(n))
	}
	f.last = list[n-1].at
	return n
}

// release lets what waits go to the client, and what comes from now on. It is false if
// there was too much: then the ring has to be read once more, from where hold said.
func (f *flow) release(c *client) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == lost {
		return false
	}
	for _, told := range f.held {
		c.tell(told)
	}
	if len(f.held) > 0 {
		f.last = f.heldAt
	}
	f.state, f.held, f.bytes = live, nil, 0
	return true
}

// stands tells whether the client has been told of all up to a place, and of nothing
// after it.
func (f *flow) stands(at place) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state == live && !f.after.isAhead(at) && !f.last.isAhead(at)
}

// isBeyond tells whether the client was told of something after a place.
func (f *flow) isBeyond(at place) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last != (place{}) && f.last.isAfter(at)
}
