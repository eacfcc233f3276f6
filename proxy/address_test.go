package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Who writes X-Forwarded-For or Forwarded himself is taken for whom he is.
func TestSpoofedForwardedHeadersAreNotBelieved(t *testing.T) {
	t.Parallel()
	for _, header := range []string{web.HeaderXForwardedFor, web.HeaderForwarded} {
		s, _ := setup(t, func(w *web.Response, _ *http.Request) error {
			return web.Text(w, http.StatusOK, w.Address.String())
		}, func(c *Config) { c.TrustedProxies, c.ForwardedHeader = []string{"127.0.0.9", "10.0.0.0/8"}, header })
		address, _ := start(t, s)
		said := func(list ...string) (lines string) {
			for _, text := range list {
				if header == web.HeaderForwarded {
					text = "for=" + text
				}
				lines += header + ": " + text + "\r\n"
			}
			return lines
		}
		other := "Forwarded: for=6.6.6.6\r\nVia: 1.1 a\r\nX-Real-IP: 6.6.6.6\r\nX-Client-IP: 6.6.6.6\r\nTrue-Client-IP: 6.6.6.6\r\n"
		if header == web.HeaderForwarded {
			other = "X-Forwarded-For: 6.6.6.6\r\n"
		}
		for _, tt := range []struct{ name, from, lines, want string }{
			{"a stranger says nothing", "127.0.0.2", "", "127.0.0.2"},
			{"a stranger names another", "127.0.0.2", said("6.6.6.6"), "127.0.0.2"},
			{"a stranger names a proxy", "127.0.0.2", said("127.0.0.9"), "127.0.0.2"},
			{"a stranger writes all that there is", "127.0.0.2", said("6.6.6.6", "10.0.0.1") + other, "127.0.0.2"},
			{"the proxy names its client", "127.0.0.9", said("203.0.113.7"), "203.0.113.7"},
			{"the client has named another before", "127.0.0.9", said("6.6.6.6", "203.0.113.7"), "203.0.113.7"},
			{"the client has named a proxy before", "127.0.0.9", said("6.6.6.6", "10.0.0.1", "203.0.113.7"), "203.0.113.7"},
			{"the client has used the other header", "127.0.0.9", said("203.0.113.7") + other, "203.0.113.7"},
			{"the proxy uses only the other header", "127.0.0.9", other, "127.0.0.9"},
			{"two proxies", "127.0.0.9", said("6.6.6.6", "203.0.113.7", "10.0.0.1"), "203.0.113.7"},
			{"a proxy called", "127.0.0.9", said("10.0.0.1"), "10.0.0.1"},
		} {
			conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(tt.from)}}).Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprintf(conn, "GET /rest/v1/x HTTP/1.1\r\nHost: x\r\n%s\r\n", tt.lines); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			_ = conn.Close()
			if err != nil || string(got) != tt.want {
				t.Errorf("%s, %s: taken for %s, want %s (%v)", header, tt.name, got, tt.want, err)
			}
		}
	}
}
