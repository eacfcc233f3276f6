package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// setup gives a server whose REST routes are answered by handle, and its log.
func setup(t *testing.T, handle web.Handler, change func(*Config)) (*Server, *bytes.Buffer) {
	t.Helper()
	cfg := Config{CORSOrigins: []string{"*"}, MetricsAddress: off}
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	return New(cfg, Deps{Log: slog.New(slog.NewJSONHandler(&log, nil)), Reg: prometheus.NewRegistry(), Rest: handle, RestPrefix: "/rest/v1"}), &log
}

func send(s *Server, method, target string, header http.Header, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, body)
	r.Header = header
	if r.Header == nil {
		r.Header = http.Header{}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func ok(w *web.Response, _ *http.Request) error { return web.Text(w, http.StatusOK, "fine") }

// wantError checks an error answer: status, code, our one shape, the request id
// in header and body.
func wantError(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("the body is not JSON: %v\n%s", err, w.Body)
	}
	for _, key := range []string{"code", "message", "details", "hint", "error", "request_id"} {
		if _, ok := got[key]; !ok {
			t.Errorf("the body lacks %q: %s", key, w.Body)
		}
	}
	if w.Code != status || got["code"] != code || got["error"] != got["message"] || len(got) != 6 {
		t.Errorf("got %d %s, want %d %s", w.Code, w.Body, status, code)
	}
	if id := w.Header().Get("X-Request-Id"); id == "" || got["request_id"] != id {
		t.Errorf("request id %q in the header, %q in the body", id, got["request_id"])
	}
}

func TestRequestIDIsTakenOrMade(t *testing.T) {
	t.Parallel()
	s, log := setup(t, ok, nil)
	long := strings.Repeat("a", 128)
	for _, tt := range []struct {
		given string
		taken bool
	}{
		{"abc-DEF_0.9", true},
		{long, true},
		{long + "a", false},
		{"", false},
		{"a b", false},
		{"a\"b", false},
		{"ä", false},
		{"a\nb", false},
	} {
		w := send(s, "GET", "/rest/v1/x", http.Header{"X-Request-Id": {tt.given}}, nil)
		got := w.Header().Get("X-Request-Id")
		if (got == tt.given) != tt.taken || got == "" {
			t.Errorf("given %q: got %q", tt.given, got)
		}
		if !strings.Contains(log.String(), `"request_id":"`+got+`"`) {
			t.Errorf("the log lacks %q", got)
		}
	}
	if w := send(s, "GET", "/livez", http.Header{"X-Request-Id": {"a", "b"}}, nil); w.Header().Get("X-Request-Id") == "a" {
		t.Error("one of two ids was taken")
	}
}

func TestUnroutedRequests(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, ok, nil)
	wantError(t, send(s, "GET", "/nowhere", nil, nil), 404, "not_found")
	wantError(t, send(s, "GET", "/", nil, nil), 404, "not_found")
	wantError(t, send(s, "GET", "/livez/", nil, nil), 404, "not_found")
	w := send(s, "DELETE", "/livez", nil, nil)
	wantError(t, w, 405, "method_not_allowed")
	if got := w.Header().Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow: %q", got)
	}
	wantError(t, send(s, "BREW", "/rest/v1/x", nil, nil), 405, "method_not_allowed")
	if w := send(s, "GET", "/rest/v1/a%2Fb", nil, nil); w.Code != 200 {
		t.Errorf("an escaped slash: got %d", w.Code)
	}
	root := New(s.cfg, Deps{Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry(), Rest: ok, RestPrefix: "/"})
	for path, want := range map[string]string{"/notes": "fine", "/": "fine", "/livez": "ok\n"} {
		if w := send(root, "GET", path, nil, nil); w.Body.String() != want {
			t.Errorf("REST at the root: %s: got %q, want %q", path, w.Body, want)
		}
	}
	off, _ := setup(t, nil, nil)
	wantError(t, send(off, "GET", "/rest/v1/x", nil, nil), 404, "not_found")
}

func TestHandlerFailures(t *testing.T) {
	t.Parallel()
	fail := map[string]error{
		"/rest/v1/own":     web.New("PGRST205", "Could not find the table"),
		"/rest/v1/wrapped": fmt.Errorf("read: %w", web.Timeout),
		"/rest/v1/other":   errors.New("password=hunter2 refused"),
	}
	s, log := setup(t, func(w *web.Response, r *http.Request) error {
		if r.URL.Path == "/rest/v1/panic" {
			panic("boom password=hunter2")
		}
		return fail[r.URL.Path]
	}, nil)
	wantError(t, send(s, "GET", "/rest/v1/own", nil, nil), 404, "PGRST205")
	wantError(t, send(s, "GET", "/rest/v1/wrapped", nil, nil), 504, "request_timeout")
	for _, path := range []string{"/rest/v1/other", "/rest/v1/panic"} {
		log.Reset()
		w := send(s, "GET", path, nil, nil)
		wantError(t, w, 500, "internal_error")
		if strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%s tells the client of the inside: %s", path, w.Body)
		}
		if !strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), `"level":"ERROR"`) {
			t.Errorf("%s: the log says nothing of the cause: %s", path, log)
		}
	}
	if w := send(s, "HEAD", "/rest/v1/own", nil, nil); w.Code != 404 || w.Body.Len() != 0 {
		t.Errorf("HEAD: got %d with %d bytes", w.Code, w.Body.Len())
	}
}

func TestPanicAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, func(w *web.Response, _ *http.Request) error {
		_, _ = w.Write([]byte("[1,"))
		panic("boom")
	}, nil)
	srv := httptest.NewServer(s)
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/rest/v1/x")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Error("half an answer looks whole")
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, func(w *web.Response, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return err
		}
		return ok(w, r)
	}, func(c *Config) { c.BodyLimit = 10 })
	wantError(t, send(s, "POST", "/rest/v1/x", nil, strings.NewReader(strings.Repeat("a", 11))), 413, "body_too_large")
	chunked := struct{ io.Reader }{strings.NewReader(strings.Repeat("a", 11))}
	wantError(t, send(s, "POST", "/rest/v1/x", nil, chunked), 413, "body_too_large")
	if w := send(s, "POST", "/rest/v1/x", nil, strings.NewReader(strings.Repeat("a", 10))); w.Code != 200 {
		t.Errorf("a body at the limit: got %d", w.Code)
	}
}

func TestMetricsLabelsAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, ok, nil)
	for _, path := range []string{"/rest/v1/a", "/rest/v1/b?c=d", "/made/up", "/made/up/too"} {
		send(s, "GET", path, nil, nil)
	}
	send(s, "BREW", "/made/up", nil, nil)
	for _, tt := range []struct {
		labels []string
		want   float64
	}{
		{[]string{"/rest/v1/*path", "GET", "200"}, 2},
		{[]string{"none", "GET", "404"}, 2},
		{[]string{"none", "other", "404"}, 1},
	} {
		if got := testutil.ToFloat64(s.metrics.requests.WithLabelValues(tt.labels...)); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.labels, got, tt.want)
		}
	}
	if n := testutil.CollectAndCount(s.metrics.requests); n != 3 {
		t.Errorf("%d series for three kinds of request", n)
	}
	if got := testutil.ToFloat64(s.metrics.inFlight); got != 0 {
		t.Errorf("%v requests are in flight at rest", got)
	}
}

func TestQueryAndHeadersStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	s, log := setup(t, ok, nil)
	send(s, "GET", "/rest/v1/x?apikey=hunter2", http.Header{"Authorization": {"Bearer hunter2"}}, nil)
	if strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), `"path":"/rest/v1/x"`) {
		t.Errorf("the log: %s", log)
	}
}

// When told to stop, /readyz turns new work away while requests are still taken,
// and every request under way is answered.
func TestStopAnswersEveryRequest(t *testing.T) {
	t.Parallel()
	const inFlight = 100
	var started sync.WaitGroup
	started.Add(inFlight)
	release := make(chan struct{})
	s, _ := setup(t, func(w *web.Response, r *http.Request) error {
		if r.URL.Path == "/rest/v1/slow" {
			started.Done()
			<-release
		}
		return ok(w, r)
	}, func(c *Config) { c.DrainDelay = 300 * time.Millisecond })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Serve(ctx, l) }()

	var answered sync.WaitGroup
	failures := make(chan error, inFlight)
	for range inFlight {
		answered.Go(func() {
			resp, err := http.Get(base + "/rest/v1/slow")
			if err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode != 200 {
					err = fmt.Errorf("status %d", resp.StatusCode)
				}
			}
			if err != nil {
				failures <- err
			}
		})
	}
	started.Wait()
	stop()
	for {
		resp, err := http.Get(base + "/readyz")
		if err != nil {
			t.Fatalf("while draining, requests must still be taken: %v", err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == 503 {
			break
		}
	}
	close(release)
	answered.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(base + "/livez"); err == nil {
		t.Error("it still serves")
	}
}

// A body that never ends is given up at the request's deadline.
func TestSlowBodyIsGivenUp(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, func(w *web.Response, r *http.Request) error {
		_, err := io.ReadAll(r.Body)
		if err == nil {
			return ok(w, r)
		}
		return web.New("invalid_request", "the body ended too early").Because(err)
	}, func(c *Config) { c.RequestTimeout, c.DrainDelay = 100*time.Millisecond, 0 })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Serve(ctx, l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, "POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 400 {
		t.Errorf("got %d", resp.StatusCode)
	}
	stop()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("GET", "/rest/v1/x?a=b", "id", "https://a.b")
	f.Add("OPTIONS", "/%2F/../livez", "\x00", "null")
	s := New(Config{CORSOrigins: []string{"https://a.b"}, BodyLimit: 10, RequestTimeout: time.Minute, MaxHeaders: 100, MaxHeaderBytes: 64 << 10},
		Deps{Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry(), Rest: ok, RestPrefix: "/"})
	f.Fuzz(func(t *testing.T, method, target, id, origin string) {
		r, err := http.NewRequest(method, "http://127.0.0.1"+target, nil)
		if err != nil {
			return
		}
		r.Header["X-Request-Id"], r.Header["Origin"] = []string{id}, []string{origin}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %q: %d", method, target, w.Code)
		}
		if !validID(w.Header().Get("X-Request-Id")) {
			t.Errorf("the answer's request id is %q", w.Header().Get("X-Request-Id"))
		}
	})
}
