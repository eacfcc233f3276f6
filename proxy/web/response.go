package web

import (
	"bufio"
	"cmp"
	"context"
	"net"
	"net/http"
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
	// Dialect is the shape of an error body.
	Dialect Dialect
	// Role is the database role that the request ran as; empty until known.
	Role string
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
	// Streamed tells that the body comes without limit and deadline.
	Streamed bool
	// Patience is how long a client may take for each part of a long answer; 0 is a
	// minute.
	Patience time.Duration
	// Broken tells that an error came after the beginning of the answer: the
	// connection is broken off in place of its end.
	Broken bool
	// Err is what the handler returned, for the access log.
	Err error

	status int
	bytes  int64
	slow   bool // a deadline for the client to take the answer is set
}

const (
	// Up to freeBytes fit into what the kernel buffers for a connection, so that
	// no write can block; for what comes after them a client has slowWriteTimeout,
	// so that one which doesn't read can't keep an answer in memory for ever.
	freeBytes        = 64 << 10
	slowWriteTimeout = time.Minute
)

// Status is the status sent, 0 while nothing was sent.
func (w *Response) Status() int { return w.status }

// Bytes is the number of body bytes sent.
func (w *Response) Bytes() int64 { return w.bytes }

// WriteHeader sends the status line and the headers.
func (w *Response) WriteHeader(status int) {
	if status >= 200 { // 1xx may be followed by the real one
		w.status = status
		if w.BeforeHeader != nil {
			w.BeforeHeader()
			w.BeforeHeader = nil
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends body bytes, and a 200 before the first.
func (w *Response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.bytes+int64(len(b)) > freeBytes {
		// Renewed with each part, so that a long stream goes on while it is read.
		w.slow = w.setWriteDeadline(time.Now().Add(cmp.Or(w.Patience, slowWriteTimeout))) == nil
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
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
	if w.slow {
		_ = w.setWriteDeadline(time.Time{})
	}
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *Response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack hands the connection to a WebSocket.
func (w *Response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.status = http.StatusSwitchingProtocols
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Text answers with a line for people and probes.
func Text(w *Response, status int, s string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write([]byte(s))
	return err
}
