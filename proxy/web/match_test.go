package web

import (
	"slices"
	"testing"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, path string
		parts         []string
		ok            bool
	}{
		{"/a", "/a", nil, true},
		{"/a", "/a/", nil, false},
		{"/a/*", "/a/1", []string{"1"}, true},
		{"/a/*", "/a/", nil, false},
		{"/a/*", "/a/1/2", []string{"1"}, false},
		{"/a/*/b", "/a/1/b", []string{"1"}, true},
		{"/a/*/b", "/a//b", nil, false},
		{"/a/*/b/*", "/a/1/b/2", []string{"1", "2"}, true},
		{"/a/*/b/*", "/a/1/c/2", nil, false},
	} {
		parts, ok := Match(tt.pattern, tt.path)
		if ok != tt.ok || ok && !slices.Equal(parts, tt.parts) {
			t.Errorf("%s of %s: got %q %t, want %q %t", tt.pattern, tt.path, parts, ok, tt.parts, tt.ok)
		}
	}
}
