package query

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is a text that does not parse, in the words that PostgREST's clients
// know: where, what came and what was expected.
type Error struct {
	// Message names what was parsed, and the place.
	Message string
	// Details are "unexpected … expecting …".
	Details string
}

// Error gives both.
func (e *Error) Error() string { return e.Message + ": " + e.Details }

// maxDepth bounds nested embeds and logic, and so the stack and the SQL.
const maxDepth = 64

// parser reads one text. It is written by hand for the texts that parse, which
// is nearly all; one that doesn't is read again with tracing on, which notes at
// each place what would have been taken. Notes work as in the Parsec library,
// because its messages are part of the contract: progress forgets them, of two
// places the further one stays, and a label replaces what a rule that took
// nothing would have taken.
type parser struct {
	s     string
	i     int
	depth int
	trace bool
	note  note

	// ext takes what only Extended has, having aggregates where fields would be.
	ext, having bool
	// values were taken so far; their indexes count from base.
	values []string
	base   int
	// spans is where they stand, if a shape is wanted; valueAt is where the last one
	// that was read begins.
	shaped  bool
	spans   [][2]int
	valueAt int
}

type note struct {
	at      int      // byte offset
	any     bool     // whether there is a note
	got     string   // what came, as a token; "" is the end of input
	hasGot  bool     //
	not     string   // what came and was forbidden; it hides got
	expects []string // what would have been taken
}

// parse runs rule over all of s. what names the text in an error.
func parse[T any](what, s string, rule func(*parser) (T, bool)) (T, error) {
	p := parser{s: s}
	if v, ok := rule(&p); ok {
		return v, nil
	}
	p = tracing(s)
	v, _ := rule(&p)
	return v, p.error(what)
}

// maxTrace is the longest text that is read again for a better message: reading
// with notes is slow, and nobody reads a message that quotes more than this.
const maxTrace = 8 << 10

func tracing(s string) parser { return parser{s: s, trace: len(s) <= maxTrace} }

func (p *parser) error(what string) *Error { return p.errorOf(what, p.s) }

// errorOf shows the text as the client sent it.
func (p *parser) errorOf(what, text string) *Error {
	line, column := 1, 1
	for _, r := range p.s[:min(p.note.at, len(p.s))] {
		switch r {
		case '\n':
			line, column = line+1, 1
		case '\t':
			column += 8 - (column-1)%8
		default:
			column++
		}
	}
	return &Error{
		Message: `"` + what + " (" + text + `)" (line ` + strconv.Itoa(line) + ", column " + strconv.Itoa(column) + ")",
		Details: p.note.details(),
	}
}

func (n *note) details() string {
	var parts []string
	switch {
	case n.not != "":
		parts = append(parts, "unexpected "+n.not)
	case n.hasGot && n.got == "":
		parts = append(parts, "unexpected end of input")
	case n.hasGot:
		parts = append(parts, "unexpected "+n.got)
	}
	var expects []string
	seen := map[string]bool{"": true}
	for _, e := range n.expects {
		if !seen[e] {
			seen[e] = true
			expects = append(expects, e)
		}
	}
	switch n := len(expects); n {
	case 0:
	case 1:
		parts = append(parts, "expecting "+expects[0])
	default:
		parts = append(parts, "expecting "+strings.Join(expects[:n-1], ", ")+" or "+expects[n-1])
	}
	if parts == nil {
		return "unknown parse error"
	}
	return strings.Join(parts, " ")
}

func (n note) merge(m note) note {
	switch {
	case !m.any || n.any && n.at > m.at:
		return n
	case !n.any || m.at > n.at:
		return m
	}
	if !n.hasGot {
		n.got, n.hasGot = m.got, m.hasGot
	}
	if n.not == "" {
		n.not = m.not
	}
	n.expects = append(n.expects[:len(n.expects):len(n.expects)], m.expects...)
	return n
}

// miss notes that expect would have been taken here, and not what stands at
// offset.
func (p *parser) miss(expect string, offset int) {
	if !p.trace {
		return
	}
	n := note{at: p.i, any: true, hasGot: true}
	if offset < len(p.s) {
		r, _ := utf8.DecodeRuneInString(p.s[offset:])
		n.got = haskellQuote(r)
	}
	if expect != "" {
		n.expects = []string{expect}
	}
	p.note = p.note.merge(n)
}

func haskellQuote(r rune) string {
	switch r {
	case '"':
		return `"\""`
	case '\\':
		return `"\\"`
	}
	return `"` + string(r) + `"`
}

// step takes n bytes.
func (p *parser) step(n int) {
	p.i += n
	if p.trace && n > 0 {
		p.note = note{}
	}
}

// label names what rule reads, for when it takes nothing.
func label[T any](p *parser, name string, rule func() (T, bool)) (T, bool) {
	if !p.trace {
		return rule()
	}
	before, start := p.note, p.i
	p.note = note{}
	v, ok := rule()
	if p.i == start {
		if p.note.any {
			p.note.expects = []string{name}
		}
		p.note = before.merge(p.note)
	}
	return v, ok
}

