package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// readsAll answers with how much of the body there was.
func readsAll(w *web.Response, r *http.Request) error {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return err
	}
	return web.Text(w, http.StatusOK, fmt.Sprint(n))
}

// listen serves s and gives its address.
func listen(t testing.TB, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		<-stopped
	})
	return l.Addr().String()
}

// dial opens a connection on which nothing lasts for ever.
func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(b, nil)
}

// chunked hides from net/http how long a body is.
type chunked struct{ io.Reader }

func TestBodiesOverTheLimitOfTheirRouteClass(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, readsAll, func(c *Config) {
		c.BodyLimits = []string{"POST /rest/v1/documents=2MB", "/rest/v1/tiny/**=10", "PATCH /rest/v1/*=3B"}
	})
	const kb, mb = 1 << 10, 1 << 20
	for _, tt := range []struct {
		method, path, contentType, first string
		limit                            int
		class                            string
	}{
		{"POST", "/rest/v1/notes", "application/json", "{", mb, "rest"},
		{"POST", "/rest/v1/notes", "", " \t\r\n\"", mb, "rest"},
		{"POST", "/rest/v1/notes", "application/json", "[", 10 * mb, "bulk"},
		{"POST", "/rest/v1/notes", "application/json", strings.Repeat(" ", 5000) + "[", 10 * mb, "bulk"},
		{"POST", "/rest/v1/notes", "Text/CSV; charset=utf-8", "a", 10 * mb, "bulk"},
		{"POST", "/rest/v1/notes", "application/x-ndjson", "{", 10 * mb, "bulk"},
		{"POST", "/rest/v1/rpc/f", "application/json", "{", 10 * mb, "rpc"},
		{"POST", "/rest/v1/batch", "application/json", "{", 10 * mb, "bulk"},
		{"POST", "/rest/v1/documents", "application/json", "{", 2 * mb, "rest"},
		{"PUT", "/rest/v1/documents", "application/json", "{", mb, "rest"},
		{"POST", "/rest/v1/tiny/a/b", "application/json", "[", 10, "rest"},
		{"PATCH", "/rest/v1/notes", "application/json", "[", 3, "rest"},
	} {
		for _, known := range []bool{true, false} {
			send := func(n int, header http.Header) *httptest.ResponseRecorder {
				body := tt.first + strings.Repeat("a", n-len(tt.first))
				r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(body))
				if !known {
					r = httptest.NewRequest(tt.method, tt.path, chunked{strings.NewReader(body)})
				}
				r.Header = header
				if tt.contentType != "" {
					r.Header.Set("Content-Type", tt.contentType)
				}
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				return w
			}
			if w := send(tt.limit, http.Header{}); w.Code != 200 || w.Body.String() != fmt.Sprint(tt.limit) {
				t.Errorf("%s %s (length known: %v): at the limit: %d %s", tt.method, tt.path, known, w.Code, w.Body)
			}
			w := send(tt.limit+1, http.Header{})
			wantError(t, w, 413, "body_too_large")
			wantLimit(t, w, tt.limit, tt.class)
			if w.Header().Get("Connection") != "close" {
				t.Errorf("%s: the connection goes on", tt.path)
			}
		}
	}
	for path, want := range map[string]limit{
		"/auth/v1/token":             {"auth", 64 * kb, 0},
		"/api/v1/admin/service-keys": {"admin", 5 * mb, 0},
		"/storage/v1/object/a/b":     {"storage", 100 * mb, 0},
		"/livez":                     {"other", mb, 0},
	} {
		r := httptest.NewRequest("POST", path, chunked{strings.NewReader("")})
		r.ContentLength = want.bytes + 1
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		wantError(t, w, 413, "body_too_large")
		wantLimit(t, w, int(want.bytes), want.class)
	}
}

