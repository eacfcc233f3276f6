package proxy

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/web"
)

func TestEveryAnswerHasSecurityHeaders(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, func(w *web.Response, r *http.Request) error {
		switch r.URL.Path {
		case "/rest/v1/panic":
			panic("boom")
		case "/rest/v1/own":
			w.Header().Set("Cache-Control", "public, max-age=60")
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
		case "/rest/v1/no":
			return web.New("forbidden", "no")
		}
		return ok(w, r)
	}, nil)
	for _, tt := range []struct {
		method, path string
		header       http.Header
		body         io.Reader
		status       int
		kept         string // how the answer may be
	}{
		{"GET", "/rest/v1/x", nil, nil, 200, "private, no-cache"},
		{"HEAD", "/rest/v1/x", nil, nil, 200, "private, no-cache"},
		{"GET", "/rest/v1/own", nil, nil, 200, "public, max-age=60"},
		{"GET", "/livez", nil, nil, 200, "private, no-cache"},
		{"GET", "/rest/v1/no", nil, nil, 403, "no-store"},
		{"GET", "/rest/v1/panic", nil, nil, 500, "no-store"},
		{"GET", "/nowhere", nil, nil, 404, "no-store"},
		{"DELETE", "/livez", nil, nil, 405, "no-store"},
		{"POST", "/rest/v1/x", nil, strings.NewReader(strings.Repeat("a", 11<<20)), 413, "no-store"},
		{"OPTIONS", "/rest/v1/x", http.Header{"Origin": {appOrigin}, "Access-Control-Request-Method": {"PUT"}}, nil, 204, "private, no-cache"},
	} {
		w := send(s, tt.method, tt.path, tt.header, tt.body)
		want := map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "cross-origin",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cache-Control": tt.kept, "Strict-Transport-Security": "",
		}
		if tt.path == "/rest/v1/own" {
			want["Content-Security-Policy"] = "default-src 'self'"
		}
		for name, value := range want {
			if got := strings.Join(w.Header()[name], "|"); got != value {
				t.Errorf("%s %s: %s is %q, want %q", tt.method, tt.path, name, got, value)
			}
		}
		if w.Code != tt.status {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, w.Code, tt.status)
		}
	}

	s.SetLive(Live{PostgREST: true})
	if h := send(s, "GET", "/rest/v1/x", nil, nil).Header(); len(h) != 3 { // length, type and request id
		t.Errorf("in PostgREST's place: %v", h)
	}
}

// Browsers are told to come by https only by what came by https.
func TestHSTSOnlyOverTLS(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, ok, func(c *Config) { c.TrustedProxies = []string{"10.0.0.0/8"} })
	for _, tt := range []struct {
		name, remote, proto string
		tls                 bool
		want                string
	}{
		{"plain", "203.0.113.5:80", "", false, ""},
		{"own TLS", "203.0.113.5:80", "", true, "max-age=31536000"},
		{"a proxy's TLS", "10.0.0.1:80", "https", false, "max-age=31536000"},
		{"a proxy without", "10.0.0.1:80", "http", false, ""},
		{"who only says so", "203.0.113.5:80", "https", false, ""},
	} {
		r := httptest.NewRequest("GET", "/rest/v1/x", nil)
		r.RemoteAddr = tt.remote
		if tt.proto != "" {
			r.Header.Set("X-Forwarded-Proto", tt.proto)
		}
		if tt.tls {
			r.TLS = new(tls.ConnectionState)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if got := w.Header().Get("Strict-Transport-Security"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	none, _ := setup(t, ok, func(c *Config) { c.HSTS = off })
	r := httptest.NewRequest("GET", "/rest/v1/x", nil)
	r.TLS = new(tls.ConnectionState)
	w := httptest.NewRecorder()
	if none.ServeHTTP(w, r); w.Header()["Strict-Transport-Security"] != nil {
		t.Error("it is off and comes all the same")
	}
}

func TestLogHasTheClientBehindProxies(t *testing.T) {
	t.Parallel()
	s, log := setup(t, ok, func(c *Config) { c.TrustedProxies = []string{"192.0.2.1"} }) // as httptest has it
	send(s, "GET", "/rest/v1/x", http.Header{"X-Forwarded-For": {"6.6.6.6, 203.0.113.7"}}, nil)
	if !strings.Contains(log.String(), `"client":"203.0.113.7"`) {
		t.Errorf("the log: %s", log)
	}
}

// discard is a ResponseWriter that costs nothing itself.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// What a request costs before and after its handler: in PostgREST's place, with the
// security headers, and for a page of a listed origin.
func BenchmarkMiddleware(b *testing.B) {
	answer := []byte("fine")
	handle := func(w *web.Response, _ *http.Request) error {
		_, err := w.Write(answer)
		return err
	}
	for _, bb := range []struct {
		name   string
		live   Live
		origin string
	}{
		{"PostgREST", Live{PostgREST: true}, ""},
		{"own", Live{}, ""},
		{"page", Live{CORSOrigins: []string{"https://*.example.com"}}, appOrigin},
	} {
		b.Run(bb.name, func(b *testing.B) {
			cfg := Config{CORSOrigins: []string{"*"}, MetricsAddress: off}
			if err := cfg.Check(); err != nil {
				b.Fatal(err)
			}
			s := New(cfg, Deps{
				Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry(), Rest: handle, RestPrefix: "/rest/v1", Live: bb.live,
			})
			r := httptest.NewRequest("GET", "/rest/v1/x", nil)
			if bb.origin != "" {
				r.Header.Set("Origin", bb.origin)
			}
			w := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.h)
				s.ServeHTTP(w, r)
			}
		})
	}
}
