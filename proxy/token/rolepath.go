package token

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// rolePath finds the role in the claims. What is taken of RFC 9535 (JSONPath), of
// PostgREST's older form, which begins with a dot instead of $, and beside them:
//
//	role                     a name alone: that claim
//	$.app.role   .app.role   a member; letters, digits, _ $ @ (in PostgREST's sense)
//	."my-role"   ['my-role'] ["my-role"]   any other name, without \ or its own quote
//	[0]  [-1]                an element of an array, from its start or its end
//	[?(@ == "x")]  [?@ != 'x']   the first text in an array that passes
//	[7:]  [:-2]  [7:-2]  a part of a text, by characters, as in Python; last step
//
// Beside == and != the filter has PostgREST's ^== (begins with), ==^ (ends with)
// and *== (contains). Only a part of the text may follow it. Wildcards, slices of
// arrays, unions and descent (..) are not taken: they yield several values, and a
// caller has one role.
type rolePath []step

// step is one of: a member's name, an index, a filter, a part.
type step struct {
	kind  byte // '.', '[', '?' or ':'
	name  string
	index int
	to    int // of a part that begins at index
	op    string
	text  string
}

var (
	errFilter = errors.New(`a filter is [?(@ == "text")] with ==, !=, ^==, ==^ or *==, and comes last`)
	errPart   = errors.New("a part of a text, such as [7:] or [:-2], comes last")
)

// parseRolePath reads the setting. Its errors say where, and what is taken.
func parseRolePath(s string) (rolePath, error) {
	if first, _ := utf8.DecodeRuneInString(s); isName(s) && (first == '_' || unicode.IsLetter(first)) {
		return rolePath{{kind: '.', name: s}}, nil
	}
	var path rolePath
	rest := strings.TrimPrefix(s, "$")
	for rest != "" {
		st, after, err := parseStep(rest)
		if err != nil {
			return nil, fmt.Errorf("%q does not parse at %q: %w", s, rest, err)
		}
		if len(path) > 0 {
			switch last := path[len(path)-1].kind; {
			case last == ':':
				return nil, errPart
			case last == '?' && st.kind != ':':
				return nil, errFilter
			}
		}
		path, rest = append(path, st), after
	}
	if len(path) == 0 || path[0].kind != '.' {
		return nil, fmt.Errorf("%q names no claim; write a name such as role, or a path such as $.app.role", s)
	}
	return path, nil
}

// parseStep reads the step that s begins with, and returns what follows it.
func parseStep(s string) (step, string, error) {
	switch {
	case strings.HasPrefix(s, `."`):
		name, rest, ok := cutQuoted(s[1:])
		if !ok {
			return step{}, "", errors.New("the quoted name does not end")
		}
		return step{kind: '.', name: name}, rest, nil
	case s[0] == '.':
		end := strings.IndexFunc(s[1:], func(r rune) bool { return !isNameRune(r) }) + 1
		if end == 0 {
			end = len(s)
		}
		if end == 1 {
			return step{}, "", errors.New("a name must follow the dot; put other characters in quotes, as in $['my-role']")
		}
		return step{kind: '.', name: s[1:end]}, s[end:], nil
	case strings.HasPrefix(s, "[?"):
		return parseFilter(s[2:])
	case s[0] == '[':
		return parseBracket(s[1:])
	}
	return step{}, "", errors.New("a path begins with $ or a dot, and goes on with .name, ['name'] or [0]")
}

func parseBracket(s string) (step, string, error) {
	s = strings.TrimLeft(s, " ")
	st := step{kind: '.'}
	if from, to, rest, ok := cutPart(s); ok {
		return step{kind: ':', index: from, to: to}, rest, nil
	}
	name, rest, ok := cutQuoted(s)
	if ok {
		st.name = name
	} else {
		end := max(strings.IndexAny(s, " ]"), 0)
		n, err := strconv.ParseInt(s[:end], 10, 32)
		if err != nil || strconv.FormatInt(n, 10) != s[:end] {
			return step{}, "", errors.New("a whole number or a quoted name must stand between the brackets")
		}
		st, rest = step{kind: '[', index: int(n)}, s[end:]
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), "]")
	if !ok {
		return step{}, "", errors.New("the bracket does not close")
	}
	return st, rest, nil
}

