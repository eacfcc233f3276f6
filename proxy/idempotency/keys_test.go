package idempotency

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

func TestZeroAndNegativeMeanTheDefault(t *testing.T) {
	t.Parallel()
	want := Config{Header: "Idempotency-Key", TTL: 24 * time.Hour, Wait: 5 * time.Second, MaxAnswer: 1 << 20, SweepInterval: time.Hour}
	for _, c := range []Config{{}, {TTL: -1, Wait: -1, MaxAnswer: -1, SweepInterval: -1}} {
		if err := c.Check(); err != nil || c.Header != want.Header || c.TTL != want.TTL || c.Wait != want.Wait ||
			c.MaxAnswer != want.MaxAnswer || c.SweepInterval != want.SweepInterval {
			t.Errorf("%+v, %v, want %+v", c, err, want)
		}
	}
	err := (&Config{Header: "a b", Routes: []string{"/rest/["}}).Check()
	for _, name := range []string{"FLUXBASE_IDEMPOTENCY_HEADER", "FLUXBASE_IDEMPOTENCY_ROUTES"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}

// quote writes a string of RFC 9651.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"a", `"a"`, `"a\"b"`, `a b`, `"`, `""`, `"\`, "é", `"a`, strings.Repeat("k", 257)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, ok := parse(s)
		if !ok {
			return
		}
		if len(key) == 0 || len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q is the key %q", s, key)
		}
		if again, ok := parse(quote(key)); !ok || again != key {
			t.Errorf("%q is the key %q, and quoted %q", s, key, again)
		}
	})
}

func newKeys(tb testing.TB) *Keys {
	tb.Helper()
	var c Config
	if err := c.Check(); err != nil {
		tb.Fatal(err)
	}
	return New(c, prometheus.NewRegistry())
}

// No two requests read the same, however their parts are cut.
func TestEachPartOfARequestCounts(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	seen := map[string]string{}
	for name, c := range map[string]struct{ role, method, url, header, value, body string }{
		"plain":          {"anon", "POST", "/a?b=c", "", "", "x"},
		"role":           {"anonP", "OST", "/a?b=c", "", "", "x"},
		"method":         {"anon", "PUT", "/a?b=c", "", "", "x"},
		"path":           {"anon", "POST", "/a%2F?b=c", "", "", "x"},
		"query":          {"anon", "POST", "/a?b=d", "", "", "x"},
		"no query":       {"anon", "POST", "/a", "", "", "b=cx"},
		"body":           {"anon", "POST", "/a?b=c", "", "", "xx"},
		"schema":         {"anon", "POST", "/a?b=c", "Content-Profile", "x", ""},
		"prefer":         {"anon", "POST", "/a?b=c", "Prefer", "x", "x"},
		"type":           {"anon", "POST", "/a?b=c", "Content-Type", "x", "x"},
		"not the client": {"anon", "POST", "/a?b=c", "User-Agent", "x", "y"},
	} {
		r := httptest.NewRequest(c.method, c.url, nil)
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		print := k.Request("k", r, &pg.Caller{Role: c.role}, (&web.Response{}).Address, []byte(c.body)).fingerprint
		if other := seen[print]; other != "" {
			t.Errorf("%s is the same as %s", name, other)
		}
		seen[print] = name
	}
}

// BenchmarkWithoutAKey is what the feature costs a write that doesn't use it.
func BenchmarkWithoutAKey(b *testing.B) {
	k := newKeys(b)
	r := httptest.NewRequest(http.MethodPost, "/rest/v1/notes", nil)
	b.ReportAllocs()
	for b.Loop() {
		if key, err := k.Of(r); key != "" || err != nil {
			b.Fatal(key, err)
		}
	}
}

func BenchmarkWithAKey(b *testing.B) {
	k := newKeys(b)
	r := httptest.NewRequest(http.MethodPost, "/rest/v1/notes", nil)
	r.Header.Set("Idempotency-Key", "5f2c7d1e-7a3b-4c55-9a38-0d6f1c1d7e2a")
	body := []byte(`{"title":"Sow","body":"carrots"}`)
	b.ReportAllocs()
	for b.Loop() {
		key, err := k.Of(r)
		if err != nil {
			b.Fatal(err)
		}
		k.Request(key, r, &pg.Caller{Role: "authenticated", Subject: "ada"}, (&web.Response{}).Address, body)
	}
}
