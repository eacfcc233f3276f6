package realtime

import (
	"reflect"
	"strings"
	"testing"
)

func TestFiltersAreParsed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]condition{
		"":                          nil,
		"id=eq.5":                   {{"id", "eq", []string{"5"}}},
		"a b=neq.":                  {{"a b", "neq", []string{""}}},
		"body=eq.a,b":               {{"body", "eq", []string{"a,b"}}},
		"id=gt.5,id=lte.9":          {{"id", "gt", []string{"5"}}, {"id", "lte", []string{"9"}}},
		"at=gte.2026-01-01T00:00Z":  {{"at", "gte", []string{"2026-01-01T00:00Z"}}},
		"room=in.(a,b)":             {{"room", "eq", []string{"a", "b"}}},
		`room=in.("a,b=eq.c",d"")`:  {{"room", "eq", []string{"a,b=eq.c", "d"}}},
		`room=in.("a\"b"),id=lt.-1`: {{"room", "eq", []string{`a"b`}}, {"id", "lt", []string{"-1"}}},
		"room=in.()":                {{"room", "eq", []string{""}}},
	} {
		if got, err := parseFilter(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{
		"id", "id=5", "id=eq", "=eq.5", "id=like.5", "id=in.a", "id=in.(a", "id=eq.5\x00",
		"id=in.(" + strings.Repeat("1,", 100) + "1)",
	} {
		if got, err := parseFilter(bad); err == nil {
			t.Errorf("%q is taken for %+v", bad, got)
		}
	}
}

// Nothing makes the parser panic, and no condition is without a value.
func FuzzFilter(f *testing.F) {
	f.Add("id=gt.5,id=lte.9")
	f.Add(`room=in.("a,b=eq.c",d"")`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseFilter(text)
		if err != nil {
			return
		}
		for _, c := range list {
			if c.column == "" || len(c.values) == 0 || c.op == "in" {
				t.Errorf("%q gives %+v", text, c)
			}
		}
	})
}

func TestArraysAreWrittenForPostgres(t *testing.T) {
	t.Parallel()
	for want, list := range map[string][]string{
		`{}`:                 {},
		`{"a"}`:              {"a"},
		`{"a\"b","c\\d",""}`: {`a"b`, `c\d`, ``},
	} {
		if got := string(textArray(list)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
