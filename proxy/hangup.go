package proxy

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// While a handler works, net/http reads from the connection in the background, so that the
// request's context ends when its client hangs up. To begin that read and to break it off costs a
// sixth of a small request. Where the system tells by itself who hangs up (Linux), the read ends
// at once with nothing, which net/http takes as nothing to be told of.

// hangup is what a connection knows of its client's.
type hangup struct {
	id     uint64             // not 0 where the system tells
	cancel context.CancelFunc // of all requests of the connection
	armed  atomic.Bool        // the next read may be the one in the background
	told   atomic.Bool        // that the client hung up, maybe behind bytes still to be read
}

// hear gives the context of a connection's requests, which ends when its client hangs up.
func (c *conn) hear(ctx context.Context) context.Context {
	ctx, c.cancel = context.WithCancel(ctx)
	c.id = hangups().add(c)
	return ctx
}

// hungUp is called when the client has closed its side. As with net/http's own read, bytes that
// came before that are read first, and requests that they make up are answered.
func (c *conn) hungUp(unread bool) {
	c.told.Store(true)
	if !unread {
		c.cancel()
	}
}

// SetReadDeadline is part of net.Conn. net/http lifts the deadline right before the read in the
// background.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.armed.Store(t.IsZero())
	return c.Conn.SetReadDeadline(t)
}

// Read is part of net.Conn. The read in the background asks for one byte. Another that does, at
// the end of a buffer, is repeated when nothing comes.
func (c *conn) Read(b []byte) (int, error) {
	if c.armed.Swap(false) && len(b) == 1 && c.id != 0 && !c.told.Load() {
		return 0, nil
	}
	return c.Conn.Read(b)
}

// Close is part of net.Conn.
func (c *conn) Close() error {
	hangups().remove(c.id)
	return c.Conn.Close()
}

// Bare is the connection itself, for who takes it over.
func (c *conn) Bare() net.Conn {
	hangups().remove(c.id)
	return c.Conn
}
