package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// What is no HTTP, net/http answers by itself, as plain text that no handler sees and no
// hook can change. refusing gives these answers our shape and request id where they
// leave: on the connection. Within TLS they can't be seen there and stay as they are.
func (s *Server) refusing(srv *http.Server, l net.Listener) net.Listener {
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if c, ok := c.(*conn); ok {
			return context.WithValue(c.hear(ctx), connKey{}, c)
		}
		return ctx
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		if c, ok := c.(*conn); ok && state == http.StateIdle {
			c.serving.CompareAndSwap(servingOne, servingNone)
		}
	}
	return refuser{l, s, !s.live.Load().PostgREST}
}

type connKey struct{}

// refuser accepts connections whose refusals are ours.
type refuser struct {
	net.Listener
	server  *Server
	refuses bool
}

func (l refuser) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, server: l.server, refuses: l.refuses}, nil
}

// conn looks at what is written while no handler is at work: then an answer is one of
// net/http's own. All other bytes may be a user's, and look like anything.
type conn struct {
	net.Conn
	hangup
	server  *Server
	refuses bool // in our own shape
	serving atomic.Int32
	corked  bool
	held    []byte // the first write since it is
}

const (
	servingNone = iota
	servingOne  // till the connection is idle again
	servingMany // HTTP/2: requests overlap
)

// serves notes that r has come to its handler, and gives the connection if the answer has
// it for itself.
func serves(r *http.Request) web.Corker {
	c, ok := r.Context().Value(connKey{}).(*conn)
	switch {
	case !ok:
		return nil
	case r.ProtoMajor > 1:
		c.serving.Store(servingMany)
		return nil
	}
	c.serving.Store(servingOne)
	return c
}

func (c *conn) Write(b []byte) (int, error) {
	if c.refuses && c.serving.Load() == servingNone {
		if e := refusalOf(b); e != nil {
			_, err := c.Conn.Write(c.server.refusal(e, c.RemoteAddr().String()))
			return len(b), err
		}
	}
	if !c.corked {
		return c.Conn.Write(b)
	}
	if c.held == nil {
		c.held = bytes.Clone(b) // which is net/http's to use again
		return len(b), nil
	}
	first := len(c.held)
	both := net.Buffers{c.held, b}
	c.corked, c.held = false, nil
	n, err := both.WriteTo(c.Conn)
	return max(int(n)-first, 0), err
}

// Cork has the next two writes go out as one.
func (c *conn) Cork() { c.corked = true }

// Uncork sends the first if no second came.
func (c *conn) Uncork() error {
	held := c.held
	c.corked, c.held = false, nil
	if held == nil {
		return nil
	}
	_, err := c.Conn.Write(held)
	return err
}

// CloseWrite lets the client read the answer before the connection is reset.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// refusalOf reads the status line of an answer with 400 or more; nil is anything else.
func refusalOf(b []byte) *web.Error {
	if !bytes.HasPrefix(b, []byte("HTTP/1.")) {
		return nil
	}
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	_, rest, _ := strings.Cut(string(line), " ")
	code, text, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil || status < 400 {
		return nil
	}
	switch status {
	case http.StatusRequestHeaderFieldsTooLarge:
		e := web.New("headers_too_large", "URL and headers of the request are too long")
		e.Hint = "put long filters into the body of a query, or raise FLUXBASE_SERVER_MAX_HEADER_BYTES"
		return e
	case http.StatusExpectationFailed:
		return web.New("expectation_unknown", "Expect can only be 100-continue")
	case http.StatusNotImplemented:
		return web.New("transfer_encoding_unknown", "a body comes whole or chunked, in no other transfer coding")
	case http.StatusHTTPVersionNotSupported:
		return web.New("http_version_unknown", "the server does not speak this version of HTTP")
	}
	e := web.New("invalid_request", "the request is not well formed HTTP")
	if _, reason, ok := strings.Cut(text, ": "); ok { // one of net/http's own texts
		e.Details = reason
	}
	return e
}

// refusal is the whole answer, which it counts and logs as that to a request.
func (s *Server) refusal(e *web.Error, remote string) []byte {
	id, live := rand.Text(), s.live.Load()
	body := web.ErrorBody(&web.Response{ID: id, Dialect: live.Errors}, e)
	var b bytes.Buffer
	_ = (&http.Response{
		StatusCode: e.Status, ProtoMajor: 1, ProtoMinor: 1, Close: true,
		Header:        http.Header{"Content-Type": {"application/json; charset=utf-8"}, "X-Request-Id": {id}},
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}).Write(&b) // a buffer takes all
	s.metrics.requests.WithLabelValues("none", "other", strconv.Itoa(e.Status)).Inc()
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "request", slog.String("request_id", id), slog.Int("status", e.Status),
		slog.String("remote", remote), slog.String("code", e.Code), slog.String("error", e.Error()))
	return b.Bytes()
}
