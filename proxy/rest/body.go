package rest

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// bodyShape is what the SQL for a body depends on.
type bodyShape struct {
	// array tells [ … ] from { … }.
	array bool
	// other is neither: a number, a string; it counts as an empty array.
	other bool
	// keys of the first object, in order; those of the others are the same.
	keys []string
	// values of the keys, if the body is one object.
	values []jsonValue
	// ragged tells that some object has other keys, or is none.
	ragged bool
}

// jsonValue is where in the body a value stands.
type jsonValue struct {
	start, end int
	// flat tells an array without arrays or objects in it.
	flat bool
}

const maxJSONDepth = 64

var (
	errJSON      = invalidBody("Empty or invalid json")
	errKeys      = invalidBody("All object keys must match")
	errJSONDepth = web.New("json_too_deep", "the body nests deeper than 64 levels")
)

// scanJSON checks that body is JSON as Postgres takes it (RFC 8259, UTF-8, no
// \u0000, no lone surrogates) and reads its shape, in one pass.
func scanJSON(body []byte) (bodyShape, error) {
	s := jsonScanner{b: body}
	s.space()
	switch s.peek() {
	case '{':
		s.object(1, true)
	case '[':
		s.shape.array = true
		s.array(1, true)
	default:
		s.shape.other = true
		s.value(1)
	}
	s.space()
	switch {
	case s.deep:
		return s.shape, errJSONDepth
	case s.bad != nil:
		return s.shape, s.bad
	case s.failed || s.i != len(body):
		return s.shape, errJSON
	}
	return s.shape, nil
}

type jsonScanner struct {
	b     []byte
	i     int
	shape bodyShape
	rows  int
	// nested counts the arrays and objects.
	nested int
	met    []bool // which of the keys the row under way has
	// places finds keys by name, once there are too many to look through.
	places map[string]int
	failed bool
	deep   bool
	bad    error
	key    []byte // scratch
}

func (s *jsonScanner) fail() { s.failed, s.i = true, len(s.b) }

func (s *jsonScanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *jsonScanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// take takes c, after space.
func (s *jsonScanner) take(c byte) bool {
	s.space()
	if s.peek() != c || s.i >= len(s.b) {
		return false
	}
	s.i++
	return true
}

func (s *jsonScanner) value(depth int) {
	switch c := s.peek(); {
	case c == '{':
		s.object(depth, false)
	case c == '[':
		s.array(depth, false)
	case c == '"':
		s.str()
	case c == '-' || c >= '0' && c <= '9':
		s.number()
	default:
		for _, word := range [...]string{"true", "false", "null"} {
			if bytes.HasPrefix(s.b[s.i:], []byte(word)) {
				s.i += len(word)
				return
			}
		}
		s.fail()
	}
}

// object reads an object; a row's keys are compared with the first row's.
func (s *jsonScanner) object(depth int, row bool) {
	if depth > maxJSONDepth {
		s.deep = true
		s.fail()
		return
	}
	s.i++
	s.nested++
	first, n := s.rows == 0, 0
	if row {
		s.rows++
		clear(s.met)
	}
	for !s.take('}') {
		if n > 0 && !s.take(',') {
			s.fail()
			return
		}
		s.space()
		if s.peek() != '"' {
			s.fail()
			return
		}
		start, place := s.i, -1
		s.str()
		if row && !s.failed {
			place = s.rowKey(s.b[start+1:s.i-1], first, n)
		}
		if !s.take(':') {
			s.fail()
			return
		}
		s.space()
		start, nested := s.i, s.nested
		s.value(depth + 1)
		if s.failed {
			return
		}
		if row && !s.shape.array && place >= 0 {
			s.rowValue(place, jsonValue{start, s.i, s.b[start] == '[' && s.nested == nested+1})
		}
		n++
	}
	if row && !first && slices.Contains(s.met, false) {
		s.shape.ragged = true
	}
}

// rowValue notes the value of a key. Of a key that comes again the last one counts,
// as for Postgres.
func (s *jsonScanner) rowValue(place int, v jsonValue) {
	if place == len(s.shape.values) {
		s.shape.values = append(s.shape.values, v)
	} else {
		s.shape.values[place] = v
	}
}

// rowKey notes a key of the first row, or finds a later row's among them, and gives
// its place. Rows nearly always have their keys in the same order, so the nth is
// looked at first.
func (s *jsonScanner) rowKey(raw []byte, first bool, n int) int {
	key := raw
	if bytes.IndexByte(raw, '\\') >= 0 {
		s.key = appendUnquoted(s.key[:0], raw)
		key = s.key
	}
	if n >= len(s.shape.keys) || string(key) != s.shape.keys[n] {
		n = s.place(key)
	}
	switch {
	case n >= 0:
		s.met[n] = true
	case first:
		s.shape.keys = append(s.shape.keys, string(key))
		s.met = append(s.met, true)
		n = len(s.met) - 1
		if s.places != nil {
			s.places[string(key)] = n
		}
	default:
		s.shape.ragged = true
	}
	return n
}

// place is the number of a key of the first row, or -1.
func (s *jsonScanner) place(key []byte) int {
	const few = 32
	if len(s.shape.keys) <= few {
		return slices.Index(s.shape.keys, string(key))
	}
	if s.places == nil {
		s.places = make(map[string]int, 2*few)
		for i, k := range s.shape.keys {
			s.places[k] = i
		}
	}
	if n, ok := s.places[string(key)]; ok {
		return n
	}
	return -1
}

func (s *jsonScanner) array(depth int, rows bool) {
	if depth > maxJSONDepth {
		s.deep = true
		s.fail()
		return
	}
	s.i++
	s.nested++
	for n := 0; !s.take(']'); n++ {
		if n > 0 && !s.take(',') {
			s.fail()
			return
		}
		s.space()
		if rows && s.peek() == '{' {
			s.object(depth+1, true)
		} else {
			if rows {
				s.shape.ragged = true
			}
			s.value(depth + 1)
		}
		if s.failed {
			return
		}
	}
}

// str reads a string, quotes included.
func (s *jsonScanner) str() {
	s.i++
	start, ascii := s.i, true
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			if !ascii && !utf8.Valid(s.b[start:s.i]) {
				s.bad = badText("")
				s.fail()
				return
			}
			s.i++
			return
		case c == '\\':
			s.escape()
		case c < ' ':
			s.fail()
		default:
			ascii = ascii && c < utf8.RuneSelf
			s.i++
		}
	}
	s.fail()
}

