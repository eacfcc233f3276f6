package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// manyRows is an answer of 100 rows, about 30 KB.
var manyRows = func() []byte {
	words := strings.Fields("a row has some words of which none comes as often as in its neighbour but all are of one language and not too many")
	random := rand.New(rand.NewPCG(1, 2))
	b := []byte{'['}
	for id := range 100 {
		b = fmt.Appendf(b, `{"id":%d,"owner":"%016x-%08x","created_at":"2026-01-%02dT%02d:%02d:00+00:00","body":"`,
			id, random.Uint64(), random.Uint32(), 1+random.IntN(28), random.IntN(24), random.IntN(60))
		for range 35 {
			b = append(append(b, words[random.IntN(len(words))]...), ' ')
		}
		b = append(b, "\"},"...)
	}
	b[len(b)-1] = ']'
	return b
}()

// answer sends body as a handler does that has it whole.
func answer(body []byte, header ...string) web.Handler {
	return func(w *web.Response, r *http.Request) error {
		h := w.Header()
		h["Content-Type"] = []string{"application/json; charset=utf-8"}
		for i := 0; i < len(header); i += 2 {
			h[header[i]] = []string{header[i+1]}
		}
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusOK)
			return nil
		}
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
		w.WriteHeader(http.StatusOK)
		_, err := w.Write(body)
		return err
	}
}

func compressing(c *Config) { c.Compression = true }

func decoded(t testing.TB, coding string, b []byte) []byte {
	t.Helper()
	var rd io.Reader = bytes.NewReader(b)
	var err error
	switch coding {
	case "gzip":
		rd, err = gzip.NewReader(rd)
	case "zstd":
		rd, err = zstd.NewReader(rd)
	}
	if err == nil {
		b, err = io.ReadAll(rd)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnswersAreCompressedAsAskedFor(t *testing.T) {
	t.Parallel()
	s, log := setup(t, answer(manyRows), compressing)
	for accept, want := range map[string]string{
		"": "", "identity": "", "br, deflate": "", "gzip": "gzip", "x-gzip": "gzip", "GZIP": "gzip", "zstd": "zstd",
		"gzip, deflate, br": "gzip", "gzip, deflate, br, zstd": "zstd", "gzip;q=1.0, zstd;q=0.5": "gzip",
		"gzip;q=0": "", "gzip;q=0.0, *": "zstd", "*": "zstd", "*;q=0": "", "zstd;q=0, *": "gzip", "identity, gzip;q=0.5": "",
		"gzip;q=nonsense": "", "gzip;q=2": "", "gzip ; Q=0.5": "gzip", ",, gzip ,": "gzip", "gzip;level=9": "gzip", "identity;q=0.5, gzip;q=0.5": "gzip",
	} {
		header := http.Header{}
		if accept != "" {
			header.Set("Accept-Encoding", accept)
		}
		log.Reset()
		w := send(s, "GET", "/rest/v1/x", header, nil)
		h := w.Header()
		if got := h.Get("Content-Encoding"); got != want || w.Code != 200 || !bytes.Equal(decoded(t, got, w.Body.Bytes()), manyRows) {
			t.Errorf("%q: got %q with %d bytes", accept, got, w.Body.Len())
		}
		if h.Get("Content-Length") != strconv.Itoa(w.Body.Len()) || h.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", accept, h)
		}
		if want != "" && w.Body.Len() > len(manyRows)/2 {
			t.Errorf("%q: %d bytes are left of %d", accept, w.Body.Len(), len(manyRows))
		}
		if !strings.Contains(log.String(), `"bytes":`+strconv.Itoa(w.Body.Len())+",") {
			t.Errorf("%q: the log tells of other bytes: %s", accept, log)
		}
	}
	w := send(s, "GET", "/rest/v1/x", http.Header{"Accept-Encoding": {"br", "gzip;q=0.1"}}, nil)
	if w.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("of two headers: %v", w.Header())
	}
	w = send(s, "HEAD", "/rest/v1/x", http.Header{"Accept-Encoding": {"gzip"}}, nil)
	if h := w.Header(); w.Code != 200 || h.Get("Vary") != "Accept-Encoding" || h.Get("Content-Encoding") != "" || w.Body.Len() > 0 {
		t.Errorf("HEAD: %d %v", w.Code, h)
	}
}

