package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// serving runs s on a free port, and gives what sends raw bytes and reads the answers to
// all of them.
func serving(t *testing.T, s *Server) (exchange func(raw string) []*http.Response) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Serve(ctx, l) }()
	t.Cleanup(func() { stop(); <-stopped })
	return func(raw string) (list []*http.Response) {
		t.Helper()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		go func() { _, _ = io.WriteString(conn, raw) }() // it may be cut off
		for r := bufio.NewReader(conn); ; {
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				return list
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body = io.NopCloser(strings.NewReader(string(body)))
			list = append(list, resp)
		}
	}
}

// What net/http refuses by itself has our shape and a request id that the log has too.
func TestRequestsThatAreNoHTTPAreRefusedInOurShape(t *testing.T) {
	t.Parallel()
	s, log := setup(t, ok, func(c *Config) { c.MaxHeaderBytes = 1 << 10 })
	exchange := serving(t, s)
	const good = "GET /rest/v1/x HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, tt := range []struct {
		name, raw string
		status    int
		code      string
	}{
		{"no HTTP at all", "hello\r\n\r\n", 400, "invalid_request"},
		{"a bad escape in the path", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", 400, "invalid_request"},
		{"a bad header", "GET / HTTP/1.1\r\nHost: x\r\na b: c\r\n\r\n", 400, "invalid_request"},
		{"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "invalid_request"},
		{"a long URL", "GET /" + strings.Repeat("a", 8<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431, "headers_too_large"},
		{"a transfer coding that is not known", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "transfer_encoding_unknown"},
		{"a version that is not known", "GET / HTTP/3.7\r\nHost: x\r\n\r\n", 505, "http_version_unknown"},
		{"an expectation that is not known", "GET / HTTP/1.1\r\nHost: x\r\nExpect: rain\r\n\r\n", 417, "expectation_unknown"},
		{"behind a good one", good + "GET / HTTP/1.1\r\n\r\n", 400, "invalid_request"},
	} {
		list := exchange(tt.raw)
		if len(list) != 1+strings.Count(tt.raw, good) {
			t.Fatalf("%s: %d answers", tt.name, len(list))
		}
		resp := list[len(list)-1]
		var got struct {
			Code, Message, Error string
			RequestID            string `json:"request_id"`
		}
		err := json.NewDecoder(resp.Body).Decode(&got)
		id := resp.Header.Get("X-Request-Id")
		if err != nil || resp.StatusCode != tt.status || got.Code != tt.code || got.Error != got.Message || id == "" || got.RequestID != id || !resp.Close {
			t.Errorf("%s: %d %v %+v %v", tt.name, resp.StatusCode, err, got, resp.Header)
		}
		if entry := `"request_id":"` + id + `","status":`; !strings.Contains(log.String(), entry) {
			t.Errorf("%s: the log lacks %s", tt.name, entry)
		}
	}
	if n := testutil.ToFloat64(s.metrics.requests.WithLabelValues("none", "other", "400")); n != 6 {
		t.Errorf("%v are counted", n)
	}
}

// An answer whose bytes look like a refusal, because a user wrote them, stays as it is.
func TestAnswersThatLookLikeRefusalsAreLeftAlone(t *testing.T) {
	t.Parallel()
	const text = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
	s, _ := setup(t, func(w *web.Response, _ *http.Request) error {
		_ = http.NewResponseController(w).Flush()
		_, err := io.WriteString(w, text)
		return err
	}, nil)
	exchange := serving(t, s)
	list := exchange("GET /rest/v1/x HTTP/1.1\r\nHost: x\r\n\r\nGET /rest/v1/x HTTP/1.0\r\n\r\n")
	if len(list) != 2 {
		t.Fatalf("%d answers", len(list))
	}
	for _, resp := range list {
		if body, _ := io.ReadAll(resp.Body); string(body) != text {
			t.Errorf("got %q", body)
		}
	}
}

func TestOptionsOfTheServerItself(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, ok, nil)
	list := serving(t, s)("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if len(list) != 1 || list[0].StatusCode != 200 || list[0].Header.Get("X-Request-Id") == "" {
		t.Fatalf("got %+v", list)
	}
}
