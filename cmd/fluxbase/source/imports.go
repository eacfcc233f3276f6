package source

import (
	"bytes"
	"strings"
)

// statement is an import or export of a module that names another one.
type statement struct {
	specifier string
	line      int
	// typeOnly is one that is gone when types are: import type, export type.
	typeOnly bool
	// start and end are where it is in the source, up to its semicolon.
	start, end int
	// bare is an import of nothing, just for what the module does.
	bare bool
}

// statements finds what a module of JavaScript or TypeScript imports. It knows comments,
// strings, templates and regular expressions, and takes the rest as it comes: a module that
// does not compile has some statements all the same.
func statements(source []byte) (found []statement) {
	s := scanner{src: source}
	for s.next() {
		if s.kind != word || s.before == '.' {
			continue
		}
		start := s.start
		var st statement
		var ok bool
		switch string(s.text()) {
		case "import":
			st, ok = s.imported()
		case "export":
			st, ok = s.exported()
		}
		if ok {
			st.start, st.line = start, 1+bytes.Count(source[:start], []byte{'\n'})
			found = append(found, st)
		}
	}
	return found
}

// kind is what a token is.
type kind byte

const (
	other kind = iota // a single character
	word
	text // a string without escapes, or a template without substitutions
	junk // a string with escapes, a template with substitutions, a number or a regular expression
)

// scanner goes through the tokens of a module.
type scanner struct {
	src        []byte
	kind       kind
	start, end int
	// before is the last character of the token before, 0 at the beginning.
	before byte
	// wordBefore is that token, if it was a word.
	wordBefore string
	// templates are the depths of braces at which a template goes on.
	templates []int
	depth     int
}

func (s *scanner) text() []byte { return s.src[s.start:s.end] }

// value is what a string says.
func (s *scanner) value() string { return string(s.src[s.start+1 : s.end-1]) }

// next finds the next token; false at the end.
func (s *scanner) next() bool {
	if s.end > 0 {
		s.before, s.wordBefore = s.src[s.end-1], ""
		if s.kind == word {
			s.wordBefore = string(s.text())
		}
	}
	at := s.skip(s.end)
	if at >= len(s.src) {
		s.start, s.end, s.kind = at, at, other
		return false
	}
	s.start, s.end, s.kind = at, at+1, other
	switch c := s.src[at]; {
	case isWord(c) || c == '#' && at+1 < len(s.src) && isWord(s.src[at+1]):
		s.kind = word
		if c >= '0' && c <= '9' {
			s.kind = junk
		}
		for s.end < len(s.src) && isWord(s.src[s.end]) {
			s.end++
		}
	case c == '"' || c == '\'':
		s.quoted(c)
	case c == '`':
		s.template()
	case c == '/' && s.mayBeRegexp():
		s.regexp()
	case c == '{':
		s.depth++
	case c == '}':
		s.depth--
		if n := len(s.templates); n > 0 && s.templates[n-1] == s.depth {
			s.templates = s.templates[:n-1]
			s.template()
			s.kind = junk
		}
	}
	return true
}

// skip passes spaces and comments.
func (s *scanner) skip(at int) int {
	for at < len(s.src) {
		rest := s.src[at:]
		switch {
		case rest[0] <= ' ':
			at++
		case bytes.HasPrefix(rest, []byte("//")) || at == 0 && bytes.HasPrefix(rest, []byte("#!")):
			at = after(s.src, at, "\n")
		case bytes.HasPrefix(rest, []byte("/*")):
			at = after(s.src, at+2, "*/")
		default:
			return at
		}
	}
	return at
}

// after is the place behind the next mark, or the end.
func after(src []byte, from int, mark string) int {
	from = min(from, len(src))
	if i := bytes.Index(src[from:], []byte(mark)); i >= 0 {
		return from + i + len(mark)
	}
	return len(src)
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// quoted passes a string, which ends with its line if nothing else ends it.
func (s *scanner) quoted(quote byte) {
	s.kind = text
	for ; s.end < len(s.src); s.end++ {
		switch s.src[s.end] {
		case '\\':
			s.kind = junk
			s.end++
		case '\n':
			s.kind = junk
			return
		case quote:
			s.end++
			return
		}
	}
	s.end, s.kind = len(s.src), junk
}

// template passes a template up to its end or its next substitution.
func (s *scanner) template() {
	s.kind = text
	for ; s.end < len(s.src); s.end++ {
		switch s.src[s.end] {
		case '\\':
			s.kind = junk
			s.end++
		case '`':
			s.end++
			return
		case '$':
			if s.end+1 < len(s.src) && s.src[s.end+1] == '{' {
				s.templates = append(s.templates, s.depth)
				s.depth++
				s.end += 2
				s.kind = junk
				return
			}
		}
	}
	s.end, s.kind = len(s.src), junk
}

// operands are words behind which a slash does not divide.
var operands = " return typeof case in of do else void delete throw new instanceof await yield "

// mayBeRegexp tells it from a division by what is before it.
func (s *scanner) mayBeRegexp() bool {
	if s.wordBefore != "" {
		return strings.Contains(operands, " "+s.wordBefore+" ")
	}
	return s.before == 0 || strings.IndexByte("(,=:[!&|?{};+-*%~^<>", s.before) >= 0
}

func (s *scanner) regexp() {
	s.kind = junk
	class := false
	for ; s.end < len(s.src); s.end++ {
		switch c := s.src[s.end]; {
		case c == '\\':
			s.end++
		case c == '\n':
			return
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			s.end++
			return
		}
	}
	s.end = len(s.src)
}

// imported reads on behind the word import.
func (s *scanner) imported() (st statement, ok bool) {
	if !s.next() {
		return st, false
	}
	switch {
	case s.isModule():
		st.bare = true
		return s.named(st)
	case s.kind == other && s.src[s.start] == '(':
		if s.next() && s.kind == text {
			st.specifier, st.end = s.value(), s.end
			return st, true
		}
		return st, false
	}
	return s.from(st)
}

// exported reads on behind the word export.
func (s *scanner) exported() (st statement, ok bool) {
	if !s.next() || s.kind == word && string(s.text()) != "type" || s.kind == other && s.src[s.start] != '*' && s.src[s.start] != '{' {
		return st, false
	}
	return s.from(st)
}

// from reads the clause of an import or export, which the scanner is at, up to from "...".
func (s *scanner) from(st statement) (statement, bool) {
	for first, more := true, true; more; first, more = false, s.next() {
		switch {
		case s.kind == word:
			// Names may be called from or type, too.
			ahead := *s
			if !ahead.next() {
				return st, false
			}
			if string(s.text()) == "from" && ahead.isModule() {
				*s = ahead
				return s.named(st)
			}
			if first && string(s.text()) == "type" && !(ahead.kind == other && s.src[ahead.start] == ',') {
				further := ahead
				st.typeOnly = string(ahead.text()) != "from" || !further.next() || !further.isModule()
			}
		case s.kind == junk, s.kind == other && strings.IndexByte("{},*", s.src[s.start]) < 0:
			return st, false
		}
	}
	return st, false
}

// isModule tells whether the scanner is at a string that may name a module.
func (s *scanner) isModule() bool { return s.kind == text && s.src[s.start] != '`' }

// named takes the string that the scanner is at, and a semicolon behind it.
func (s *scanner) named(st statement) (statement, bool) {
	st.specifier, st.end = s.value(), s.end
	if at := s.skip(s.end); at < len(s.src) && s.src[at] == ';' {
		st.end = at + 1
	}
	return st, true
}
