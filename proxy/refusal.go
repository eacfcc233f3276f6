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
	if s.live.Load().PostgREST {
		return l
	}
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if c, ok := c.(*conn); ok {
			return context.WithValue(ctx, connKey{}, c)
		}
		return ctx
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		if c, ok := c.(*conn); ok && state == http.StateIdle {
			c.serving.CompareAndSwap(servingOne, servingNone)
		}
	}
	return refuser{l, s}
}

type connKey struct{}

// refuser accepts connections whose refusals are ours.
type refuser struct {
	net.Listener
	server *Server
}

func (l refuser) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, server: l.server}, nil
}

// conn looks at what is written while no handler is at work: then an answer is one of
// net/http's own. All other bytes may be a user's, and look like anything.
type conn struct {
	net.Conn
	server  *Server
	serving atomic.Int32
}

const (
	servingNone = iota
	servingOne  // till the connection is idle again
	servingMany // HTTP/2: requests overlap
)

// serves notes that r has come to its handler.
func serves(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		c.serving.Store(servingOne)
		if r.ProtoMajor > 1 {
			c.serving.Store(servingMany)
		}
	}
}

func (c *conn) Write(b []byte) (int, error) {
	if c.serving.Load() == servingNone {
		if e := refusalOf(b); e != nil {
			_, err := c.Conn.Write(c.server.refusal(e, c.RemoteAddr().String()))
			return len(b), err
		}
	}
	return c.Conn.Write(b)
}

// CloseWrite lets the client read the answer before the connection is reset.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Bare is the connection itself, for who takes it over.
func (c *conn) Bare() net.Conn { return c.Conn }

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
