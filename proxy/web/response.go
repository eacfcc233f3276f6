package web

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// Handler answers one request, or returns the error that Serve then logs once
// and writes once. It must not have written anything when it returns an error.
type Handler func(w *Response, r *http.Request) error

// Response is the http.ResponseWriter that handlers get: it also carries what
// the access log, the metrics and every error body need to know of the request,
// so that no context value has to be made for them.
type Response struct {
	http.ResponseWriter
	// ID is the request id: from the client if it was well formed, else made.
	ID string
	// Address is where the client is, behind the trusted proxies; zero when nobody tells.
	Address netip.Addr
	// Secure tells that the client came by TLS, ours or a trusted proxy's.
	Secure bool
	// Accept is that header of the request.
	Accept []string
	// Dialect is the shape of an error body.
	Dialect Dialect
	// Role is the database role that the request ran as; empty until known.
	Role string
	// User is the "sub" of the request's token; empty until known, and without one.
	User string
	// Route is the pattern that matched; empty until routed.
	Route string
	// LogSQL asks for SQL, the statements that were run, for the access log.
	LogSQL bool
	SQL    []string
	// Unlogged keeps the request out of the access log.
	Unlogged bool
	// BeforeHeader, if not nil, is called once when the headers are about to be sent.
	BeforeHeader func()
	// Client ends when the client goes away; unlike the request's own context it has
	// no deadline.
	Client context.Context
	// Class is the route class, whose limits hold.
	Class string
	// Encoder compresses the answer for a client that takes it so; nil does not.
	Encoder *Encoder
	// Conn is the connection, if the answer has it for itself; else nil.
	Conn Corker
	// Limit is how many bytes the answer may have; 0 is any number.
	Limit int64
	// AcceptEncoding is that header of the request.
	AcceptEncoding []string
	// After, if not nil, is called once when the answer is written and logged.
	After func()
	// Streamed tells that the body comes without limit and deadline.
	Streamed bool
	// Patience is how long a client may take for each part of a long answer, before it
	// counts as gone; 0 is a minute.
	Patience time.Duration
	// Broken tells that an error came after the beginning of the answer: the
	// connection is broken off in place of its end.
	Broken bool
	// Private keeps the answer out of shared caches, unless it says itself how it may be
	// kept, and errors out of all.
	Private bool
	// Err is what the handler returned, for the access log.
	Err error

	status int
	bytes  int64
	slow   bool // a deadline for the client to take the answer is set
	// given counts what handlers wrote, refused tells that nobody gets it.
	given   int64
	refused bool
	held    int // length of an answer whose headers wait for it; 0 waits for none
	coding  coding
	stream  stream // compresses an answer whose length is not known
}

const (
	// Up to freeBytes fit into what the kernel buffers for a connection, so that
	// no write can block; for what comes after them a client has slowWriteTimeout,
	// so that one which doesn't read can't keep an answer in memory for ever.
	freeBytes        = 64 << 10
	slowWriteTimeout = time.Minute
	// Up to some 4 KiB net/http writes headers and body at once. What is longer by the same
	// again it writes in two: its full buffer, and the rest without a copy. Then the client
	// would be woken twice, and the second system call costs as much as the first.
	corkBytes = 8 << 10
	// A long answer is written in parts, with time for each; all of it must be taken
	// at slowRate, in bytes a second, after that time.
	writePart = 256 << 10
	slowRate  = 16 << 10
)

// Corker is a connection that can hold back a first write until a second, as TCP_CORK has
// the kernel do.
type Corker interface {
	Cork()
	// Uncork sends what is still held back.
	Uncork() error
}

// Status is the status sent, 0 while nothing was sent.
func (w *Response) Status() int { return w.status }

// Bytes is the number of body bytes sent.
func (w *Response) Bytes() int64 { return w.bytes }

// WriteHeader sends the status line and the headers.
func (w *Response) WriteHeader(status int) {
	if status >= 200 { // 1xx may be followed by the real one
		w.status = status
		if w.Limit > 0 && w.refuse(status) {
			return
		}
		if w.Private {
			w.keepPrivate(status)
		}
		if w.BeforeHeader != nil {
			w.BeforeHeader()
			w.BeforeHeader = nil
		}
	}
	if status >= 200 && w.Encoder != nil && w.encode(status) {
		return // until the first Write
	}
	w.ResponseWriter.WriteHeader(status)
}

var (
	// no-cache lets the caller keep an answer and ask whether it still holds.
	privateAnswer = []string{"private, no-cache"}
	neverKept     = []string{"no-store"}
)

