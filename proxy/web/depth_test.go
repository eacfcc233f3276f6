package web

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// depthOf is how deep valid JSON nests, found out by parsing it.
func depthOf(b []byte) (deepest int) {
	d := json.NewDecoder(bytes.NewReader(b))
	depth := 0
	for {
		t, err := d.Token()
		if err != nil {
			return deepest
		}
		switch t {
		case json.Delim('['), json.Delim('{'):
			depth++
			deepest = max(deepest, depth)
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
}

func FuzzJSONDepth(f *testing.F) {
	for _, s := range []string{
		`{"a":"[\"[\\"}`, `"\\\""`, `[[["\u005b"]]]`, strings.Repeat("[", 64) + strings.Repeat("]", 64),
		strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), `[` + strings.Repeat(`[],`, 100) + `{}]`,
	} {
		f.Add([]byte(s), 3, 0)
		f.Add([]byte(s), 1, 70)
	}
	f.Fuzz(func(t *testing.T, b []byte, part, around int) {
		if around = around % 80; around > 0 {
			b = []byte(strings.Repeat("[", around) + string(b) + strings.Repeat("]", around))
		}
		if !json.Valid(b) {
			return
		}
		want := depthOf(b) > maxJSONDepth
		var whole, parts JSONDepth
		if got := whole.Deeper(b); got != want {
			t.Errorf("%q: got %v", b, got)
		}
		got := false
		for rest := b; len(rest) > 0; {
			n := min(max(part, 1), len(rest))
			got = parts.Deeper(rest[:n])
			rest = rest[n:]
		}
		if got != want {
			t.Errorf("%q in parts of %d: got %v", b, part, got)
		}
	})
}

func BenchmarkJSONDepth(b *testing.B) {
	text := bytes.Repeat([]byte(`{"id": 12345, "title": "A title of some words", "tags": ["a", "b"]},`), 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		var d JSONDepth
		d.Deeper(text)
	}
}
