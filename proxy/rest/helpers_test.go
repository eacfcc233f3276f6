package rest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/catalog"
)

// storedCatalog is that of the tests' fixture; a test there keeps it up to date.
func storedCatalog(t testing.TB) *catalog.Catalog {
	t.Helper()
	document, err := os.ReadFile("testdata/catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testConfig(t testing.TB, change func(*Config)) *Config {
	t.Helper()
	cfg := &Config{Prefix: "/rest/v1", Schemas: []string{"public"}, ExtraSearchPath: []string{"public", "extensions"}, LegacyTargetNames: true}
	if change != nil {
		change(cfg)
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// newHTTP makes a request below the prefix; header lines are "Name: value".
func newHTTP(method, path, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "/rest/v1"+strings.NewReplacer(" ", "%20", `"`, "%22").Replace(path), strings.NewReader(body))
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if name != "" {
			r.Header.Add(name, value)
		}
	}
	return r
}

func parseHTTP(cfg *Config, hr *http.Request) (*request, error) {
	r := new(request)
	r.reset(cfg)
	return r, r.parse(hr)
}