func TestAnswersThatAreNotCompressed(t *testing.T) {
	t.Parallel()
	noise := []byte(strings.Repeat("\x00", 1100))
	for i := range noise {
		noise[i] = byte(i*i*31 + i>>3*17)
	}
	for _, tt := range []struct {
		name    string
		handle  web.Handler
		encoded bool
	}{
		{"a weak ETag", answer(manyRows, "Etag", `W/"a"`), true},
		{"JSON of a kind", answer(manyRows, "Content-Type", "application/vnd.pgrst.object+json; charset=utf-8"), true},
		{"CSV", answer(manyRows, "Content-Type", "text/csv; charset=utf-8"), true},
		{"NDJSON", answer(manyRows, "Content-Type", "application/x-ndjson"), true},
		{"a page of rows", answer(manyRows, "Content-Range", "0-9/100"), true},
		{"1 KiB", answer(manyRows[:1024]), true},
		{"less", answer(manyRows[:1023]), false},
		{"nothing", answer(nil), false},
		{"a strong ETag, which names the bytes", answer(manyRows, "Etag", `"a"`), false},
		{"what a function has compressed", answer(manyRows, "Content-Encoding", "br"), false},
		{"what must not be changed on the way", answer(manyRows, "Cache-Control", "max-age=5, no-transform"), false},
		{"an event stream", answer(manyRows, "Content-Type", "text/event-stream"), false},
		{"an image", answer(manyRows, "Content-Type", "image/png"), false},
		{"bytes of a file", answer(manyRows, "Content-Range", "bytes 0-9/100"), false},
		{"what gets no shorter", answer(noise), false},
		{"what comes in parts of a known length", func(w *web.Response, _ *http.Request) error {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Length", "3000")
			for range 3 {
				if _, err := w.Write(manyRows[:1000]); err != nil {
					return err
				}
			}
			return nil
		}, false},
		{"204", func(w *web.Response, _ *http.Request) error { w.WriteHeader(204); return nil }, false},
		{"304", func(w *web.Response, _ *http.Request) error {
			w.Header().Set("Etag", `W/"a"`)
			w.WriteHeader(304)
			return nil
		}, false},
	} {
		s, _ := setup(t, tt.handle, compressing)
		for _, accept := range []string{"gzip", "zstd"} {
			plain := send(s, "GET", "/rest/v1/x", nil, nil)
			w := send(s, "GET", "/rest/v1/x", http.Header{"Accept-Encoding": {accept}}, nil)
			got := w.Header().Get("Content-Encoding")
			if (got == accept) != tt.encoded || !tt.encoded && !bytes.Equal(w.Body.Bytes(), plain.Body.Bytes()) || w.Code != plain.Code {
				t.Errorf("%s, %s: got %d %q with %d bytes", tt.name, accept, w.Code, got, w.Body.Len())
			}
			for _, w := range []*httptest.ResponseRecorder{plain, w} {
				if w.Header().Get("Vary") != "Accept-Encoding" {
					t.Errorf("%s: %v", tt.name, w.Header())
				}
			}
			if a, b := w.Header().Get("Etag"), plain.Header().Get("Etag"); a != b {
				t.Errorf("%s: the ETag is %s, and else %s", tt.name, a, b)
			}
		}
	}
	s, _ := setup(t, answer(manyRows), compressing)
	s.classes[0].prefix = "/rest/v1/secret/" // what begins so is of auth now
	w := send(s, "GET", "/rest/v1/secret/x", http.Header{"Accept-Encoding": {"gzip"}}, nil)
	if w.Header().Get("Content-Encoding") != "" || w.Header().Get("Vary") != "" {
		t.Errorf("an answer with secrets was compressed: %v", w.Header())
	}
	off, _ := setup(t, answer(manyRows), nil)
	w = send(off, "GET", "/rest/v1/x", http.Header{"Accept-Encoding": {"gzip"}}, nil)
	if w.Header().Get("Content-Encoding") != "" || w.Header().Get("Vary") != "" {
		t.Errorf("switched off: %v", w.Header())
	}
}

