package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// newLogger writes structured lines; the request id joins them to answers and to
// the database's own log. flush writes what is still held back.
func newLogger(cfg Config, to io.Writer) (log *slog.Logger, flush func()) {
	level, _ := cfg.level() // checked by Config.Check
	w := &lineWriter{buf: bufio.NewWriterSize(to, 64<<10)}
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(w, opts)
	if cfg.LogFormat == "text" {
		h = slog.NewTextHandler(w, opts)
	}
	return slog.New(flushing{h, w}), w.flush
}

// lineWriter collects lines for at most flushDelay, because a write for each
// request would cost a tenth of a small request's work.
type lineWriter struct {
	mu      sync.Mutex
	buf     *bufio.Writer
	pending bool
}

const flushDelay = 50 * time.Millisecond

func (w *lineWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.pending {
		w.pending = true
		time.AfterFunc(flushDelay, w.flush)
	}
	return w.buf.Write(line)
}

func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = false
	_ = w.buf.Flush() // there is nowhere to tell that the log is gone
}

// flushing writes warnings and errors out at once: they may be the last words.
type flushing struct {
	slog.Handler
	w *lineWriter
}

func (h flushing) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.w.flush()
	}
	return err
}

func (h flushing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return flushing{h.Handler.WithAttrs(attrs), h.w}
}

func (h flushing) WithGroup(name string) slog.Handler {
	return flushing{h.Handler.WithGroup(name), h.w}
}
