package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Query is a query in its JSON form: what the parameters of a URL say, with the
// filters as one tree.
type Query struct {
	// Select and Order are for ParseSelect and ParseOrder; empty if not given.
	Select, Order string
	// Distinct is for ParseFields: empty for all that Select has, nil if not given.
	Distinct *string
	// Where are conditions joined by and; Having are those on aggregates.
	Where, Having []Node
	// Limit is below 0 if not given.
	Limit, Offset int64
	// Embeds narrow what Select embeds, by its names there; they select nothing.
	Embeds []EmbedQuery
}

// EmbedQuery is what a Query says of one embed.
type EmbedQuery struct {
	Name string
	Query
}

// maxConditions bounds the parameters of a statement, of which Postgres takes
// 65,535; the list of one condition may be as long as it likes.
const maxConditions = 1000

// ParseJSON reads the JSON form of a query, which docs/reference/filters.md
// describes. Values are given apart, in the order of the text and as ParseExpr
// gives them; the nodes' indexes count from base. An error is an *Error.
func ParseJSON(text []byte, base int) (*Query, []string, error) {
	r := &jsonReader{text: text, d: json.NewDecoder(bytes.NewReader(text)), base: base}
	r.d.UseNumber()
	q, err := r.query("select", "where", "order", "limit", "offset", "distinct", "having", "embeds")
	if err != nil {
		return nil, nil, err
	}
	if err := r.end(); err != nil {
		return nil, nil, err
	}
	return q, r.values, nil
}

// ParseWhere reads the conditions of a query in its JSON form, the object that is
// called where, and gives what ParseJSON gives of it.
func ParseWhere(text []byte, base int) ([]Node, []string, error) {
	r := &jsonReader{text: text, d: json.NewDecoder(bytes.NewReader(text)), base: base}
	r.d.UseNumber()
	nodes, err := r.where()
	if err != nil {
		return nil, nil, err
	}
	return nodes, r.values, r.end()
}

// end tells what should not be there.
func (r *jsonReader) end() error {
	if _, err := r.d.Token(); !errors.Is(err, io.EOF) {
		return r.fail("something follows the query")
	}
	return nil
}

type jsonReader struct {
	text       []byte
	d          *json.Decoder
	base       int
	values     []string
	conditions int
	// having tells that aggregates are compared, and not fields.
	having bool
	// at leads to what is being read.
	at []string
}

func (r *jsonReader) fail(details string) error {
	e := &Error{Message: "failed to parse the query", Details: details}
	if len(r.at) > 0 {
		e.Message += " at " + strings.ReplaceAll(strings.Join(r.at, "."), ".[", "[")
	}
	return e
}

// token takes the next one. Its strings are such as Postgres can hold.
func (r *jsonReader) token() (json.Token, error) {
	start := r.d.InputOffset()
	t, err := r.d.Token()
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, r.fail("the text ends too early")
	case err != nil:
		return nil, r.fail("not JSON: " + err.Error())
	}
	if s, ok := t.(string); ok && (strings.IndexByte(s, 0) >= 0 || !utf8.Valid(r.text[start:r.d.InputOffset()])) {
		return nil, r.fail("a text holds a NUL or is not UTF-8")
	}
	return t, nil
}

// object takes an object and gives each key to member, which takes the value.
func (r *jsonReader) object(what string, member func(key string) error) error {
	t, err := r.token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return r.fail("expected an object of " + what)
	}
	return r.members(member)
}

// members takes the rest of an object, of which the bracket was taken.
func (r *jsonReader) members(member func(key string) error) error {
	if len(r.at) > 2*maxDepth { // two places a level: or, [0]
		return r.fail("nested too deep")
	}
	for r.d.More() {
		t, err := r.token()
		if err != nil {
			return err
		}
		key := t.(string)
		r.at = append(r.at, key)
		if err := member(key); err != nil {
			return err
		}
		r.at = r.at[:len(r.at)-1]
	}
	_, err := r.token()
	return err
}

func (r *jsonReader) query(keys ...string) (*Query, error) {
	q := &Query{Limit: -1}
	known := strings.Join(keys, ", ")
	err := r.object(known, func(key string) (err error) {
		if !slices.Contains(keys, key) {
			return r.fail("unknown key; known are " + known)
		}
		switch key {
		case "select":
			q.Select, err = r.words()
		case "order":
			q.Order, err = r.words()
		case "limit":
			q.Limit, err = r.count()
		case "offset":
			q.Offset, err = r.count()
		case "where":
			q.Where, err = r.where()
		case "distinct":
			q.Distinct, err = r.distinct()
		case "having":
			r.having = true
			q.Having, err = r.where()
			r.having = false
		case "embeds":
			err = r.object("embeds by name", func(name string) error {
				sub, err := r.query("where", "order", "limit", "offset", "distinct", "having", "embeds")
				q.Embeds = append(q.Embeds, EmbedQuery{name, *sub})
				return err
			})
		}
		return err
	})
	return q, err
}

