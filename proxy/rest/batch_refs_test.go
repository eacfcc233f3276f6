package rest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestParsePointer(t *testing.T) {
	t.Parallel()
	for s, want := range map[string][]string{
		"": nil, "/": {""}, "/a": {"a"}, "/a/b": {"a", "b"}, "/a~1b/~0": {"a/b", "~"}, "/~01": {"~1"}, "//": {"", ""},
	} {
		if got, ok := parsePointer(s); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q %v, want %q", s, got, ok, want)
		}
	}
	for _, s := range []string{"a", "/~", "/~2", "/a~", "/~0~"} {
		if got, ok := parsePointer(s); ok {
			t.Errorf("%q: %q, want none", s, got)
		}
	}
}

// Whatever an earlier operation answered, in a filter it is one value, and in a body
// it is one place.
func FuzzBatchReferences(f *testing.F) {
	for _, s := range []string{"", "x", `a,b"c\d`, ")", "null", "{n}", "%7Bn%7D", "&or=(id.gt.0)", "any", "Ünï", "a\tb +%"} {
		f.Add(s, "/a/0/"+s)
	}
	cfg := testConfig(f, nil)
	f.Fuzz(func(t *testing.T, value, pointer string) {
		if !isText(value) {
			return
		}
		for _, path := range []string{"/t?id=eq.{n}", "/t?select=a&id=not.neq.{n}&b=cs.{a,b}"} {
			got, err := setInPath(path, "n", value)
			if err != nil {
				t.Fatal(err)
			}
			r, err := parseHTTP(cfg, newHTTP("GET", got, ""))
			if err != nil {
				t.Fatalf("%q: %v", got, err)
			}
			if r.values[0] != value || len(r.params) != strings.Count(path, "=") {
				t.Errorf("%q: value %q of %d parameters, want %q", got, r.values[0], len(r.params), value)
			}
		}
		got, err := setInPath("/t?id=in.{n}", "n", []any{value, "x"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := parseHTTP(cfg, newHTTP("GET", got, ""))
		if err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		literal := `{"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `","x"}`
		if same, _ := json.Marshal(r.values); len(r.values) != 1 || r.values[0] != literal {
			t.Errorf("%q: %s, want %s", got, same, literal)
		}

		tokens, ok := parsePointer(pointer)
		if !ok || tokens == nil {
			return
		}
		document := map[string]any{"a": []any{map[string]any{}, nil}, "b": "x"}
		if setAt(document, tokens, value) && !strings.Contains(pointer, "*") {
			if got, ok := lookUp(document, tokens); !ok || got != value {
				t.Errorf("%q: put %q, found %v", pointer, value, got)
			}
		}
	})
}
