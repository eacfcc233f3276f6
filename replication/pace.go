package replication

import (
	"context"
	"net"
	"syscall"
	"time"
)

const (
	// From one read in each busyGap on, reads are taken together.
	busyGap = 300 * time.Microsecond
	// busyReads is over how many reads that is measured.
	busyReads = 32
	// pause is for how long a busy connection collects. Runtime timers make a
	// millisecond of it at most.
	pause = 500 * time.Microsecond
	// enough ends a pause early; the kernel takes no more than half its buffer for it.
	enough = 32 << 10
)

// paced is a connection on which messages that come thick and fast are read together.
// The server sends each by itself, and to be woken for each costs both sides several
// times what the message does. Where few come, each is read as it comes.
type paced struct {
	net.Conn
	raw   syscall.RawConn
	busy  bool
	reads int
	since time.Time
}

// dialPaced is a pgconn.DialFunc.
func dialPaced(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{KeepAlive: 5 * time.Minute}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &paced{Conn: conn}
	if sc, ok := conn.(syscall.Conn); ok {
		if c.raw, err = sc.SyscallConn(); err != nil {
			c.raw = nil
		}
	}
	return c, nil
}

// Read is part of net.Conn.
func (c *paced) Read(b []byte) (int, error) {
	if c.busy {
		time.Sleep(pause)
		if n := c.there(b); n > 0 {
			return n, nil
		}
		c.collect(false)
	}
	n, err := c.Conn.Read(b)
	if c.reads++; c.reads == busyReads {
		now := time.Now()
		c.collect(now.Sub(c.since) < busyReads*busyGap)
		c.reads, c.since = 0, now
	}
	return n, err
}

// there reads what has come. What is no data, such as the end, is for the next Read.
func (c *paced) there(b []byte) (n int) {
	_ = c.raw.Read(func(fd uintptr) bool {
		n, _ = syscall.Read(int(fd), b)
		return true
	})
	return max(n, 0)
}

// collect has reads wait for more, or not. Without the mark the kernel would wake the
// process for each message all the same.
func (c *paced) collect(on bool) {
	if c.busy == on || c.raw == nil {
		return
	}
	mark := 1
	if on {
		mark = enough
	}
	_ = c.raw.Control(func(fd uintptr) {
		if syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, mark) == nil {
			c.busy = on
		}
	})
}