// words takes a text as in a URL, or an array of its parts.
func (r *jsonReader) words() (string, error) {
	t, err := r.token()
	if err != nil {
		return "", err
	}
	return r.wordsOf(t)
}

func (r *jsonReader) wordsOf(t json.Token) (string, error) {
	if s, ok := t.(string); ok {
		return s, nil
	}
	if t != json.Delim('[') {
		return "", r.fail("expected a text as in a URL, or an array of texts")
	}
	var list []string
	for r.d.More() {
		t, err := r.token()
		if err != nil {
			return "", err
		}
		s, ok := t.(string)
		if !ok || s == "" {
			return "", r.fail("expected a text as in a URL, or an array of texts")
		}
		list = append(list, s)
	}
	_, err := r.token()
	return strings.Join(list, ","), err
}

// distinct takes true, or fields.
func (r *jsonReader) distinct() (*string, error) {
	t, err := r.token()
	if err != nil || t == true {
		return new(""), err
	}
	words, err := r.wordsOf(t)
	if err == nil && words == "" {
		err = r.fail("expected true, or fields")
	}
	return &words, err
}

func (r *jsonReader) count() (int64, error) {
	t, err := r.token()
	if err != nil {
		return 0, err
	}
	number, _ := t.(json.Number)
	n, err := number.Int64()
	if err != nil || n < 0 {
		return 0, r.fail("expected a whole number of 0 or more")
	}
	return n, nil
}

// where takes an object of conditions: and, or, not, and fields. A field of such
// a name stands in quotes, as all names may.
func (r *jsonReader) where() ([]Node, error) {
	var list []Node
	err := r.object("conditions", func(key string) error {
		switch key {
		case "and", "or":
			n, err := r.group(key == "or")
			list = append(list, n)
			return err
		case "not":
			kids, err := r.where()
			if err != nil {
				return err
			}
			n, err := r.not(kids)
			list = append(list, n)
			return err
		}
		left, err := r.left(key)
		if err != nil {
			return err
		}
		kids, err := r.tests(left)
		list = append(list, kids...)
		return err
	})
	return list, err
}

// left reads what is compared: a field, in having an aggregate.
func (r *jsonReader) left(key string) (n Node, err error) {
	p := parser{s: key, ext: true, having: r.having}
	var ok bool
	if r.having {
		n.Aggregate = new(Item)
		*n.Aggregate, ok = p.aggregated()
		if !ok || p.i < len(key) || len(p.values) > 0 {
			return n, r.fail("expected and, or, not, or an aggregate such as count() or name.sum()")
		}
		return n, nil
	}
	if n.Field, ok = p.field(); !ok || p.i < len(key) {
		return n, r.fail("expected and, or, not, or a field such as name, name->key or \"a name\"")
	}
	return n, nil
}

// group takes the array of and or or.
func (r *jsonReader) group(or bool) (Node, error) {
	n := Node{Or: or}
	t, err := r.token()
	if err != nil {
		return n, err
	}
	if t != json.Delim('[') {
		return n, r.fail("expected an array of objects of conditions")
	}
	for r.d.More() {
		r.at = append(r.at, "["+strconv.Itoa(len(n.Kids))+"]")
		kids, err := r.where()
		if err != nil {
			return n, err
		}
		kid, err := r.one(kids)
		if err != nil {
			return n, err
		}
		n.Kids = append(n.Kids, kid)
		r.at = r.at[:len(r.at)-1]
	}
	if n.Kids == nil {
		return n, r.fail("no conditions")
	}
	_, err = r.token()
	return n, err
}

// one makes a list of conditions one.
func (r *jsonReader) one(list []Node) (Node, error) {
	switch len(list) {
	case 0:
		return Node{}, r.fail("no conditions")
	case 1:
		return list[0], nil
	}
	return Node{Kids: list}, nil
}

func (r *jsonReader) not(list []Node) (Node, error) {
	n, err := r.one(list)
	if n.Leaf() {
		n.Expr.Not = !n.Expr.Not
	} else {
		n.Not = !n.Not
	}
	return n, err
}

