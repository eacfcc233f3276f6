package rest

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/catalog"
)

func TestDocument(t *testing.T) {
	t.Parallel()
	stored, err := os.ReadFile("testdata/openapi_catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Parse(stored)
	if err != nil {
		t.Fatal(err)
	}
	d := &description{server: locate(*testConfig(t, nil), "", ""), schema: c.Schema("api")}
	d.all(c)
	doc := d.document()
	checkReferences(t, doc)

	const file = "testdata/openapi.json"
	var got bytes.Buffer
	if err := json.Indent(&got, doc, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s differs; run go test -update and look at the diff\n%s", file, difference(got.String(), string(want)))
	}
}

// checkReferences holds that every $ref leads somewhere, without which readers
// refuse the document.
func checkReferences(t *testing.T, document []byte) {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(document, &root); err != nil {
		t.Fatal(err)
	}
	refs := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for key, e := range v {
				if ref, ok := e.(string); ok && key == "$ref" {
					refs++
					kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/"), "/")
					if group, _ := root[kind].(map[string]any); group[name] == nil {
						t.Errorf("%s leads nowhere", ref)
					}
				}
				walk(e)
			}
		}
	}
	walk(root)
	if refs == 0 {
		t.Error("no references found")
	}
}

func TestLocation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		uri, url, address, prefix string
		want                      location
	}{
		{"", "", "127.0.0.1:8080", "/rest/v1", location{"http", "127.0.0.1:8080", "/rest/v1"}},
		{"", "https://api.example.com", ":3000", "/rest/v1", location{"https", "api.example.com", "/rest/v1"}},
		{"", "", ":3000", "/", location{"http", "0.0.0.0:3000", "/"}},
		{"", "", "!4:3000", "/", location{"http", "0.0.0.0:3000", "/"}},
		{"", "", "[::1]:3000", "/", location{"http", "[::1]:3000", "/"}},
		{"https://example.com", "https://other.example", "", "/", location{"https", "example.com:443", "/"}},
		{"http://example.com/", "", "", "/", location{"http", "example.com:80", "/"}},
		{"HTTPS://example.com:8443/base", "", "", "/", location{"https", "example.com:8443", "/base"}},
	} {
		if got := locate(Config{OpenAPIProxyURI: c.uri, Prefix: c.prefix}, c.url, c.address); got != c.want {
			t.Errorf("%q %q: got %+v, want %+v", c.uri, c.address, got, c.want)
		}
	}
}

func TestOpenAPIConfigIsChecked(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"example.com", "//example.com", "ftp://example.com", "http://", "http://user@example.com", "http://example.com/?a=b",
		"http://example.com?", "http://example.com/#a", "http://example.com:0", "http://example.com:65536", "http://exa mple.com",
	} {
		cfg := Config{Schemas: []string{"public"}, OpenAPIProxyURI: uri}
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), "FLUXBASE_REST_OPENAPI_SERVER_PROXY_URI") {
			t.Errorf("%q: %v", uri, err)
		}
	}
	cfg := Config{Schemas: []string{"public"}, OpenAPIMode: "none"}
	if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), "FLUXBASE_REST_OPENAPI_MODE") {
		t.Errorf("mode none: %v", err)
	}
}
