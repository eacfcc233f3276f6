package realtime

import (
	"errors"
	"net"
	"os"
	"time"
)

const (
	// closeTimeout is what a client has to answer a close frame, or to make room for it.
	closeTimeout = 2 * time.Second
	// drainTimeout is what it has to take what waits before.
	drainTimeout = 5 * time.Second
)

// put queues a frame for the client, and gives up one that is too slow.
func (c *client) put(data []byte) { c.tell(frame{data: data}) }

// tell is put of what a commit tells.
func (c *client) tell(f frame) {
	if c.offer(alone(f)) == 0 {
		c.giveUp()
	}
}

// offer queues frames as long as there is room for them, and returns how many.
func (c *client) offer(list []waiting) (n int) {
	for {
		queued, ended := c.out.offer(list[n:])
		if n += queued; queued > 0 {
			c.hub.metrics.sent.Add(float64(queued))
		}
		if n == len(list) || ended {
			return len(list)
		}
		// Perhaps messages come faster than we write, which is no fault of the client's.
		p := c.hub.pens.get()
		written, _ := c.flush(p)
		c.hub.pens.put(p)
		if written == 0 {
			return n
		}
	}
}

// giveUp ends the connection of a client that does not read; what waits is dropped. It is
// false if the connection was ending before.
func (c *client) giveUp() bool {
	reason := "too slow"
	if at := c.confirmed(); at.LSN != 0 {
		reason += "; it has read up to " + at.String()
	}
	given := c.out.abandon(closeFrame(closePolicy, reason), time.Now().Add(closeTimeout))
	if given {
		c.hub.metrics.slow.Inc()
	}
	return given
}

// end closes the connection after what waits.
func (c *client) end(code uint16, reason string) {
	c.out.close(closeFrame(code, reason), time.Now().Add(drainTimeout))
}

// flush writes what waits, as far as the connection takes it now, and has a goroutine go
// on if that is not all of it. more says that there may be more to write now.
func (c *client) flush(p *pen) (n int, more bool) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.blocked || c.over {
		return 0, false
	}
	p.pieces = c.out.take(chunk, p.pieces[:0])
	if len(p.pieces) == 0 {
		return 0, false
	}
	data := p.join()
	n, err := p.send(c.raw, data)
	over := c.out.wrote(n, c.hub.metrics.delivered)
	switch {
	case err != nil:
		c.fail()
	case over:
		c.finish()
	case n < len(data):
		c.blocked = true
		go c.push()
	default:
		return n, true
	}
	return n, false
}

// push writes what waits as fast as the client reads. Only clients that don't keep up
// have this goroutine, and those whose connections can't be asked what they take.
func (c *client) push() {
	conn := c.conn.NetConn()
	c.out.block(conn.SetWriteDeadline)
	for {
		c.writing.Lock()
		pieces := net.Buffers(c.out.take(chunk, nil))
		if len(pieces) == 0 {
			c.out.block(nil)
			c.blocked = false
			c.writing.Unlock()
			return
		}
		c.writing.Unlock()
		n, err := pieces.WriteTo(conn)
		over := c.out.wrote(int(n), c.hub.metrics.delivered)
		switch {
		case over:
		case err == nil:
			continue
		case errors.Is(err, os.ErrDeadlineExceeded) && !c.out.isLate(time.Now()):
			continue // it has read meanwhile
		case errors.Is(err, os.ErrDeadlineExceeded) && c.giveUp():
			continue
		}
		c.writing.Lock()
		defer c.writing.Unlock()
		if over {
			c.finish()
		} else {
			c.fail()
		}
		return
	}
}

// finish has the client answer the close frame, which is written. The caller holds
// c.writing, as that of fail does.
func (c *client) finish() {
	c.ending.Store(true)
	// Its own close frame comes back, or nothing does.
	_ = c.conn.SetReadDeadline(time.Now().Add(closeTimeout))
	c.over = true
	c.cancel()
	c.written.Done()
}

// fail ends a connection that can't be written to.
func (c *client) fail() {
	c.out.drop()
	_ = c.conn.Close() // ends the reading too
	c.over = true
	c.cancel()
	c.written.Done()
}
