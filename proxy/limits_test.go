package proxy

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestSizesAreReadAsPostgresReadsThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1": 1, "1500": 1500, "64KB": 64 << 10, "64 kB": 64 << 10, "1MB": 1 << 20, "10MiB": 10 << 20, "2GB": 2 << 30, "7B": 7, " 8 KiB ": 8 << 10,
		"": 0, "0": 0, "-1": 0, "MB": 0, "1TB": 0, "1.5MB": 0, "1MBMB": 0, "1M": 0, "9999999999GB": 0, "0x10": 0, "1 0KB": 0,
	} {
		got, err := parseSize(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
}

func TestRulesMatchMethodAndPath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, method, path string
		want               bool
	}{
		{"/rest/v1/notes=1", "POST", "/rest/v1/notes", true},
		{"/rest/v1/notes=1", "POST", "/rest/v1/notes/", false},
		{"/rest/v1/notes=1", "POST", "/rest/v1/note%73", true},
		{"/rest/v1/notes=1", "POST", "/rest/v1/Notes", false},
		{"POST /rest/v1/notes=1", "PATCH", "/rest/v1/notes", false},
		{"post /rest/v1/notes=1", "POST", "/rest/v1/notes", true},
		{"/rest/v1/*=1", "POST", "/rest/v1/notes", true},
		{"/rest/v1/*=1", "POST", "/rest/v1/a%2Fb", true},
		{"/rest/v1/*=1", "POST", "/rest/v1/rpc/f", false},
		{"/rest/v1/log_*=1", "POST", "/rest/v1/log_a", true},
		{"/rest/v1/log_*=1", "POST", "/rest/v1/blog_a", false},
		{"/rest/v1/**=1", "POST", "/rest/v1/rpc/f", true},
		{"/rest/v1/**=1", "POST", "/rest/v1", true},
		{"/rest/v1/**=1", "POST", "/rest/v2/a", false},
		{"/**=1", "GET", "/", true},
		{"/**/f=1", "GET", "/a/b/f", true},
		{"/**/f=1", "GET", "/f", true},
		{"/**/f=1", "GET", "/a/f/g", false},
		{"/a/**/b/*/c=1", "GET", "/a/b/b/b/x/c", true},
		{"/a/**/b/*/c=1", "GET", "/a/b/b/b/x/d", false},
		{"/a/**/b/**/c=1", "GET", "/a/x/b/c", true},
	} {
		u, err := parseRule(tt.rule)
		if err != nil {
			t.Errorf("%s: %v", tt.rule, err)
			continue
		}
		if got := u.match(httptest.NewRequest(tt.method, tt.path, nil)); got != tt.want {
			t.Errorf("%s: %s %s: got %v", tt.rule, tt.method, tt.path, got)
		}
	}
	for _, bad := range []string{"", "/a", "/a=", "a=1", "=1", "POST=1", "POST a=1", "/[=1", "/a=x"} {
		if _, err := parseRules([]string{bad}); err == nil || !strings.Contains(err.Error(), `"`) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// However many ** there are, a long path costs no more than its length times theirs.
	u, _ := parseRule(strings.Repeat("/**/a", 30) + "/b=1")
	if u.match(httptest.NewRequest("GET", strings.Repeat("/a", 20000), nil)) {
		t.Error("a path without b matched")
	}
}

func TestTheClassOfAPath(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, ok, nil)
	for path, want := range map[string]string{
		"/rest/v1/notes": "rest", "/rest/v1/rpc/f": "rpc", "/rest/v1/batch": "bulk", "/rest/v1/batches": "rest", "/rest/v1": "other",
		"/auth/v1/token": "auth", "/api/v1/admin/service-keys": "admin", "/storage/v1/object/a/b": "storage", "/livez": "other", "*": "other", "": "other",
	} {
		if got := s.classOf(path).name; got != want {
			t.Errorf("%q: got %s, want %s", path, got, want)
		}
	}
}
