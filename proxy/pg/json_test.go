package pg

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func FuzzJSONText(f *testing.F) {
	for _, s := range []string{"", "plain", "\x00\x1f\"\\/\b\f\n\r\t\x7f", "é€😀\u2028", `"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := appendJSONText([]byte("before"), []byte(s))
		if !utf8.ValidString(s) { // Postgres sends none
			return
		}
		var back string
		if err := json.Unmarshal(b[len("before"):], &back); err != nil || back != s {
			t.Fatalf("%q became %s: %q, %v", s, b, back, err)
		}
	})
}

func BenchmarkJSONOfARow(b *testing.B) {
	columns := []jsonColumn{{[]byte(`{"id":`), jsonNumber}, {[]byte(`,"name":`), jsonText}, {[]byte(`,"meta":`), jsonRaw}}
	values := [][]byte{[]byte("12345"), []byte("item number 12345"), []byte(`{"flags": [true, false], "origin": "plant 7"}`)}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendRow(buf[:0], columns, values)
	}
}