func parseFilter(s string) (step, string, error) {
	s = strings.TrimLeft(s, " ")
	s, paren := strings.CutPrefix(s, "(")
	s, ok := strings.CutPrefix(strings.TrimLeft(s, " "), "@")
	if !ok {
		return step{}, "", errFilter
	}
	s = strings.TrimLeft(s, " ")
	for _, op := range []string{"==^", "==", "!=", "^==", "*=="} {
		after, ok := strings.CutPrefix(s, op)
		if !ok {
			continue
		}
		text, rest, ok := cutQuoted(strings.TrimLeft(after, " "))
		rest = strings.TrimLeft(rest, " ")
		if ok && paren {
			rest, ok = strings.CutPrefix(rest, ")")
			rest = strings.TrimLeft(rest, " ")
		}
		if ok {
			rest, ok = strings.CutPrefix(rest, "]")
		}
		if !ok {
			break
		}
		return step{kind: '?', op: op, text: text}, rest, nil
	}
	return step{}, "", errFilter
}

// cutPart takes the numbers of a part, and its closing bracket, off the front. An end
// that is not given is far behind every text's.
func cutPart(s string) (from, to int, rest string, ok bool) {
	inside, rest, ok := strings.Cut(s, "]")
	first, second, colon := strings.Cut(inside, ":")
	to = math.MaxInt32
	var err error
	if first != "" {
		from, err = strconv.Atoi(first)
	}
	if second != "" && err == nil {
		to, err = strconv.Atoi(second)
	}
	return from, to, rest, ok && colon && err == nil
}

// cutQuoted takes a name in ' or " off the front. There are no escapes, so that a
// name with a backslash is refused rather than misread.
func cutQuoted(s string) (name, rest string, ok bool) {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return "", "", false
	}
	end := strings.IndexByte(s[1:], s[0]) + 1
	if end == 0 || strings.Contains(s[:end], `\`) {
		return "", "", false
	}
	return s[1:end], s[end+1:], true
}

func isName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return !isNameRune(r) }) < 0
}

func isNameRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_$@", r)
}

// find returns the bytes of the value at the path, nil when there is none.
// claims is what parseObject returned, to which the first step, a name, applies.
func (p rolePath) find(claims []member) []byte {
	v := lookup(claims, p[0].name)
	for _, st := range p[1:] {
		if v == nil {
			return nil
		}
		v = st.find(v)
	}
	return v
}

func (st step) find(v []byte) []byte {
	switch {
	case st.kind == '.' && v[0] == '{':
		return lookup(members(v), st.name)
	case st.kind == '[' && v[0] == '[':
		e := elements(v)
		i := st.index
		if i < 0 {
			i += len(e)
		}
		if i >= 0 && i < len(e) {
			return e[i]
		}
	case st.kind == ':' && v[0] == '"':
		return quote(part([]rune(unquote(v)), st.index, st.to))
	case st.kind == '?' && v[0] == '[':
		for _, e := range elements(v) {
			if e[0] == '"' && st.passes(unquote(e)) {
				return e
			}
		}
	}
	return nil
}

// part gives the characters from from to before to; negative ones count from the
// end.
func part(text []rune, from, to int) string {
	at := func(i int) int {
		if i < 0 {
			i += len(text)
		}
		return min(max(i, 0), len(text))
	}
	from, to = at(from), at(to)
	return string(text[from:max(from, to)])
}

func (st step) passes(s string) bool {
	switch st.op {
	case "==":
		return s == st.text
	case "!=":
		return s != st.text
	case "^==":
		return strings.HasPrefix(s, st.text)
	case "==^":
		return strings.HasSuffix(s, st.text)
	default: // "*=="
		return strings.Contains(s, st.text)
	}
}

func lookup(object []member, name string) []byte {
	for _, m := range object {
		if m.name == name {
			return m.raw
		}
	}
	return nil
}

// roleText is the role that a value means. As PostgREST does it, what is no text
// counts as its JSON: such a role hardly exists, and Postgres then says so.
func roleText(v []byte) string {
	if v[0] == '"' {
		return unquote(v)
	}
	return string(v)
}