func wantLimit(t *testing.T, w *httptest.ResponseRecorder, limit int, class string) {
	t.Helper()
	var e struct {
		Message, Hint string
		Details       struct {
			Limit int    `json:"limit_bytes"`
			Class string `json:"route_class"`
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	if e.Details.Limit != limit || e.Details.Class != class || !strings.Contains(e.Message, class) || !strings.Contains(e.Hint, "FLUXBASE_SERVER_BODY_LIMITS") {
		t.Errorf("want limit %d of %s: %s", limit, class, w.Body)
	}
}

func TestInThePlaceOfAPostgRESTAllIsAsBefore(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, readsAll, nil)
	s.SetLive(Live{PostgREST: true, Errors: web.Strict})
	body := gzipped(t, bytes.Repeat([]byte("a"), 5000))
	w := send(s, "POST", "/rest/v1/x", http.Header{"Content-Encoding": {"gzip"}}, bytes.NewReader(body))
	if w.Body.String() != fmt.Sprint(len(body)) {
		t.Errorf("the body was decompressed: %s", w.Body)
	}
	if w := send(s, "POST", "/rest/v1/x", nil, strings.NewReader(strings.Repeat("a", 10<<20))); w.Code != 200 {
		t.Errorf("10 MiB: got %d", w.Code)
	}
	w = send(s, "POST", "/rest/v1/x", nil, strings.NewReader(strings.Repeat("a", 10<<20+1)))
	const want = `{"code":"body_too_large","details":{"limit_bytes":10485760},"hint":"send less at once, or raise FLUXBASE_SERVER_BODY_LIMIT","message":"the request body is too large"}`
	if w.Code != 413 || w.Body.String() != want {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	many := http.Header{}
	for i := range 200 {
		many.Set(fmt.Sprint("X-", i), "a")
	}
	if w := send(s, "GET", "/rest/v1/x", many, nil); w.Code == 431 {
		t.Error("many headers were refused")
	}
}

func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, func(w *web.Response, r *http.Request) error {
		if r.ContentLength > 0 || r.Header.Get("Content-Length")+r.Header.Get("Content-Encoding") != "" {
			t.Errorf("the handler is told of %d bytes, %v", r.ContentLength, r.Header)
		}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		w.WriteHeader(200)
		_, err = w.Write(b)
		return err
	}, nil)
	plain := []byte(strings.Repeat(`{"a": "b"} `, 5000))
	for _, tt := range []struct {
		coding string
		body   []byte
	}{
		{"gzip", gzipped(t, plain)},
		{"GZIP", gzipped(t, plain)},
		{"x-gzip", gzipped(t, plain)},
		{"gzip", append(gzipped(t, plain[:100]), gzipped(t, plain[100:])...)},
		{"zstd", zstandard(t, plain)},
		{"zstd", append(zstandard(t, plain[:100]), zstandard(t, plain[100:])...)},
	} {
		for range 3 { // decoders are used again
			w := send(s, "POST", "/rest/v1/x", http.Header{"Content-Encoding": {tt.coding}}, bytes.NewReader(tt.body))
			if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), plain) {
				t.Errorf("%s: got %d with %d bytes", tt.coding, w.Code, w.Body.Len())
			}
		}
		for _, broken := range [][]byte{tt.body[:len(tt.body)-5], append([]byte("x"), tt.body...), {}, plain} {
			w := send(s, "POST", "/rest/v1/x", http.Header{"Content-Encoding": {tt.coding}}, chunked{bytes.NewReader(broken)})
			if len(broken) == 0 && tt.coding == "zstd" {
				continue // no frames at all are a body of nothing
			}
			wantError(t, w, 400, "invalid_request")
		}
	}
	for _, coding := range []string{"deflate", "br", "gzip, gzip", "gzip, zstd", "nothing"} {
		w := send(s, "POST", "/rest/v1/x", http.Header{"Content-Encoding": {coding}}, bytes.NewReader(plain))
		wantError(t, w, 415, "unsupported_encoding")
		if got := w.Header().Get("Accept-Encoding"); got != codings {
			t.Errorf("%s: Accept-Encoding is %q", coding, got)
		}
	}
	w := send(s, "POST", "/rest/v1/x", http.Header{"Content-Encoding": {"gzip", "gzip"}}, bytes.NewReader(gzipped(t, gzipped(t, plain))))
	wantError(t, w, 415, "unsupported_encoding")
	var wide bytes.Buffer
	z, err := zstd.NewWriter(&wide, zstd.WithWindowSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = z.Write(plain)
	_ = z.Flush()
	_, _ = z.Write(plain)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	w = send(s, "POST", "/rest/v1/x", http.Header{"Content-Encoding": {"zstd"}}, &wide)
	wantError(t, w, 400, "invalid_request")
	if !strings.Contains(w.Body.String(), "8 MB") {
		t.Errorf("nothing is said of the window: %s", w.Body)
	}
}

// repeat gives part again and again.
type repeat struct {
	part []byte
	at   int
	read int64
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.part[r.at:])
	r.at = (r.at + n) % len(r.part)
	r.read += int64(n)
	return n, nil
}

