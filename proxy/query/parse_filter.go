package query

import "strings"

// ParseExpr reads the value of a filter parameter, as not.eq.5. The expression's
// Value is left 0; the value is given apart, ready to be bound: an array literal
// for in, % for the * of like; is has none.
func ParseExpr(s string) (e Expr, value string, err error) { return PostgREST.ParseExpr(s) }

// ParseExpr reads the value of a filter parameter, as the function of that name.
func (g Grammar) ParseExpr(s string) (e Expr, value string, err error) {
	p := parser{s: s, ext: bool(g)}
	if e, value, ok := p.wholeExpr(); ok {
		return e, value, nil
	}
	return e, "", g.exprError(s)
}

// wholeExpr takes an expression that goes on to the end of the text.
func (p *parser) wholeExpr() (Expr, string, bool) {
	e, value, ok := p.expr((*parser).rest)
	return e, value, ok && (p.i == len(p.s) || e.Quant != OtherColumn || p.end())
}

// ParseArgument reads what may be the value of a filter or an argument of a
// function; found is false for an argument: it does not begin as a filter does.
func ParseArgument(s string) (e Expr, value string, found bool, err error) {
	p := parser{s: s}
	e, value, ok := p.expr((*parser).rest)
	switch {
	case ok:
		return e, value, true, nil
	case p.i == 0:
		return e, "", false, nil
	}
	return e, "", false, PostgREST.exprError(s)
}

func (g Grammar) exprError(s string) error {
	p := tracing(s)
	p.ext = bool(g)
	_, _, _ = p.wholeExpr()
	return p.error("failed to parse filter")
}

func (p *parser) rest() (string, bool) {
	s := p.s[p.i:]
	p.step(len(s))
	return s, true
}

// expr takes not., the operator and its value, which rule value reads.
func (p *parser) expr(value func(*parser) (string, bool)) (e Expr, v string, ok bool) {
	_, e.Not = try(p, func() (bool, bool) { return true, p.text("not") && p.delimiter() })
	v, ok = label(p, "operator (eq, gt, ...)", func() (string, bool) { return p.operation(&e, value) })
	return e, v, ok
}

func (p *parser) operation(e *Expr, value func(*parser) (string, bool)) (string, bool) {
	dotted := func(name string) bool {
		_, ok := try(p, func() (bool, bool) { return true, p.text(name) && p.delimiter() })
		return ok
	}
	if p.ext {
		if _, ok := try(p, func() (bool, bool) { return true, p.columnOperator(e) }); ok {
			return "", true
		}
	}
	switch {
	case dotted("in"):
		e.Op = In
		p.valueAt = p.i
		return p.list()
	case dotted("is"):
		e.Op = Is
		var ok bool
		e.Truth, ok = label(p, "isVal: (null, not_null, true, false, unknown)", p.truth)
		return "", ok
	case dotted("isdistinct"):
		e.Op = IsDistinct
		p.valueAt = p.i
		return value(p)
	}
	for _, group := range [...][]Op{searchOps, simpleOps, quantOps} {
		v, ok := try(p, func() (string, bool) { return p.operator(group, e, value) })
		if ok {
			return v, true
		}
	}
	return "", false
}

// The order is that in which names are tried; of two that begin alike the longer
// comes first.
var (
	searchOps = []Op{FTS, PlainFTS, PhraseFTS, WebFTS}
	simpleOps = []Op{Neq, Contains, Contained, Overlaps, Left, Right, NotRight, NotLeft, Adjacent}
	quantOps  = []Op{Eq, Gte, Gt, Lte, Lt, Like, ILike, Match, IMatch}
)

func (p *parser) operator(group []Op, e *Expr, value func(*parser) (string, bool)) (string, bool) {
	found := false
	for _, op := range group {
		if found = p.text(operators[op].name); found {
			e.Op = op
			break
		}
	}
	if !found {
		return "", false
	}
	op := &operators[e.Op]
	if op.search {
		e.Lang, _ = try(p, p.language)
	}
	if op.quantified {
		e.Quant, _ = try(p, p.quantifier)
	}
	if !p.delimiter() {
		return "", false
	}
	p.valueAt = p.i
	v, ok := value(p)
	if op.wildcard {
		v = strings.ReplaceAll(v, "*", "%")
	}
	return v, ok
}

func (p *parser) language() (string, bool) {
	if !p.text("(") {
		return "", false
	}
	lang, ok := p.identifier()
	return lang, ok && p.text(")")
}

func (p *parser) quantifier() (Quantifier, bool) {
	if !p.text("(") {
		return One, false
	}
	q := Any
	if !p.text("any") {
		if q = All; !p.text("all") {
			return One, false
		}
	}
	return q, p.text(")")
}

// truth takes the operand of is, in any case.
func (p *parser) truth() (Truth, bool) {
	rest := p.s[p.i:]
	for t, row := range truths {
		if len(rest) >= len(row.name) && strings.EqualFold(rest[:len(row.name)], row.name) {
			p.step(len(row.name))
			return Truth(t), true
		}
	}
	p.miss("", p.i)
	return Null, false
}

