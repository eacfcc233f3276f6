package rest

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// slow gives a byte at a time.
type slow struct{ r io.Reader }

func (s slow) Read(p []byte) (int, error) { return s.r.Read(p[:1]) }

// csvAll reads all records of a CSV, and whether the last ended in an error.
func csvAll(rd io.Reader, asCopy bool) (records [][]string, lines []int64, err error) {
	c := newCSVRows(rd, asCopy)
	for {
		line, err := c.read()
		if err != nil {
			return records, lines, err
		}
		record := make([]string, 0, len(c.fields))
		for _, f := range c.fields {
			record = append(record, string(c.text[f.start:f.end]))
		}
		records, lines = append(records, record), append(lines, line)
	}
}

func TestCSVRecords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text  string
		copy  bool
		want  [][]string
		lines []int64
		fails bool
	}{
		{"a,b\n1,2\n", false, [][]string{{"a", "b"}, {"1", "2"}}, []int64{1, 2}, false},
		{"a,b\r\n\r\n1,\"x\r\ny\"\r\nz,\"\"\"\"", false, [][]string{{"a", "b"}, {"1", "x\ny"}, {"z", `"`}}, []int64{1, 3, 5}, false},
		{"a,b\r\n\r\n1,\"x\r\ny\"\r\n", true, [][]string{{"a", "b"}, {"1", "x\r\ny"}}, []int64{1, 3}, false},
		{"a\r", false, [][]string{{"a"}}, []int64{1}, false},
		{"a\"b\n", false, nil, nil, true},
		{"a\n\"b\"c\n", false, [][]string{{"a"}}, []int64{1}, true},
		{"a\n\"b", false, [][]string{{"a"}}, []int64{1}, true},
		{"a\nb\x00\n", false, [][]string{{"a"}}, []int64{1}, true},
		{"a\n\xff\n", true, [][]string{{"a"}}, []int64{1}, true},
		{"", false, nil, nil, false},
	} {
		got, lines, err := csvAll(slow{strings.NewReader(tt.text)}, tt.copy)
		if !slices.EqualFunc(got, tt.want, slices.Equal) || !slices.Equal(lines, tt.lines) || errors.Is(err, io.EOF) == tt.fails {
			t.Errorf("%q: got %q %v %v", tt.text, got, lines, err)
		}
	}
}

func TestLinesHaveALimit(t *testing.T) {
	t.Parallel()
	giant := strings.Repeat("x", maxLine)
	for name, read := range map[string]func() error{
		"csv": func() error {
			_, _, err := csvAll(strings.NewReader("a\n"+giant+"\n"), false)
			return err
		},
		"csv over many lines": func() error {
			_, _, err := csvAll(strings.NewReader("a\n\""+strings.Repeat("xxxxxxx\n", maxLine/8)+"\"\n"), false)
			return err
		},
		"json": func() error {
			rows := newJSONRows(strings.NewReader(`{"a":"` + giant + `"}`))
			_, err := rows.first()
			return err
		},
	} {
		var e *web.Error
		if err := read(); !errors.As(err, &e) || e.Status != 413 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLinesOfJSON(t *testing.T) {
	t.Parallel()
	rows := newJSONRows(slow{strings.NewReader("\n {\"a\": 1, \"b\":\"x\\n\"} \r\n\n{\"b\":null,\"a\":[1]}")})
	keys, err := rows.first()
	if err != nil || !slices.Equal(keys, []string{"a", "b"}) {
		t.Fatal(keys, err)
	}
	rows.columns(keys, false)
	for _, want := range []struct {
		line int64
		a, b string
	}{{2, "1", `"x\n"`}, {4, "[1]", ""}} {
		line, err := rows.next()
		a, _ := rows.value(0)
		b, _ := rows.value(1)
		if err != nil || line != want.line || string(a) != want.a || string(b) != want.b {
			t.Errorf("got %d %s %s %v, want %v", line, a, b, err, want)
		}
	}
	if _, err := rows.next(); err != io.EOF {
		t.Errorf("the end: %v", err)
	}
	for _, bad := range []string{
		`[{"a":1}]`, `{"a":1}{"a":2}`, `{"a":1`, "{\"a\":\n1}", `1`, `{"a":"\u0000"}`, "{\"a\":\"\xff\"}", "\x00",
		strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
	} {
		rows := newJSONRows(strings.NewReader(bad))
		if _, err := rows.first(); !errors.As(err, new(atLine)) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestLineOfARow(t *testing.T) {
	t.Parallel()
	im := importer{}
	var want []int64
	line := int64(1)
	for n := range int64(3 * maxTurns) {
		if n%2 == 0 {
			line++
		}
		line++
		im.note(n+1, line)
		want = append(want, line)
	}
	for _, n := range []int{len(want), len(want) - 1, len(want) - maxTurns/2} {
		if got := im.lineOf(int64(n)); got != want[n-1] {
			t.Errorf("row %d: line %d, want %d", n, got, want[n-1])
		}
	}
	if got := im.lineOf(1); got != 0 {
		t.Errorf("a row of long ago: line %d", got)
	}
}

// FuzzCSV compares with encoding/csv, which reads bodies that fit into memory.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"a\"\"\",\r\n\n\"x\r\ny\"", "a\r\r\n\r", "\"a\"b", "a\"", "\"", ",,\n", "\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, _, err := csvAll(slow{strings.NewReader(text)}, false)
		_, _, _ = csvAll(strings.NewReader(text), true)
		if !isText(text) {
			return
		}
		rd := csv.NewReader(strings.NewReader(text))
		rd.FieldsPerRecord = -1
		want, wantErr := rd.ReadAll()
		if wantErr != nil {
			if errors.Is(err, io.EOF) {
				t.Fatalf("%q: taken, want %v", text, wantErr)
			}
			return
		}
		if !errors.Is(err, io.EOF) || !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("%q: got %q %v, want %q", text, got, err, want)
		}
	})
}

// FuzzLinesOfJSON holds each line to what one object as a body means.
func FuzzLinesOfJSON(f *testing.F) {
	for _, s := range []string{"{\"a\":1}\n{\"a\":2}", "{\"a\":1}\r\n\r\n", "{}", "{\"a\":1,\"a\":{}}\n{\"b\":1}", "[]", "{\"a\":\"\\ud800\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		free := newJSONRows(slow{strings.NewReader(text)})
		free.columns([]string{"a", "b"}, true)
		for line := range strings.Lines(text) {
			if strings.Trim(line, " \t\r\n") == "" {
				continue
			}
			shape, want := scanJSON([]byte(line))
			_, err := free.next()
			if (want == nil && !shape.array && !shape.other) != (err == nil) {
				t.Fatalf("%q: got %v, want %v", line, err, want)
			}
			if err != nil {
				return
			}
			for i, key := range []string{"a", "b"} {
				v, kind := free.value(i)
				at := slices.Index(shape.keys, key)
				switch {
				case at < 0 != (kind == rowMissing):
					t.Fatalf("%q: %s is %v", line, key, kind)
				case at >= 0 && kind == rowJSON:
					if raw := line[shape.values[at].start:shape.values[at].end]; raw != string(v) {
						t.Fatalf("%q: %s is %s, want %s", line, key, v, raw)
					}
				}
			}
		}
	})
}