// 10 GB that fit into 10 MB are refused when a limit's worth of them was seen. It runs
// alone, because it looks at the memory of the whole process.
func TestZipBomb(t *testing.T) {
	s, _ := setup(t, readsAll, nil)
	zeros := make([]byte, 10<<20)
	rows := append([]byte("["), zeros...)
	for coding, part := range map[string][]byte{"gzip": gzipped(t, zeros), "zstd": zstandard(t, zeros)} {
		var first []byte
		if coding == "gzip" {
			first = gzipped(t, rows[:1])
		} else {
			first = zstandard(t, rows[:1])
		}
		for path, limit := range map[string]int{"/rest/v1/notes": 10 << 20, "/rest/v1/rpc/f": 10 << 20} {
			bomb := &repeat{part: part}
			r := httptest.NewRequest("POST", path, chunked{io.MultiReader(bytes.NewReader(first), bomb)})
			r.Header = http.Header{"Content-Encoding": {coding}, "Content-Type": {"application/json"}}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			runtime.ReadMemStats(&after)
			wantError(t, w, 413, "body_too_large")
			if !strings.Contains(w.Body.String(), fmt.Sprint(limit)) || !strings.Contains(w.Body.String(), "once decompressed") {
				t.Errorf("%s: %s", coding, w.Body)
			}
			if used := after.Sys - before.Sys; used > 64<<20 {
				t.Errorf("%s: the process grew by %d bytes", coding, used)
			}
		}
	}
	// What decompresses to nothing is counted as it comes.
	empty := &repeat{part: []byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4}} // a skippable frame of zstd
	r := httptest.NewRequest("POST", "/rest/v1/notes", chunked{empty})
	r.Header = http.Header{"Content-Encoding": {"zstd"}}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	wantError(t, w, 413, "body_too_large")
}

// A client that goes on sending gets the answer, and its connection is closed.
func TestChunkedBodyThatNeverEnds(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, readsAll, nil)
	address := listen(t, s)
	for _, head := range []string{
		"Transfer-Encoding: chunked\r\n\r\n",
		"Content-Length: 99999999\r\n\r\n",
	} {
		conn := dial(t, address)
		_, err := io.WriteString(conn, "POST /rest/v1/x HTTP/1.1\r\nHost: x\r\n"+head)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			chunk := []byte("10000\r\n" + strings.Repeat("a", 0x10000) + "\r\n")
			for {
				if _, err := conn.Write(chunk); err != nil {
					ended <- err
					return
				}
			}
		}()
		rd := bufio.NewReader(conn)
		resp, err := http.ReadResponse(rd, nil)
		if err != nil {
			t.Fatalf("%q: there is no answer: %v", head, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 413 || !resp.Close || !strings.Contains(string(body), "body_too_large") {
			t.Errorf("%q: got %d %s, %v", head, resp.StatusCode, body, err)
		}
		<-ended
	}
}

func TestClientThatAsksBeforeItSendsIsSpared(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, readsAll, nil)
	conn := dial(t, listen(t, s))
	rd := bufio.NewReader(conn)
	ask := func(n int) *http.Response {
		_, err := fmt.Fprintf(conn, "POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", n)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(rd, nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	if resp := ask(4); resp.StatusCode != 100 {
		t.Fatalf("got %d", resp.StatusCode)
	}
	_, _ = io.WriteString(conn, "abcd")
	resp, err := http.ReadResponse(rd, nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("got %v, %v", resp, err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp := ask(99 << 20); resp.StatusCode != 413 || !resp.Close {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestDeepJSONIsFoundByAllWhoReadIt(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, readsAll, nil)
	s.classes = []routeClass{{name: "made-up", prefix: "/", bytes: 1 << 20, bulk: 1 << 20}}
	deep := func(n int) string { return strings.Repeat(`{"a":[`, n/2) + `"[[[["` + strings.Repeat("]}", n/2) }
	for _, header := range []http.Header{{}, {"Content-Type": {"application/json"}}, {"Content-Type": {"application/vnd.x+json; charset=utf-8"}}} {
		if w := send(s, "POST", "/rest/v1/x", header.Clone(), strings.NewReader(deep(64))); w.Code != 200 {
			t.Errorf("64 levels: got %d %s", w.Code, w.Body)
		}
		for _, body := range []string{deep(66), strings.Repeat("[", 100000)} {
			w := send(s, "POST", "/rest/v1/x", header.Clone(), strings.NewReader(body))
			wantError(t, w, 400, "json_too_deep")
			if !strings.Contains(w.Body.String(), `"details":{"limit_levels":64,"route_class":"made-up"}`) {
				t.Errorf("got %s", w.Body)
			}
		}
	}
	if w := send(s, "POST", "/rest/v1/x", http.Header{"Content-Type": {"text/plain"}}, strings.NewReader(deep(100))); w.Code != 200 {
		t.Errorf("text: got %d", w.Code)
	}
}
