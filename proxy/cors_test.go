package proxy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/web"
)

const appOrigin = "https://app.example.com"

// preflight asks as a browser does before a POST.
func preflight(s *Server, origin string, more ...string) *httptest.ResponseRecorder {
	h := http.Header{
		"Origin": {origin}, "Access-Control-Request-Method": {"POST"},
		"Access-Control-Request-Headers": {"apikey,x-client-info"},
	}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = []string{more[i+1]}
	}
	return send(s, "OPTIONS", "/rest/v1/notes", h, nil)
}

func listing(origins ...string) func(*Config) {
	return func(c *Config) { c.CORSOrigins = origins }
}

func TestPagesOfEveryOriginMayCall(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, ok, nil)
	w := preflight(s, appOrigin, "Access-Control-Request-Private-Network", "true")
	h := w.Header()
	if w.Code != 204 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Headers") != "apikey,x-client-info" ||
		!strings.Contains(h.Get("Access-Control-Allow-Methods"), "PATCH") || h.Get("Access-Control-Max-Age") != "86400" {
		t.Errorf("preflight: got %d %v", w.Code, h)
	}
	if h.Get("Access-Control-Allow-Private-Network") != "" {
		t.Error("every page of the internet may reach into the network of its reader")
	}
	for _, junk := range []string{"", ",", "a,,b", "a b", "a,<script>", "a:b", "a\u00e9"} {
		if got := preflight(s, appOrigin, "Access-Control-Request-Headers", junk).Header().Get("Access-Control-Allow-Headers"); got != "" {
			t.Errorf("%q is echoed as %q", junk, got)
		}
	}
	w = send(s, "GET", "/rest/v1/notes", http.Header{"Origin": {"null"}}, nil)
	h = w.Header()
	if h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "Content-Range") ||
		strings.Contains(strings.Join(h["Vary"], ","), "Origin") || h.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		t.Errorf("read: %v", h)
	}
	if w := send(s, "OPTIONS", "/rest/v1/notes", nil, nil); w.Code != 200 {
		t.Errorf("OPTIONS that is no preflight must reach the route: got %d", w.Code)
	}
}

func TestOnlyListedPagesMayCall(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, ok, listing(appOrigin, "https://*.preview.example.com"))
	for _, origin := range []string{appOrigin, "https://pr-7.preview.example.com"} {
		h := send(s, "GET", "/rest/v1/notes", http.Header{"Origin": {origin}}, nil).Header()
		if h.Get("Access-Control-Allow-Origin") != origin || h.Get("Vary") != "Origin" || h.Get("Cross-Origin-Resource-Policy") != "same-site" {
			t.Errorf("%s reads: %v", origin, h)
		}
		w := preflight(s, origin, "Access-Control-Request-Private-Network", "true")
		if w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != origin || w.Header().Get("Access-Control-Allow-Private-Network") != "true" {
			t.Errorf("%s asks: %d %v", origin, w.Code, w.Header())
		}
	}
	for _, origin := range []string{"https://evil.example.com", "null", "*", "https://app.example.com.evil.test", "https://preview.example.com", "APP", "\x00"} {
		w := send(s, "GET", "/rest/v1/notes", http.Header{"Origin": {origin}}, nil)
		if h := w.Header(); w.Code != 200 || h["Access-Control-Allow-Origin"] != nil || h.Get("Vary") != "Origin" {
			t.Errorf("%q reads: %d %v", origin, w.Code, h)
		}
		w = preflight(s, origin)
		wantError(t, w, 403, "forbidden_origin")
		if w.Header()["Access-Control-Allow-Origin"] != nil {
			t.Errorf("%q is told that it may", origin)
		}
	}
	two := send(s, "GET", "/rest/v1/notes", http.Header{"Origin": {appOrigin, "https://evil.example.com"}}, nil)
	if two.Header()["Access-Control-Allow-Origin"] != nil {
		t.Error("two origins at once are one of the list")
	}
	// An answer that no page asked for, as a cache would keep it for one that does.
	if h := send(s, "GET", "/rest/v1/notes", nil, nil).Header(); h.Get("Vary") != "Origin" || h["Access-Control-Allow-Origin"] != nil {
		t.Errorf("without an origin: %v", h)
	}
	sandbox, _ := setup(t, ok, listing("null"))
	if got := send(sandbox, "GET", "/rest/v1/notes", http.Header{"Origin": {"null"}}, nil).Header().Get("Access-Control-Allow-Origin"); got != "null" {
		t.Errorf("null is listed: got %q", got)
	}
}

// No answer to any request allows credentials, and none a page that is not listed.
func TestCredentialsAreNeverAllowed(t *testing.T) {
	t.Parallel()
	for _, list := range [][]string{{"*"}, {appOrigin}, {"*", appOrigin, "null"}, {}} {
		s, _ := setup(t, func(w *web.Response, r *http.Request) error {
			if r.URL.Path == "/rest/v1/no" {
				return web.NotFound
			}
			return ok(w, r)
		}, listing(list...))
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			for _, path := range []string{"/rest/v1/notes", "/rest/v1/no", "/livez", "/nowhere"} {
				for _, origin := range []string{appOrigin, "null", "https://evil.test"} {
					for _, asked := range []string{"", "POST"} {
						h := http.Header{"Origin": {origin}, "Cookie": {"a=b"}}
						if asked != "" {
							h.Set("Access-Control-Request-Method", asked)
						}
						if got := send(s, method, path, h, nil).Header()["Access-Control-Allow-Credentials"]; got != nil {
							t.Errorf("%v %s %s from %s: %q", list, method, path, origin, got)
						}
					}
				}
			}
		}
	}
}
