package worker

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMessagesAreRead(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]message{
		"\x01r":                   {kind: isListening},
		"\x01b id-1":              {kind: hasBegun, id: "id-1"},
		"\x01l id-1 e a\\nb\\\\n": {kind: says, id: "id-1", level: "error", text: "a\nb\\n"},
		"\x01p id-1 {\"a\":1}":    {kind: progresses, id: "id-1", text: `{"a":1}`},
		"\x01x  why":              {kind: isBroken, text: "why"},
		"hello":                   {kind: says, level: "info", text: "hello"},
		"a\xffb\x00":              {kind: says, level: "info", text: "a\uFFFDb\uFFFD"},
	} {
		if got, ok := parse([]byte(line), false); !ok || got != want {
			t.Errorf("%q: got %+v, %v", line, got, ok)
		}
	}
	for _, line := range []string{"", "\x01", "\x01q", "\x01l id", "\x01l id z text", "\x01lid", "\x01b " + strings.Repeat("x", maxID+1), "\x01a x y"} {
		if got, ok := parse([]byte(line), false); ok {
			t.Errorf("%q: got %+v", line, got)
		}
	}
	if _, ok := parse([]byte("\x01p id {}"), true); ok {
		t.Error("JSON that was cut is taken")
	}
}

func FuzzWhatAWorkerSays(f *testing.F) {
	f.Add([]byte("\x01l id-1 e a\\nb\nplain\n\x01b id\n\x01p id {}\n\x01x  why"), 3)
	f.Add([]byte(strings.Repeat("ä", maxLine)+"\n"), 7)
	f.Fuzz(func(t *testing.T, said []byte, piece int) {
		read := func(piece int) (all []string) {
			l := &lines{each: func(line []byte, cut bool) {
				if len(line) > maxRaw {
					t.Fatalf("a line of %d bytes", len(line))
				}
				all = append(all, string(line))
				m, ok := parse(line, cut)
				if !ok {
					return
				}
				if len(m.text) > maxLine+maxLine/2 || len(m.id) > maxID || !utf8.ValidString(m.text) || strings.ContainsRune(m.text, 0) {
					t.Fatalf("got %d bytes of id, %d of text", len(m.id), len(m.text))
				}
			}}
			for rest := said; len(rest) > 0; {
				n := min(piece, len(rest))
				_, _ = l.Write(rest[:n])
				rest = rest[n:]
			}
			l.flush()
			return all
		}
		whole, pieces := read(len(said)+1), read(max(1, piece%4096))
		if strings.Join(whole, "\n") != strings.Join(pieces, "\n") {
			t.Fatal("it matters how it is cut")
		}
		if strings.Count(strings.Join(whole, "\n"), "") > 2*len(said)+2 || bytes.ContainsRune([]byte(strings.Join(whole, "")), '\n') {
			t.Fatal("more came out than went in")
		}
	})
}
