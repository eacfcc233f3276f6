package rest

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fluxbase/fluxbase/proxy/query"
)

// paramKind says what a parameter of the URL is for.
type paramKind uint8

const (
	paramSelect paramKind = 'a' + iota
	paramColumns
	paramOnConflict
	paramOrder
	paramLimit
	paramOffset
	paramAnd
	paramOr
	paramFilter
	paramArg  // of a function
	paramForm // of a function, from a form: its key is a name as it is
	paramDistinct
	paramHaving
	paramCursor
	paramCursorColumn
)

// param is one parameter of the URL, decoded.
type param struct {
	kind       paramKind
	key, value string
	// expr is the filter's operator; its Value is the value's index.
	expr query.Expr
	// logic is the tree of and, or.
	logic query.Node
	// slot is the index of the value of limit, offset and arguments.
	slot int
	// items and terms are select and order where those hold values.
	items []query.Item
	terms []query.Term
}

// embedded tells a parameter of an embed from one of the request itself.
func (p *param) embedded() bool {
	return strings.IndexByte(p.key, '.') >= 0
}

// scan reads the query string into r.params and r.values. It looks into filters
// just as far as it must to tell what is shape and what is value; names stay
// unread until a shape is planned.
func (r *request) scan(raw string) error {
	for raw != "" {
		var one string
		one, raw, _ = strings.Cut(raw, "&")
		key, value, ok := strings.Cut(one, "=")
		if !ok {
			continue // a word without a value says nothing
		}
		p := param{key: unescape(key), value: unescape(value)}
		if !isText(p.key) || !isText(p.value) {
			return badText(p.key + p.value)
		}
		p.kind = kindOf(p.key)
		if err := r.scanParam(&p); err != nil {
			return err
		}
		r.params = append(r.params, p)
	}
	return nil
}

func (r *request) scanParam(p *param) (err error) {
	switch p.kind {
	case paramLimit, paramOffset:
		return r.scanRange(p)
	case paramSelect, paramOrder:
		return r.scanValues(p)
	case paramAnd, paramOr:
		_, not, err := query.ParseLogicKey(p.key)
		if err != nil {
			return parseError(err)
		}
		var values []string
		p.logic, values, err = r.grammar().ParseLogic(p.value, not, p.kind == paramOr, len(r.values))
		r.values = append(r.values, values...)
		return parseError(err)
	case paramFilter:
		if (p.key == "cursor" || p.key == "cursor_column") && r.scanCursor(p) {
			return nil
		}
		return r.scanFilter(p)
	}
	return nil
}

func (r *request) scanFilter(p *param) (err error) {
	if taken, err := r.scanExtended(p); taken {
		return err
	}
	value, found := "", true
	if r.rpc && r.reads() {
		p.expr, value, found, err = query.ParseArgument(p.value)
	} else {
		p.expr, value, err = r.grammar().ParseExpr(p.value)
	}
	if err != nil {
		return r.hintFilter(p, err)
	}
	if !found {
		p.kind, p.slot = paramArg, r.addValue(p.value)
		return nil
	}
	if p.expr.HasValue() {
		p.expr.Value = r.addValue(value)
	}
	return nil
}

func (r *request) addValue(v string) int {
	r.values = append(r.values, v)
	return len(r.values) - 1
}

func kindOf(key string) paramKind {
	switch key {
	case "select":
		return paramSelect
	case "columns":
		return paramColumns
	case "on_conflict":
		return paramOnConflict
	}
	switch key[strings.LastIndexByte(key, '.')+1:] {
	case "order":
		return paramOrder
	case "limit":
		return paramLimit
	case "offset":
		return paramOffset
	case "and":
		return paramAnd
	case "or":
		return paramOr
	}
	return paramFilter
}

// unescape decodes + and %XX; a % that no two digits follow is itself.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	return string(appendUnescaped(make([]byte, 0, len(s)), s, true))
}

func appendUnescaped(b []byte, s string, plus bool) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && plus:
			c = ' '
		case c == '%' && i+2 < len(s):
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi < 16 && lo < 16 {
				c = hi<<4 | lo
				i += 2
			}
		}
		b = append(b, c)
	}
	return b
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// isText tells whether Postgres can hold s.
func isText(s string) bool {
	return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

// appendCanonical writes the query string sorted by name and encoded anew, as
// Content-Location shows it; values of one name are joined by commas.
func appendCanonical(b []byte, raw string) []byte {
	type pair struct{ key, value string }
	var list [16]pair
	pairs := list[:0]
	for raw != "" {
		var one string
		one, raw, _ = strings.Cut(raw, "&")
		if one == "" {
			continue
		}
		key, value, _ := strings.Cut(one, "=")
		pairs = append(pairs, pair{unescape(key), unescape(value)})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	for i, p := range pairs {
		if i > 0 && pairs[i-1].key == p.key {
			b = append(b, ',')
		} else {
			if i > 0 {
				b = append(b, '&')
			}
			b = append(appendEscaped(b, p.key), '=')
		}
		b = appendEscaped(b, p.value)
	}
	return b
}

// appendEscaped encodes all but the unreserved characters (RFC 3986, 2.3).
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~' {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
