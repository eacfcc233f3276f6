package proxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// visit opens a connection from a loopback address and sends a request. It returns
// the connection if it was answered, else nil.
func visit(t *testing.T, address, from string) net.Conn {
	t.Helper()
	dialer := net.Dialer{Timeout: 20 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil // closed before it was seen to be open
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, err = io.WriteString(conn, "GET /rest/v1/x HTTP/1.1\r\nHost: x\r\n\r\n")
	if err == nil {
		var resp *http.Response
		if resp, err = http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
		}
	}
	if err != nil {
		_ = conn.Close()
		return nil
	}
	return conn
}

// settle waits until as many connections are counted.
func (c *connections) settle(t *testing.T, want int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		open, from := c.open, len(c.from)
		c.mu.Unlock()
		if open == want && (want > 0 || from == 0) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections of %d addresses are counted, want %d", open, from, want)
		}
	}
}

func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, ok, func(c *Config) {
		c.MaxConnections, c.MaxConnectionsPerIP, c.TrustedProxies = 7, 2, []string{"127.0.0.9"}
	})
	address, _ := start(t, s)
	var open []net.Conn
	for _, tt := range []struct {
		from string
		in   bool
	}{
		{"127.0.0.1", true},
		{"127.0.0.1", true},
		{"127.0.0.1", false}, // a third of one address
		{"127.0.0.2", true},
		{"127.0.0.9", true}, // a balancer has as many as it needs
		{"127.0.0.9", true},
		{"127.0.0.9", true},
		{"127.0.0.3", true},
		{"127.0.0.4", false}, // an eighth in all
		{"127.0.0.9", false},
	} {
		conn := visit(t, address, tt.from)
		if (conn != nil) != tt.in {
			t.Errorf("%s: let in is %v", tt.from, conn != nil)
		}
		if conn != nil {
			defer conn.Close()
			open = append(open, conn)
		}
	}
	for limit, want := range map[string]float64{limitAll: 2, limitPerIP: 1} {
		if got := testutil.ToFloat64(s.conns.refused.WithLabelValues(limit)); got != want {
			t.Errorf("%s: %v refusals are counted, want %v", limit, got, want)
		}
	}
	_ = open[0].Close()
	s.conns.settle(t, 6)
	again := visit(t, address, "127.0.0.1")
	if again == nil {
		t.Fatal("a place that was left is not free")
	}
	_ = again.Close()
	for _, conn := range open[1:] {
		_ = conn.Close()
	}
	s.conns.settle(t, 0)
}

// However a connection ends, its place is free: closed by either side, broken off, given
// up in the middle of TLS, of headers or of an answer, or taken over by a WebSocket.
func TestPlacesAreFreeHoweverConnectionsEnd(t *testing.T) {
	t.Parallel()
	s, address, _, _ := startTLS(t, t.TempDir(), func(w *web.Response, r *http.Request) error {
		switch r.URL.Path {
		case "/rest/v1/hijack":
			conn, _, err := w.Hijack()
			if err != nil {
				return err
			}
			go func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() }()
			return nil
		case "/rest/v1/panic":
			_, _ = w.Write([]byte("half"))
			panic("boom")
		}
		return ok(w, r)
	}, func(c *Config) { c.HeaderTimeout = 100 * time.Millisecond })
	raw := func() *net.TCPConn {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return conn.(*net.TCPConn)
	}
	shake := func(conn net.Conn) *tls.Conn {
		t.Helper()
		c := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	ask := func(path string) *tls.Conn {
		t.Helper()
		c := shake(raw())
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Read(make([]byte, 1))
		return c
	}
	_ = raw().Close()
	reset := raw()
	_ = reset.SetLinger(0)
	_ = reset.Close()
	silent := raw() // ends with the header timeout
	defer silent.Close()
	half := raw()
	_, _ = half.Write([]byte{0x16, 3, 1})
	_ = half.Close()
	_ = shake(raw()).Close()
	headers := shake(raw())
	_, _ = headers.Write([]byte("GET / HTTP/1.1\r\nX-"))
	defer headers.Close()
	_ = ask("/rest/v1/x").Close()
	defer ask("/rest/v1/panic").Close()
	hijacked := shake(raw())
	_, _ = hijacked.Write([]byte("GET /rest/v1/hijack HTTP/1.1\r\nHost: x\r\n\r\n"))
	s.conns.settle(t, 1)
	_ = hijacked.Close()
	s.conns.settle(t, 0)
}

// Many at once: as many as may get in do, no more and no fewer, and all places are free at
// the end.
func TestConnectionBoundsHoldInAStorm(t *testing.T) {
	t.Parallel()
	const places, attempts = 10, 150
	s, _ := setup(t, ok, func(c *Config) { c.MaxConnectionsPerIP = places })
	address, _ := start(t, s)
	var knocking sync.WaitGroup
	conns := make(chan net.Conn, 2*attempts)
	for i := range 2 * attempts {
		knocking.Go(func() {
			if conn := visit(t, address, fmt.Sprintf("127.0.0.%d", 1+i%2)); conn != nil {
				conns <- conn
			}
		})
	}
	knocking.Wait()
	close(conns)
	if len(conns) != 2*places {
		t.Errorf("%d were let in, want %d", len(conns), 2*places)
	}
	for conn := range conns {
		_ = conn.Close()
	}
	s.conns.settle(t, 0)
	if got := testutil.ToFloat64(s.conns.refused.WithLabelValues(limitPerIP)); got != 2*(attempts-places) {
		t.Errorf("%v refusals are counted", got)
	}
}

func TestUnixSocketsAreCountedTogether(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, ok, func(c *Config) { c.MaxConnectionsPerIP, c.MaxConnections = 1, 2 })
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	bounded := listener{l, s.conns}
	defer bounded.Close()
	for range 2 {
		if _, err := net.Dial("unix", path); err != nil {
			t.Fatal(err)
		}
		conn, err := bounded.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if _, limit := s.conns.take(netip.Addr{}); limit != limitAll {
		t.Errorf("the third meets %q", limit)
	}
}

// A household of IPv6 has 2^64 addresses.
func TestConnectionsOfOneNetworkAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, ok, func(c *Config) { c.MaxConnectionsPerIP = 1 })
	for _, tt := range []struct{ from, limit string }{
		{"2001:db8::1", ""}, {"2001:db8::2", limitPerIP}, {"2001:db8:0:1::1", ""}, {"192.0.2.1", ""}, {"192.0.2.2", ""},
	} {
		if _, limit := s.conns.take(netip.MustParseAddr(tt.from)); limit != tt.limit {
			t.Errorf("%s meets %q, want %q", tt.from, limit, tt.limit)
		}
	}
}