// tests takes what a field is compared with: a value that it equals, or an object
// of operators, of which all must hold.
func (r *jsonReader) tests(left Node) ([]Node, error) {
	t, err := r.token()
	if err != nil {
		return nil, err
	}
	e := Expr{}
	switch t {
	case json.Delim('{'):
		return r.operators(left)
	case json.Delim('['):
		return nil, r.fail("expected an object of operators or one value")
	case nil:
		e.Op = Is
	}
	n, err := r.test(left, e, t)
	return []Node{n}, err
}

// operators takes the rest of an object of operators.
func (r *jsonReader) operators(left Node) ([]Node, error) {
	var list []Node
	err := r.members(func(key string) error {
		if key == "not" {
			kids, err := r.tests(left)
			if err != nil {
				return err
			}
			n, err := r.not(kids)
			list = append(list, n)
			return err
		}
		e, err := r.operator(key)
		if err != nil {
			return err
		}
		t, err := r.token()
		if err != nil {
			return err
		}
		n, err := r.test(left, e, t)
		list = append(list, n)
		return err
	})
	if err == nil && list == nil {
		err = r.fail("no conditions")
	}
	return list, err
}

// operator reads a name of the table, with (any), (all) or a language behind it
// where the operator takes one.
func (r *jsonReader) operator(key string) (e Expr, err error) {
	name, more, has := strings.Cut(key, "(")
	var known bool
	if e.Op, known = operatorNamed(name); !known {
		names := make([]string, len(operators))
		for i, o := range operators {
			names[i] = o.name
		}
		return e, r.fail("unknown operator; known are not, " + strings.Join(names, ", "))
	}
	if !has {
		return e, nil
	}
	if more == "col)" && e.Op.compares() {
		e.Quant = OtherColumn
		return e, nil
	}
	p := parser{s: "(" + more}
	ok := false
	switch o := operators[e.Op]; {
	case o.search:
		e.Lang, ok = p.language()
	case o.quantified:
		e.Quant, ok = p.quantifier()
	}
	if !ok || p.i < len(p.s) {
		return e, r.fail("expected the operator alone, with (any) or (all) if it compares, with (language) if it searches")
	}
	return e, nil
}

// test takes the rest of a value that begins with t, and makes it a condition.
func (r *jsonReader) test(n Node, e Expr, t json.Token) (Node, error) {
	n.Expr = e
	if r.conditions++; r.conditions > maxConditions {
		return n, r.fail("more than " + strconv.Itoa(maxConditions) + " conditions")
	}
	if e.Op == Is {
		word, ok := scalar(t)
		if t == nil {
			word, ok = "null", true
		}
		p := parser{s: word}
		n.Expr.Truth, _ = p.truth()
		if !ok || word == "" || p.i < len(word) {
			return n, r.fail(`expected null, true, false, "not_null" or "unknown"`)
		}
		return n, nil
	}
	if e.Quant == OtherColumn {
		name, ok := t.(string)
		p := parser{s: name}
		f, found := p.field()
		if n.Expr.Other = &f; !ok || !found || p.i < len(name) {
			return n, r.fail("expected a field such as name or name->key, as text")
		}
		return n, nil
	}
	value, err := r.value(e, t)
	if operators[e.Op].wildcard {
		value = strings.ReplaceAll(value, "*", "%")
	}
	n.Expr.Value = r.base + len(r.values)
	r.values = append(r.values, value)
	return n, err
}

// value makes an array an array literal, an object its own text.
func (r *jsonReader) value(e Expr, t json.Token) (string, error) {
	if t == json.Delim('[') {
		return r.array()
	}
	if e.Op == In || e.Quant != One {
		return "", r.fail("expected an array")
	}
	if t == json.Delim('{') {
		start := r.d.InputOffset() - 1
		for depth := 1; depth > 0; {
			t, err := r.token()
			if err != nil {
				return "", err
			}
			switch t {
			case json.Delim('{'), json.Delim('['):
				depth++
			case json.Delim('}'), json.Delim(']'):
				depth--
			}
		}
		return string(r.text[start:r.d.InputOffset()]), nil
	}
	s, ok := scalar(t)
	if !ok {
		return "", r.fail("null is compared with by is alone")
	}
	return s, nil
}

func (r *jsonReader) array() (string, error) {
	var list []string
	for r.d.More() {
		t, err := r.token()
		if err != nil {
			return "", err
		}
		s, ok := scalar(t)
		if !ok {
			return "", r.fail("expected texts, numbers, true or false in an array; write others as text")
		}
		list = append(list, s)
	}
	_, err := r.token()
	return Array(list), err
}

// scalar gives what of a token's value is text to Postgres.
func scalar(t json.Token) (string, bool) {
	switch v := t.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
