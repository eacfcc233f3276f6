package rest

import (
	"encoding/base64"
	"strings"
	"testing"
)

func cursorOf(values string) string {
	return base64.RawURLEncoding.EncodeToString(append(make([]byte, signatureBytes), values...))
}

func TestNullsOf(t *testing.T) {
	t.Parallel()
	for cursor, want := range map[string]string{
		"":                                  "",
		cursorOf(`["1","a"]`):               "0",
		cursorOf(`["1",null,"",null]`):      "101",
		cursorOf(`["1"]`):                   noNulls,
		cursorOf(`["1",1]`):                 noNulls,
		cursorOf(`{"a":"b"}`):               noNulls,
		cursorOf(`["1","a"`):                noNulls,
		cursorOf(`["1","a"]`) + "=":         noNulls,
		"AAAA":                              noNulls,
		"first":                             noNulls,
		cursorOf(`["1"` + many(64) + `]`):   noNulls,
		cursorOf(`["1"` + many(63) + `]`):   strings.Repeat("0", 63),
		cursorOf(`["1","a"]`)[:22] + "\x00": noNulls,
	} {
		if got := nullsOf(cursor); got != want {
			t.Errorf("nullsOf(%q) = %q, want %q", cursor, got, want)
		}
	}
}

func many(n int) string { return strings.Repeat(`,""`, n) }

// What is read of a cursor before the database has seen it becomes part of the
// statement: it may be nothing but zeros and ones.
func FuzzNullsOf(f *testing.F) {
	for _, s := range []string{"", "x", cursorOf(`["1","a"]`), cursorOf(`["1",null,"b"]`), cursorOf(`null`)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		got := nullsOf(cursor)
		if got != noNulls && (strings.Trim(got, "01") != "" || len(got) > maxNulls || (got == "") != (cursor == "")) {
			t.Errorf("nullsOf(%q) = %q", cursor, got)
		}
	})
}