func (s *jsonScanner) escape() {
	if s.i+1 >= len(s.b) {
		s.fail()
		return
	}
	switch s.b[s.i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i += 2
		return
	case 'u':
	default:
		s.fail()
		return
	}
	r, ok := s.hex4(s.i + 2)
	switch {
	case !ok:
		s.fail()
	case r == 0:
		s.bad = fail22P05
		s.fail()
	case r >= 0xDC00 && r < 0xE000:
		s.fail()
	case r >= 0xD800 && r < 0xDC00:
		low, ok := s.hex4(s.i + 8)
		if !ok || s.b[s.i+6] != '\\' || s.b[s.i+7] != 'u' || low < 0xDC00 || low > 0xDFFF {
			s.fail()
			return
		}
		s.i += 12
	default:
		s.i += 6
	}
}

// fail22P05 is Postgres's own answer to a NUL in JSON that becomes text.
var fail22P05 = func() *web.Error {
	e := web.SQLState("22P05", "unsupported Unicode escape sequence")
	e.Details = `\u0000 cannot be converted to text.`
	return e
}()

func (s *jsonScanner) hex4(i int) (rune, bool) {
	if i+4 > len(s.b) {
		return 0, false
	}
	var r rune
	for _, c := range s.b[i : i+4] {
		d := unhex(c)
		if d > 15 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

// appendUnquoted decodes the inside of a string that str has checked.
func appendUnquoted(b, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			b = append(b, raw[i])
			continue
		}
		i++
		if j := strings.IndexByte(`"\/bfnrt`, raw[i]); j >= 0 {
			b = append(b, "\"\\/\b\f\n\r\t"[j])
			continue
		}
		at := jsonScanner{b: raw}
		r, _ := at.hex4(i + 1)
		i += 4
		if r >= 0xD800 && r < 0xDC00 {
			low, _ := at.hex4(i + 3)
			r = (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
			i += 6
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

func (s *jsonScanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}

func (s *jsonScanner) number() {
	if s.peek() == '-' {
		s.i++
	}
	zero := s.peek() == '0'
	start := s.i
	ok := s.digits() && !(zero && s.i > start+1)
	if s.peek() == '.' {
		s.i++
		ok = s.digits() && ok
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		ok = s.digits() && ok
	}
	if !ok {
		s.fail()
	}
}