func TestVaryOfItsOwnStaysAndGetsOurs(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]string{"Accept": "Accept, Accept-Encoding", "*": "*", "Accept-Encoding": "Accept-Encoding"} {
		s, _ := setup(t, answer(manyRows, "Vary", own), compressing)
		for _, header := range []http.Header{{}, {"Accept-Encoding": {"gzip"}}} {
			w := send(s, "GET", "/rest/v1/x", header, nil)
			if got := strings.Join(w.Header()["Vary"], ", "); got != want {
				t.Errorf("%s: got %s", own, got)
			}
		}
	}
}

// What comes in parts can be read in parts, although it is compressed.
func TestCompressedStreamsArriveAsTheyAreSent(t *testing.T) {
	t.Parallel()
	next := make(chan bool)
	s, _ := setup(t, func(w *web.Response, r *http.Request) error {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for n := 0; <-next; n++ {
			if _, err := io.WriteString(w, strconv.Itoa(n)+"\n"); err != nil {
				return err
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return err
			}
		}
		if r.URL.RawQuery == "fails" {
			w.Broken = true
			return errors.New("the database is gone")
		}
		return nil
	}, compressing)
	address := listen(t, s)
	for _, coding := range []string{"gzip", "zstd"} {
		for _, query := range []string{"", "?fails"} {
			r, _ := http.NewRequest("GET", "http://"+address+"/rest/v1/x"+query, nil)
			r.Header.Set("Accept-Encoding", coding)
			go func() { next <- true }()
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if resp.Header.Get("Content-Encoding") != coding {
				t.Fatalf("got %v", resp.Header)
			}
			var rd io.Reader
			if coding == "gzip" {
				rd, err = gzip.NewReader(resp.Body)
			} else {
				rd, err = zstd.NewReader(resp.Body, zstd.WithDecoderConcurrency(1))
			}
			if err != nil {
				t.Fatal(err)
			}
			line := make([]byte, 2)
			for n := range 5 {
				if n > 0 {
					next <- true
				}
				if _, err := io.ReadFull(rd, line); err != nil || string(line) != strconv.Itoa(n)+"\n" {
					t.Fatalf("%s: line %d is %q, %v", coding, n, line, err)
				}
			}
			next <- false
			_, err = rd.Read(line)
			if _, whole := io.Copy(io.Discard, resp.Body); (err == io.EOF && whole == nil) != (query == "") {
				t.Errorf("%s%s: the end is %v, %v", coding, query, err, whole)
			}
			_ = resp.Body.Close()
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	small := []byte(`[{"id":1,"title":"A title"}]`)
	for _, bm := range []struct {
		name, accept string
		body         []byte
		on           bool
	}{
		{"small/off", "gzip, deflate, br", small, false},
		{"small/on", "gzip, deflate, br", small, true},
		{"30KB/off", "gzip, deflate, br", manyRows, false},
		{"30KB/unasked", "", manyRows, true},
		{"30KB/gzip", "gzip, deflate, br", manyRows, true},
		{"30KB/zstd", "gzip, deflate, br, zstd", manyRows, true},
	} {
		b.Run(bm.name, func(b *testing.B) {
			cfg := Config{CORSOrigins: []string{"*"}, MetricsAddress: off, Compression: bm.on}
			if err := cfg.Check(); err != nil {
				b.Fatal(err)
			}
			s := New(cfg, Deps{Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry(), Rest: answer(bm.body), RestPrefix: "/rest/v1"})
			r := httptest.NewRequest("GET", "/rest/v1/x", nil)
			r.Header = http.Header{"Accept": {"application/json"}, "User-Agent": {"x"}, "Authorization": {"Bearer x"}, "Apikey": {"x"}}
			if bm.accept != "" {
				r.Header.Set("Accept-Encoding", bm.accept)
			}
			w := &counting{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				w.n = 0
				s.ServeHTTP(w, r)
			}
			b.ReportMetric(float64(w.n), "sent")
		})
	}
}

// counting counts what is sent.
type counting struct {
	header http.Header
	n      int
}

func (d *counting) Header() http.Header { return d.header }
func (d *counting) WriteHeader(int)     {}
func (d *counting) Write(b []byte) (int, error) {
	d.n += len(b)
	return len(b), nil
}