// list takes (a,"b,c") and gives it as an array literal. The list of one empty
// element is the empty one.
func (p *parser) list() (string, bool) {
	p.spaces()
	if !p.text("(") {
		return "", false
	}
	p.spaces()
	b := make([]byte, 0, len(p.s)-p.i+16)
	b = append(b, '{')
	empty := false
	for n := 0; ; n++ {
		el, ok := p.element()
		if !ok {
			return "", false
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = appendElement(b, el)
		empty = n == 0 && el == ""
		if !p.text(",") {
			break
		}
	}
	if empty {
		b = b[:1]
	}
	p.spaces()
	if !p.text(")") {
		return "", false
	}
	p.spaces()
	return string(append(b, '}')), true
}

// appendElement writes an element of an array literal.
func appendElement(b []byte, el string) []byte {
	b = append(b, '"')
	for i := 0; i < len(el); i++ {
		if el[i] == '"' || el[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, el[i])
	}
	return append(b, '"')
}

// Array writes a list of texts as an array literal.
func Array(list []string) string {
	b := []byte{'{'}
	for i, el := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendElement(b, el)
	}
	return string(append(b, '}'))
}

// element takes a quoted value that a separator follows, or all up to one.
func (p *parser) element() (string, bool) {
	if v, ok := try(p, p.quotedElement); ok {
		return v, true
	}
	return p.until(",)"), true
}

func (p *parser) quotedElement() (string, bool) {
	v, ok := p.quoted()
	return v, ok && (p.i == len(p.s) || p.s[p.i] == ',' || p.s[p.i] == ')')
}

// ParseLogic reads the value of an and or or parameter, with or telling which
// and not whether its name was negated. Values are given apart, in the order of
// the text; the nodes' indexes count from base.
func ParseLogic(s string, not, or bool, base int) (n Node, values []string, err error) {
	return PostgREST.ParseLogic(s, not, or, base)
}

// ParseLogic reads the value of an and or or parameter, as the function of that name.
func (g Grammar) ParseLogic(s string, not, or bool, base int) (n Node, values []string, err error) {
	word := "and"
	if or {
		word = "or"
	}
	if not {
		word = "not." + word
	}
	p := parser{s: word + s, ext: bool(g), base: base}
	if n, ok := p.logic(); ok {
		return n, p.values, nil
	}
	p = tracing(word + s)
	p.ext = bool(g)
	_, _ = p.logic()
	// The place counts the word in front, which the message does not show.
	return n, nil, p.errorOf("failed to parse logic tree", s)
}

func (p *parser) logic() (Node, bool) {
	if p.depth++; p.depth > maxDepth {
		return Node{}, false
	}
	defer func() { p.depth-- }()
	taken := len(p.values)
	if n, ok := try(p, p.logicFilter); ok {
		return n, true
	}
	p.values = p.values[:taken]
	var n Node
	n.Not, _ = label(p, "negation operator (not)", func() (bool, bool) {
		_, ok := try(p, func() (bool, bool) { return true, p.text("not") && p.delimiter() })
		return ok, true
	})
	or, ok := label(p, "logic operator (and, or)", func() (bool, bool) {
		if p.text("and") {
			return false, true
		}
		return true, p.text("or")
	})
	if !ok {
		return n, false
	}
	n.Or = or
	return p.group(n)
}

// group takes the conditions in brackets that and or or joins.
func (p *parser) group(n Node) (Node, bool) {
	p.spaces()
	if !p.text("(") {
		return n, false
	}
	p.spaces()
	for {
		kid, ok := p.logic()
		if !ok {
			return n, false
		}
		n.Kids = append(n.Kids, kid)
		if more, _ := p.comma(); !more {
			break
		}
	}
	if !p.text(")") {
		return n, false
	}
	p.spaces()
	return n, true
}

func (p *parser) logicFilter() (n Node, ok bool) {
	if p.having {
		var it Item
		it, ok = p.aggregated()
		n.Aggregate = &it
	} else {
		n.Field, ok = p.field()
	}
	if !ok || !p.delimiter() {
		return n, false
	}
	e, v, ok := p.expr((*parser).logicValue)
	if !ok || p.having && (e.Op.Search() || e.Quant == OtherColumn) {
		return n, false
	}
	if e.HasValue() {
		e.Value = p.take(v)
	}
	n.Expr = e
	return n, true
}

// logicValue takes a quoted value, {…}, or all up to a separator.
func (p *parser) logicValue() (string, bool) {
	if v, ok := try(p, p.quotedElement); ok {
		return v, true
	}
	if v, ok := try(p, p.arrayValue); ok {
		return v, true
	}
	return p.until(",)"), true
}

func (p *parser) arrayValue() (string, bool) {
	start := p.i
	if !p.text("{") {
		return "", false
	}
	p.until("{}")
	return p.s[start:min(p.i+1, len(p.s))], p.text("}")
}
