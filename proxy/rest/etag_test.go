package rest

import (
	"slices"
	"strings"
	"testing"
)

func TestEntityTags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		list string
		want string
	}{
		{``, ``},
		{`*`, `*`},
		{`"a"`, `"a"`},
		{` W/"a" ,"b,c",, W/"" `, `W/"a" "b,c" W/""`},
		{`"a" "b"`, `"a" "b"`},
		{`a, "b"`, ``},
		{`"a", b, "c"`, `"a"`},
		{`"a`, ``},
		{`w/"a"`, ``},
	} {
		var got []string
		for tag, weak := range entityTags([]string{tt.list}) {
			got = append(got, [...]string{"", "W/"}[b2i(weak)]+tag)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.list, got, tt.want)
		}
	}
}

// The comparisons of RFC 9110, 8.8.3.2.
func TestTagsAreCompared(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		one, other   string
		strong, weak bool
	}{
		{`W/"1"`, `W/"1"`, false, true},
		{`W/"1"`, `W/"2"`, false, false},
		{`W/"1"`, `"1"`, false, true},
		{`"1"`, `"1"`, true, true},
		{`*`, `"1"`, true, true},
		{`*`, `W/"1"`, true, true},
	} {
		strong, weak := namesTag([]string{tt.one}, tt.other, false), namesTag([]string{tt.one}, tt.other, true)
		if strong != tt.strong || weak != tt.weak {
			t.Errorf("%s and %s: strongly %t, weakly %t", tt.one, tt.other, strong, weak)
		}
	}
}

// Whatever comes as a version, only ours become part of the array, which needs no
// quotes then.
func FuzzVersions(f *testing.F) {
	f.Add(`"0123456789abcdef0123456789abcdef.x", W/"0123456789abcdef0123456789abcdef", "}"`)
	f.Fuzz(func(t *testing.T, header string) {
		r := request{method: "PATCH"}
		if err := r.readPrecondition(map[string][]string{"If-Match": {header}}); err != nil {
			t.Fatal(err)
		}
		list := strings.Split(strings.Trim(string(r.versions), "{}"), ",")
		if string(r.versions) != "{}" && slices.ContainsFunc(list, func(s string) bool { return !isVersion(s) }) {
			t.Errorf("%q becomes %s", header, r.versions)
		}
	})
}
