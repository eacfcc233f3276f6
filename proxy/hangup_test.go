package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// A handler hears that its client hung up, however that came about and whatever was sent before.
func TestAHandlerHearsThatItsClientHungUp(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan error)
	s, _ := setup(t, func(w *web.Response, r *http.Request) error {
		if r.Body != nil {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return err
			}
		}
		begun <- struct{}{}
		select {
		case <-r.Context().Done():
			ended <- r.Context().Err()
		case <-time.After(20 * time.Second):
			ended <- nil
		}
		return web.Text(w, http.StatusOK, "fine")
	}, nil)
	address, _ := start(t, s)
	const get = "GET /rest/v1/x HTTP/1.1\r\nHost: x\r\n\r\n"
	const post = "POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	closes := func(c *net.TCPConn) { _ = c.Close() }
	for name, tt := range map[string]struct {
		sent string
		end  func(*net.TCPConn)
	}{
		"closed":               {get, closes},
		"reset":                {get, func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() }},
		"half closed":          {get, func(c *net.TCPConn) { _ = c.CloseWrite() }},
		"behind a body":        {post + "Content-Length: 4\r\n\r\nnull", closes},
		"behind chunks":        {post + "Transfer-Encoding: chunked\r\n\r\n4\r\nnull\r\n0\r\n\r\n", closes},
		"behind a large body":  {post + "Content-Length: 1000002\r\n\r\n\"" + strings.Repeat("x", 1e6) + `"`, closes},
		"together with it all": {get, nil},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, tt.sent)
		if tt.end == nil {
			_ = conn.Close()
		}
		<-begun
		if tt.end != nil {
			tt.end(conn.(*net.TCPConn))
		}
		if err := <-ended; err == nil {
			t.Errorf("%s: the handler was not told", name)
		}
		_ = conn.Close()
	}
}

// What the read in the background is not shown reaches the next request: nothing is lost of what
// a client sends early, or of lines that leave one byte in a buffer.
func TestReadsAreWholeWhileNobodyHangsUp(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, func(w *web.Response, r *http.Request) error {
		n := int64(len(r.Header.Get("X-Long")))
		if r.Body != nil {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			n += int64(len(b))
		}
		if r.Context().Err() != nil {
			return r.Context().Err()
		}
		return web.Text(w, http.StatusOK, fmt.Sprint(n))
	}, nil)
	address, _ := start(t, s)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	answers := bufio.NewReader(conn)
	want := func(what string, n int) {
		t.Helper()
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if b, _ := io.ReadAll(res.Body); string(b) != fmt.Sprint(n) {
			t.Fatalf("%s: got %d %q, want %d", what, res.StatusCode, b, n)
		}
	}
	head := func(long int, more string) string {
		return "POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("y", long) + "\r\n" + more
	}
	request := head(5000, "Content-Length: 0\r\n\r\n")
	line := strings.Index(request, "X-Long")
	for cut := line + 4080; cut < line+4110; cut++ {
		// net/http's buffer has 4096 bytes: a line of which 4095 have come leaves room for one.
		_, _ = io.WriteString(conn, request[:cut])
		time.Sleep(5 * time.Millisecond) // so that it is read by itself
		_, _ = io.WriteString(conn, request[cut:])
		want(fmt.Sprint("a header in two parts, cut at ", cut), 5000)
	}
	for n := range 300 {
		body := strings.Repeat("z", n+3900)
		_, _ = io.WriteString(conn, head(n, fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n1\r\nz\r\n%x\r\n", len(body))))
		_, _ = io.WriteString(conn, body+"\r\n0\r\n\r\n")
		want(fmt.Sprint("chunks behind ", n), n+1+len(body))
	}
	for n := range 300 { // two at once
		_, _ = io.WriteString(conn, head(n, "Content-Length: 1\r\n\r\nz")+head(4*n, "Content-Length: 0\r\n\r\n"))
		want("the first", n+1)
		want("the second", 4*n)
	}
}