// try gives back what a failing rule took; for what comes instead it counts as
// no progress.
func try[T any](p *parser, rule func() (T, bool)) (T, bool) {
	start, before := p.i, p.note
	v, ok := rule()
	if !ok {
		p.i = start
		if p.trace {
			p.note = before.merge(p.note)
		}
	}
	return v, ok
}

// text takes exactly s, or nothing.
func (p *parser) text(s string) bool {
	rest := p.s[p.i:]
	if strings.HasPrefix(rest, s) {
		p.step(len(s))
		return true
	}
	if p.trace {
		n := 0
		for n < len(s) && n < len(rest) && rest[n] == s[n] {
			n++
		}
		p.miss(`"`+s+`"`, p.i+n)
	}
	return false
}

// ahead tells whether s comes next, and takes nothing.
func (p *parser) ahead(s string) bool {
	if strings.HasPrefix(p.s[p.i:], s) {
		return true
	}
	p.miss(`"`+s+`"`, p.i)
	return false
}

// end tells whether all is read.
func (p *parser) end() bool {
	if p.i == len(p.s) {
		return true
	}
	if p.trace {
		r, _ := utf8.DecodeRuneInString(p.s[p.i:])
		p.note = p.note.merge(note{at: p.i, any: true, not: "'" + string(r) + "'", expects: []string{"end of input"}})
	}
	return false
}

// until takes all characters up to one of stop.
func (p *parser) until(stop string) string {
	n := strings.IndexAny(p.s[p.i:], stop)
	if n < 0 {
		n = len(p.s) - p.i
	}
	s := p.s[p.i : p.i+n]
	p.step(n)
	p.miss("", p.i)
	return s
}

// spaces takes spaces and tabs.
func (p *parser) spaces() {
	n := 0
	for p.i+n < len(p.s) && (p.s[p.i+n] == ' ' || p.s[p.i+n] == '\t') {
		n++
	}
	p.step(n)
	p.miss("", p.i)
}

func (p *parser) delimiter() bool {
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.step(1)
		return true
	}
	p.miss("delimiter (.)", p.i)
	return false
}

// identifier takes letters, digits, _, $ and inner spaces, at least one.
func (p *parser) identifier() (string, bool) {
	n := 0
	for n < len(p.s)-p.i {
		c := p.s[p.i+n]
		if c < utf8.RuneSelf {
			if !identifierByte[c] {
				break
			}
			n++
			continue
		}
		r, size := utf8.DecodeRuneInString(p.s[p.i+n:])
		if !unicode.IsLetter(r) {
			break
		}
		n += size
	}
	s := p.s[p.i : p.i+n]
	p.step(n)
	p.miss("letter", p.i)
	p.miss("digit", p.i)
	return strings.TrimSpace(s), n > 0
}

var identifierByte = func() (t [utf8.RuneSelf]bool) {
	for c := range t {
		t[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == ' ' || c == '$'
	}
	return t
}()

// quoted takes "…" with \ before any character that is meant as itself.
func (p *parser) quoted() (string, bool) {
	if !p.text(`"`) {
		return "", false
	}
	rest := p.s[p.i:]
	n := strings.IndexAny(rest, `\"`)
	if n >= 0 && rest[n] == '"' {
		p.step(n + 1)
		return rest[:n], true
	}
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			p.step(i + 1)
			return b.String(), true
		case '\\':
			if i++; i == len(rest) {
				break
			}
			fallthrough
		default:
			b.WriteByte(rest[i])
		}
	}
	p.step(len(rest))
	p.miss(`"\""`, p.i)
	return "", false
}

// joined takes pieces with dashes between them; an arrow is no dash.
func (p *parser) joined(piece func() (string, bool)) (string, bool) {
	name, ok := piece()
	if !ok || !p.dash() {
		return name, ok
	}
	b := []byte(name)
	for {
		if name, ok = piece(); !ok {
			return "", false
		}
		b = append(append(b, '-'), name...)
		if !p.dash() {
			return string(b), true
		}
	}
}

func (p *parser) dash() bool {
	arrow := strings.HasPrefix(p.s[p.i:], "->")
	if !arrow && p.i < len(p.s) && p.s[p.i] == '-' {
		p.step(1)
		return true
	}
	p.miss(`"-"`, p.i)
	if p.trace && arrow {
		p.note = p.note.merge(note{at: p.i + 1, any: true, not: "'>'"})
	}
	return false
}

// fieldName takes a quoted name, or identifiers joined by dashes.
func (p *parser) fieldName() (string, bool) {
	return label(p, "field name (* or [a..z0..9_$])", func() (string, bool) {
		if p.i < len(p.s) && p.s[p.i] == '"' {
			return p.quoted()
		}
		p.miss(`"\""`, p.i)
		return p.joined(p.identifier)
	})
}
