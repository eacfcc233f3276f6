package realtime

import (
	"net"
	"sync"
	"syscall"
)

// writer writes to those of some clients for whom something waits, to each what its
// connection takes without waiting, and all that waits in one call: so that under load
// many messages cost one call, and alone none waits for others. Its goroutine is there
// while there is something to write.
type writer struct {
	pens *pens

	mu      sync.Mutex
	due     []*client
	running bool
	// holds are those who have more for the same clients in a moment.
	holds int
}

func (w *writer) add(c *client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = append(w.due, c)
	w.start()
}

// start has somebody write what waits. The caller holds w.mu.
func (w *writer) start() {
	if !w.running && w.holds == 0 && len(w.due) > 0 {
		w.running = true
		go w.run()
	}
}

// hold has writes that are not under way wait until release, so that what comes in
// between goes to each client in one.
func (w *writer) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holds++
}

func (w *writer) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holds--
	w.start()
}

func (w *writer) run() {
	p := w.pens.get()
	defer w.pens.put(p)
	var list []*client
	for {
		clear(list)
		w.mu.Lock()
		list, w.due = w.due, list[:0]
		w.running = len(list) > 0
		w.mu.Unlock()
		if len(list) == 0 {
			return
		}
		for _, c := range list {
			if _, more := c.flush(p); more {
				w.add(c) // after the others
			}
		}
	}
}

// chunk is how much is written to a client at once, before it is another's turn.
const chunk = 64 << 10

// pen is what one call to write needs, kept for the next.
type pen struct {
	pieces [][]byte
	buffer []byte
	// Of a write: what, and how it went.
	data []byte
	n    int
	err  error
	try  func(fd uintptr) bool
}

type pens struct{ pool sync.Pool }

func (p *pens) get() *pen {
	if old, ok := p.pool.Get().(*pen); ok {
		return old
	}
	made := &pen{buffer: make([]byte, 0, chunk)}
	made.try = made.write
	return made
}

func (p *pens) put(used *pen) { p.pool.Put(used) }

// join makes one of the pieces. Copying is cheaper than a vector for the kernel as long
// as frames are small, and large ones come alone.
func (p *pen) join() []byte {
	defer clear(p.pieces)
	if len(p.pieces) == 1 {
		return p.pieces[0]
	}
	p.buffer = p.buffer[:0]
	for _, piece := range p.pieces {
		p.buffer = append(p.buffer, piece...)
	}
	return p.buffer
}

// write is for RawConn.Write, which it never has wait.
func (p *pen) write(fd uintptr) bool {
	for {
		p.n, p.err = syscall.Write(int(fd), p.data)
		if p.err != syscall.EINTR {
			break
		}
	}
	p.n = max(p.n, 0)
	if p.err == syscall.EAGAIN {
		p.err = nil
	}
	return true
}

// send writes as much as the connection takes at once: nothing if it can't be asked.
func (p *pen) send(raw syscall.RawConn, data []byte) (int, error) {
	if raw == nil {
		return 0, nil
	}
	p.data, p.n, p.err = data, 0, nil
	err := raw.Write(p.try)
	p.data = nil
	if err == nil {
		err = p.err
	}
	return p.n, err
}

// rawOf is how to write to a connection without waiting; nil for one that only wraps
// another, like that of TLS.
func rawOf(conn net.Conn) syscall.RawConn {
	if s, ok := conn.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}
