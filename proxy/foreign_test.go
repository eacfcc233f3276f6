package proxy

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// foreign gives a server whose functions are answered by handle.
func foreign(t *testing.T, handle web.Handler, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{CORSOrigins: []string{"https://app.example.com"}, MetricsAddress: off, Compression: true, CompressionMin: 1, RequestTimeout: time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	return New(cfg, Deps{Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry(), Rest: ok, RestPrefix: "/rest/v1", Functions: handle})
}

// What a function answers is its own: no CORS, no compression, no policy and no deadline of
// ours, whatever the method; a body comes as it was sent.
func TestAnswersOfFunctionsAreTheirOwn(t *testing.T) {
	t.Parallel()
	s := foreign(t, func(w *web.Response, r *http.Request) error {
		if end, ok := r.Context().Deadline(); ok {
			t.Errorf("the request ends at %v", end)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/html")
		w.Header().Add("X-Request-Id", "the function's")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %d %x", r.Method, r.Header.Get("Content-Encoding"), len(body), body[:min(2, len(body))])
		return nil
	}, nil)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(bytes.Repeat([]byte("["), 200)) // which would nest too deep
	_ = z.Close()
	for method, want := range map[string]string{"POST": "POST gzip " + fmt.Sprint(zipped.Len()) + " 1f8b", "OPTIONS": "OPTIONS", "BREW": "BREW", "QUERY": "QUERY"} {
		header := http.Header{"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"POST"}, "Accept-Encoding": {"gzip"}, "X-Request-Id": {"mine"}}
		body := io.Reader(http.NoBody)
		if method == "POST" {
			header["Content-Encoding"], header["Content-Type"], body = []string{"gzip"}, []string{"application/json"}, bytes.NewReader(zipped.Bytes())
		}
		w := send(s, method, "/functions/v1/x", header, body)
		if w.Code != http.StatusTeapot || !strings.HasPrefix(w.Body.String(), want) {
			t.Errorf("%s: %d %q, want %q", method, w.Code, w.Body, want)
		}
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": "", "Content-Security-Policy": "", "Content-Encoding": "", "Vary": "", "Cache-Control": "",
			"X-Content-Type-Options": "nosniff", "X-Request-Id": "mine",
		} {
			if got := strings.Join(w.Header()[name], ","); got != want {
				t.Errorf("%s: %s is %q, want %q", method, name, got, want)
			}
		}
	}
}

// An error of ours in a function's place has the shape that its clients read, and a page may
// read it. Limits that the operator has set for bodies hold.
func TestErrorsInThePlaceOfFunctions(t *testing.T) {
	t.Parallel()
	s := foreign(t, func(w *web.Response, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return err
		}
		return web.New(r.URL.Query().Get("code"), "Invalid JWT")
	}, func(c *Config) { c.BodyLimits = []string{"/functions/v1/small=10B"} })
	for _, tt := range []struct {
		target, body, origin string
		status               int
		want, allow          string
	}{
		{"/x?code=unauthorized", "", "https://app.example.com", 401, `{"msg":"Invalid JWT","request_id":"mine"}`, "https://app.example.com"},
		{"/x?code=function_not_found", "", "https://evil.example", 404, `{"code":"function_not_found","message":"Invalid JWT","request_id":"mine"}`, ""},
		{"/small?code=not_found", "0123456789a", "", 413, `"code":"body_too_large"`, ""},
		{"/x?code=not_found", strings.Repeat("x", 2<<20), "", 404, `"code":"not_found"`, ""},
	} {
		header := http.Header{"X-Request-Id": {"mine"}}
		if tt.origin != "" {
			header["Origin"] = []string{tt.origin}
		}
		w := send(s, "POST", "/functions/v1"+tt.target, header, strings.NewReader(tt.body))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || !json.Valid(w.Body.Bytes()) || w.Header().Get("Access-Control-Allow-Origin") != tt.allow {
			t.Errorf("%s: %d %s %v, want %d %s", tt.target, w.Code, w.Body, w.Header(), tt.status, tt.want)
		}
	}
}
