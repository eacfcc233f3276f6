package worker

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"
)

const (
	// Of one invocation's log this much is kept, and then a last line says so.
	maxLines     = 1000
	maxLineBytes = 256 << 10
	// maxRate is how many bytes a second are read of what a worker says. One that says more
	// waits, and not we for it.
	maxRate = 16 << 20
)

// read takes what the worker says, until it ends.
func (w *worker) read(from *os.File, isStderr bool) {
	l := &lines{each: func(line []byte, cut bool) {
		if isStderr {
			w.complain(line, cut)
		} else if m, ok := parse(line, cut); ok {
			w.hear(m)
		}
	}}
	buffer := make([]byte, 16<<10)
	second, read := time.Now(), 0
	for {
		n, err := from.Read(buffer)
		_, _ = l.Write(buffer[:n])
		if err != nil {
			l.flush()
			return
		}
		if read += n; read > maxRate {
			if rest := time.Second - time.Since(second); rest > 0 {
				time.Sleep(rest)
			}
			second, read = time.Now(), 0
		} else if time.Since(second) > time.Second {
			second, read = time.Now(), n
		}
	}
}

// complain takes a line of stderr, where Deno itself writes.
func (w *worker) complain(line []byte, cut bool) {
	text := clip(string(line), &cut)
	// V8's words, and Rust's.
	if strings.Contains(text, "out of memory") || strings.Contains(text, "memory allocation of") {
		w.pool.mu.Lock()
		w.outOf = true
		w.pool.mu.Unlock()
	}
	w.hear(message{kind: says, level: "error", text: text, cut: cut})
}

// hear acts on a message.
func (w *worker) hear(m message) {
	p := w.pool
	now := time.Now()
	switch m.kind {
	case isLoaded, isBroken:
		var err error
		if m.kind == isBroken {
			err = errors.New(m.text)
		}
		select {
		case w.loaded <- err:
		default: // said before
		}
		return
	case isListening:
		select {
		case <-w.listening:
		default:
			close(w.listening)
		}
		return
	}
	p.mu.Lock()
	w.alive = now
	w.account()
	w.cpuAlive = w.cpu
	c := w.calls[m.id]
	if c == nil && m.id == "" && w.active == 1 {
		c = w.byAge.Front().Value.(*call) // who else
	}
	for _, over := range w.late {
		if c == nil && over.inv.ID == m.id {
			c = over
		}
	}
	group := w.group
	switch {
	case c == nil:
	case m.kind == hasBegun:
		c.begun = true
	case m.kind == goesOn:
		c.waits++
	case m.kind == isDone:
		c.done++
		w.forget(c)
	}
	last := false
	if c != nil && m.kind == says {
		c.lines++
		c.lineBytes += len(m.text)
		over := c.lines > maxLines || c.lineBytes > maxLineBytes
		last, c.silent = over && !c.silent, over
		if over && !last {
			p.mu.Unlock()
			return
		}
	}
	p.mu.Unlock()
	switch {
	case m.kind == says && last:
		m = message{kind: says, level: "warn", text: "the log of this invocation is too long: what follows is dropped", cut: true}
		fallthrough
	case m.kind == says && c != nil:
		if c.inv.Line != nil {
			c.inv.Line(now, m.level, m.text, m.cut)
		}
	case m.kind == says && group != nil && p.o.Output != nil && w.allowLine(now):
		p.o.Output(group.spec, now, m.level, m.text, m.cut)
	case m.kind == progresses && c != nil && c.inv.Progress != nil && json.Valid([]byte(m.text)):
		c.inv.Progress(json.RawMessage(m.text))
	}
}