// keepPrivate says how the answer may be kept, where nothing else has. What an answer
// depends on is more than Vary could name: policies read anything.
// Source: RFC 9111, sections 3 and 5.2.2.
func (w *Response) keepPrivate(status int) {
	h := w.Header()
	switch {
	case h["Cache-Control"] != nil:
	case status >= 400:
		h["Cache-Control"] = neverKept
	default:
		h["Cache-Control"] = privateAnswer
	}
}

// Write sends body bytes, and a 200 before the first.
func (w *Response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.given += int64(len(b)); w.refused || w.Limit > 0 && w.given > w.Limit {
		return w.drop(b)
	}
	switch {
	case w.held > 0:
		return w.writeHeld(b)
	case w.stream != nil:
		n, err := w.stream.Write(b)
		if err == nil {
			err = w.stream.Flush()
		}
		return n, err
	}
	return w.send(b)
}

// refuse sends an error in the place of an answer that says that it is too long. Errors
// have no limit.
func (w *Response) refuse(status int) bool {
	h := w.Header()
	length := h["Content-Length"]
	if status/100 != 2 {
		w.Limit = 0
	}
	if w.Limit == 0 || len(length) == 0 {
		return false
	}
	if n, err := strconv.ParseInt(length[0], 10, 64); err != nil || n <= w.Limit {
		return false
	}
	for _, name := range []string{"Content-Range", "Content-Location", "Content-Profile", "Etag", "Last-Modified", "Cache-Control", "Location"} {
		delete(h, name)
	}
	e := ResponseTooLarge(w.Limit, w.Class)
	w.status, w.Limit = 0, 0
	w.writeError(e, true, w.Accept)
	w.refused = true
	return true
}

// drop takes what is too much. Of an answer that has begun nothing tells that but its
// break.
func (w *Response) drop(b []byte) (int, error) {
	if w.refused {
		return len(b), nil
	}
	w.Broken = true
	return 0, ResponseTooLarge(w.Limit, w.Class)
}

// send sends bytes as they are.
func (w *Response) send(b []byte) (n int, err error) {
	if w.bytes+int64(len(b)) <= freeBytes {
		cork := w.Conn != nil && len(b) >= corkBytes
		if cork {
			w.Conn.Cork()
		}
		n, err = w.ResponseWriter.Write(b)
		if cork {
			err = errors.Join(err, w.Conn.Uncork())
		}
		w.bytes += int64(n)
		return n, err
	}
	patience := cmp.Or(w.Patience, slowWriteTimeout)
	begun := time.Now()
	for n < len(b) {
		// Renewed with each part, so that a long answer goes on while it is read.
		deadline := time.Now().Add(patience)
		if last := begun.Add(patience + time.Duration(n)*time.Second/slowRate); last.Before(deadline) {
			deadline = last
		}
		w.slow = w.setWriteDeadline(deadline) == nil
		m, err := w.ResponseWriter.Write(b[n:min(n+writePart, len(b))])
		n += m
		w.bytes += int64(m)
		if err != nil {
			return n, err
		}
	}
	if w.Streamed && w.slow {
		// The next part may come much later, and a stream of HTTP/2 would end meanwhile.
		w.slow = w.setWriteDeadline(time.Time{}) != nil
	}
	return n, nil
}

// FlushError sends what is buffered; it is for http.ResponseController.
func (w *Response) FlushError() error {
	if w.held > 0 {
		w.held = 0
		w.ResponseWriter.WriteHeader(w.status)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *Response) setWriteDeadline(t time.Time) error {
	return http.NewResponseController(w.ResponseWriter).SetWriteDeadline(t)
}

// SetReadDeadline is when reading the body gives up.
func (w *Response) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(w.ResponseWriter).SetReadDeadline(t)
}

// Finish leaves the connection as the next request on it expects it. net/http
// sends what it has buffered after this, at most 4 KiB.
func (w *Response) Finish() {
	if w.held > 0 {
		w.held = 0
		w.ResponseWriter.WriteHeader(w.status) // of a body that was not written
	}
	if w.stream != nil {
		w.Encoder.end(w, w.Broken)
	}
	if w.slow {
		_ = w.setWriteDeadline(time.Time{})
	}
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *Response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack hands the connection to a WebSocket.
func (w *Response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.status = http.StatusSwitchingProtocols
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if c, ok := conn.(interface{ Bare() net.Conn }); ok {
		conn = c.Bare() // what watches answers would only be in the way
	}
	return conn, rw, err
}

// Text answers with a line for people and probes.
func Text(w *Response, status int, s string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(s)))
	w.WriteHeader(status)
	_, err := w.Write([]byte(s))
	return err
}
