package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Clients that are slow on purpose (slow-loris) lose their connections, each within its
// own limit, and nobody else notices.
func TestSlowClientsAreDropped(t *testing.T) {
	t.Parallel()
	gaveUp := make(chan error, 1)
	s, _ := setup(t, func(w *web.Response, r *http.Request) error {
		if r.URL.Path != "/rest/v1/long" {
			return readsAll(w, r)
		}
		_, err := w.Write(make([]byte, 64<<20))
		gaveUp <- err
		return nil
	}, func(c *Config) {
		c.HeaderTimeout, c.RequestTimeout, c.WriteTimeout, c.IdleTimeout = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	})
	address := listen(t, s)
	// drip sends text at once, and then byte after byte until the connection ends.
	drip := func(text, each string) (answer string) {
		conn := dial(t, address)
		if _, err := io.WriteString(conn, text); err != nil {
			t.Error(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for each != "" {
				if _, err := io.WriteString(conn, each); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		b, err := io.ReadAll(conn) // the deadline of dial is far beyond all limits
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("%q: the connection is still open", text)
		}
		<-done
		return string(b)
	}
	for _, tt := range []struct{ name, text, each, want string }{
		{"headers that stop", "GET /rest/v1/x HTTP/1.1\r\nHost: x\r\n", "", ""},
		{"headers byte by byte", "GET /rest/v1/x HTTP/1.1\r\nHost: x\r\nX-A: ", "a", ""},
		{"headers line by line", "GET /rest/v1/x HTTP/1.1\r\nHost: x\r\n", "X-A: b\r\n", ""},
		{"nothing at all", "", "", ""},
		{"a body that stops", "POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc", "", "body_timeout"},
		{"a body byte by byte", "POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "a", "body_timeout"},
		{"chunks byte by byte", "POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", "body_timeout"},
		{"gzip that stops", "POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n\x1f\x8b", "", "body_timeout"},
		{"a connection that idles", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", "", "200 OK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := drip(tt.text, tt.each); !strings.Contains(got, tt.want) || tt.want == "body_timeout" && !strings.HasPrefix(got, "HTTP/1.1 408 ") {
				t.Errorf("got %q", got)
			}
		})
	}
	t.Run("an answer that is not read", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, address)
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		if _, err := io.WriteString(conn, "GET /rest/v1/long HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := <-gaveUp; err == nil {
			t.Error("64 MB were taken by somebody who reads nothing")
		}
		for range 3 {
			resp, err := http.Post("http://"+address+"/rest/v1/x", "text/plain", strings.NewReader("four"))
			if err != nil {
				t.Fatal(err)
			}
			if b, _ := io.ReadAll(resp.Body); string(b) != "4" {
				t.Errorf("somebody else gets %d %s", resp.StatusCode, b)
			}
			_ = resp.Body.Close()
		}
	})
}

func TestHeadersOverTheLimits(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, ok, nil)
	address := listen(t, s)
	ask := func(target, header string) string {
		conn := dial(t, address)
		if _, err := io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+header+"\r\n"); err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(conn)
		return string(b)
	}
	lines := func(n int, line string) (b string) {
		for i := range n {
			b += fmt.Sprintf(line, i)
		}
		return b
	}
	for _, tt := range []struct {
		name, target, header, want string
	}{
		{"98 headers and two", "/rest/v1/x", lines(98, "X-%d: a\r\n"), "HTTP/1.1 200 "},
		{"100 headers and two", "/rest/v1/x", lines(100, "X-%d: a\r\n"), "headers_too_large"},
		{"one header 1000 times", "/rest/v1/x", lines(1000, "X-A: %d\r\n"), "headers_too_large"},
		{"one of 60 KB", "/rest/v1/x", "X-A: " + strings.Repeat("a", 60<<10) + "\r\n", "HTTP/1.1 200 "},
		{"one of 70 KB", "/rest/v1/x", "X-A: " + strings.Repeat("a", 70<<10) + "\r\n", "headers_too_large"},
		{"a URL of 70 KB", "/rest/v1/x?" + strings.Repeat("a", 70<<10), "", "headers_too_large"},
		{"more than net/http takes", "/rest/v1/x", "X-A: " + strings.Repeat("a", 200<<10) + "\r\n", "HTTP/1.1 431 "},
	} {
		got := ask(tt.target, tt.header)
		if !strings.Contains(got, tt.want) || strings.Contains(got, "HTTP/1.1 200") != strings.HasSuffix(tt.want, "200 ") {
			t.Errorf("%s: got %.300q", tt.name, got)
		}
	}
}
