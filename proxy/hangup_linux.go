package proxy

import (
	"errors"
	"sync"
	"syscall"
)

// hearing has the kernel tell of connections whose other side was closed: EPOLLRDHUP of
// epoll(7), once for each, which is one system call when a connection begins.
type hearing struct {
	epoll int // below 0 where there is none

	mu    sync.Mutex
	last  uint64
	conns map[uint64]*conn
}

// hangups is that of the process.
var hangups = sync.OnceValue(func() *hearing {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return &hearing{epoll: -1}
	}
	h := &hearing{epoll: fd, conns: map[uint64]*conn{}}
	go h.run()
	return h
})

// add gives the number under which c is known, 0 where hang-ups can't be told.
func (h *hearing) add(c *conn) uint64 {
	raw := rawOf(c)
	if raw == nil || h.epoll < 0 {
		return 0
	}
	h.mu.Lock()
	h.last++
	id := h.last
	h.conns[id] = c
	h.mu.Unlock()
	var failed error
	err := raw.Control(func(fd uintptr) {
		event := syscall.EpollEvent{Events: syscall.EPOLLRDHUP | epollOneShot, Fd: int32(id), Pad: int32(id >> 32)}
		failed = syscall.EpollCtl(h.epoll, syscall.EPOLL_CTL_ADD, int(fd), &event)
	})
	if err != nil || failed != nil {
		h.remove(id)
		return 0
	}
	return id
}

// epollOneShot is EPOLLONESHOT: an event is told once.
const epollOneShot = 1 << 30

// remove forgets one; its place in epoll ends when it is closed.
func (h *hearing) remove(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, id)
}

func (h *hearing) run() {
	events := make([]syscall.EpollEvent, 64)
	for {
		n, err := syscall.EpollWait(h.epoll, events, -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			panic("wait for connections to be closed: " + err.Error()) // the descriptor is ours alone
		}
		for _, event := range events[:max(n, 0)] {
			h.mu.Lock()
			c := h.conns[uint64(uint32(event.Fd))|uint64(uint32(event.Pad))<<32]
			h.mu.Unlock()
			if c != nil {
				c.hungUp(unread(c))
			}
		}
	}
}

// unread tells whether bytes came that nobody has read yet.
func unread(c *conn) (has bool) {
	_ = rawOf(c).Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		has = err == nil && n > 0
	})
	return has
}

func rawOf(c *conn) syscall.RawConn {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
