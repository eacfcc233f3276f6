package query

import (
	"strconv"
	"strings"
)

// Grammar says whose language a text is in.
type Grammar bool

// The grammars: PostgREST's own, and the one that has our additions too. What
// PostgREST takes means the same in both.
const (
	PostgREST Grammar = false
	Extended  Grammar = true
)

// Values are those within a select or order.
type Values struct {
	List []string
	// Shape is the text without them.
	Shape string
}

// ParseSelect reads a select parameter; an empty one gives no items. Values, such as
// those of amount.sum().filter(paid.is.true), are given apart; the items' indexes
// count from base.
func (g Grammar) ParseSelect(s string, base int) ([]Item, Values, error) {
	return parseValues("failed to parse select parameter", s, g, base, (*parser).items)
}

// ParseOrder reads an order parameter, as ParseSelect does select.
func (g Grammar) ParseOrder(s string, base int) ([]Term, Values, error) {
	return parseValues("failed to parse order", s, g, base, (*parser).terms)
}

func parseValues[T any](what, s string, g Grammar, base int, rule func(*parser) (T, bool)) (T, Values, error) {
	var last *parser
	v, err := parse(what, s, func(p *parser) (T, bool) {
		p.ext, p.shaped, p.base, last = bool(g), true, base, p
		return rule(p)
	})
	return v, Values{last.values, last.shape()}, err
}

// shape is the text with a zero, which texts have none of, in the place of each value.
func (p *parser) shape() string {
	if len(p.values) == 0 {
		return p.s
	}
	var b strings.Builder
	from := 0
	for _, s := range p.spans[:len(p.values)] {
		b.WriteString(p.s[from:s[0]])
		b.WriteByte(0)
		from = s[1]
	}
	b.WriteString(p.s[from:])
	return b.String()
}

// take notes a value, and where in the text it stands.
func (p *parser) take(value string) int {
	n := len(p.values)
	p.values = append(p.values, value)
	if p.shaped {
		p.spans = append(p.spans[:n], [2]int{p.valueAt, p.i})
	}
	return p.base + n
}

// ParseHaving reads a having parameter: a condition on an aggregate such as
// amount.sum().gt.5, or and(…), or(…) or (…) of several. Values are given apart, as by
// ParseLogic.
func ParseHaving(s string, base int) (Node, []string, error) {
	text := s
	if strings.HasPrefix(s, "(") {
		text = "and" + s
	}
	rule := func(p *parser) (Node, bool) {
		p.ext, p.having, p.base = true, true, base
		n, ok := p.logic()
		return n, ok && p.end()
	}
	p := parser{s: text}
	if n, ok := rule(&p); ok {
		return n, p.values, nil
	}
	p = tracing(text)
	n, _ := rule(&p)
	return n, nil, p.errorOf("failed to parse having", s)
}

// ParseFields reads a list of fields; what names it in an error.
func ParseFields(what, s string) ([]Field, error) {
	return parse("failed to parse "+what+" parameter", s, func(p *parser) ([]Field, bool) {
		var list []Field
		for {
			f, ok := p.field()
			if !ok {
				return nil, false
			}
			list = append(list, f)
			if p.i == len(p.s) || !p.text(",") {
				return list, p.end()
			}
		}
	})
}

// columnOperator takes op(col).field, where op compares.
func (p *parser) columnOperator(e *Expr) bool {
	n := 0
	for p.i+n < len(p.s) && p.s[p.i+n] >= 'a' && p.s[p.i+n] <= 'z' {
		n++
	}
	if !strings.HasPrefix(p.s[p.i+n:], "(col).") {
		return false
	}
	op, ok := operatorNamed(p.s[p.i : p.i+n])
	if !ok || !op.compares() {
		return false
	}
	p.step(n + len("(col)."))
	f, ok := p.field()
	*e = Expr{Not: e.Not, Op: op, Quant: OtherColumn, Other: &f}
	return ok
}

// compares tells operators that can have a column on their right side.
func (o Op) compares() bool { return o != In && o != Is && !o.Search() }

func operatorNamed(name string) (Op, bool) {
	for i := range operators {
		if operators[i].name == name {
			return Op(i), true
		}
	}
	return 0, false
}

// aggregated takes an aggregate without an alias.
func (p *parser) aggregated() (it Item, ok bool) {
	p.spaces()
	if p.text("count()") {
		it = Item{Field: Field{Name: "*"}, Agg: Count}
	} else {
		if it.Field, ok = p.field(); !ok {
			return it, false
		}
		if it.Cast, ok = p.cast(); !ok {
			return it, false
		}
		if it.Agg, ok = p.aggregate(); !ok {
			return it, false
		}
	}
	if !p.aggregateFilter(&it) {
		return it, false
	}
	it.AggCast, ok = p.cast()
	return it, ok
}

// aggregateFilter takes .filter(conditions), if it comes.
func (p *parser) aggregateFilter(it *Item) bool {
	if !p.ext || !strings.HasPrefix(p.s[p.i:], ".filter(") {
		return true
	}
	p.step(len(".filter"))
	having := p.having
	p.having = false
	n, ok := p.group(Node{})
	p.having = having
	it.Filter = n.Kids
	return ok
}

// termFunction is a function of a column and a value that can be ordered by.
type termFunction struct{ name, operator string }

// Distances are named as pgvector names its functions.
var termFunctions = [...]termFunction{
	Rank:           {name: "rank"},
	Distance:       {name: "distance", operator: "<->"},
	CosineDistance: {name: "cosine_distance", operator: "<=>"},
	InnerProduct:   {name: "inner_product", operator: "<#>"},
	L1Distance:     {name: "l1_distance", operator: "<+>"},
}

// Operator is that of a distance; empty for others.
func (f TermFunction) Operator() string { return termFunctions[f].operator }

// String is the function's name in URLs.
func (f TermFunction) String() string { return termFunctions[f].name }

// functionTerm takes rank(field,fts.words) or distance(field,value), and the direction.
func (p *parser) functionTerm() (t Term, ok bool) {
	for f := Rank; f <= L1Distance && !ok; f++ {
		t.Function, ok = f, strings.HasPrefix(p.s[p.i:], f.String()+"(")
	}
	if !ok {
		return t, false
	}
	p.step(len(t.Function.String()) + 1)
	if t.Field, ok = p.field(); !ok || !p.text(",") {
		return t, false
	}
	p.spaces()
	value := ""
	if t.Function == Rank {
		t.Expr, value, ok = p.expr((*parser).logicValue)
		ok = ok && t.Expr.Op.Search() && !t.Expr.Not
	} else {
		p.valueAt = p.i
		value, ok = p.logicValue()
	}
	if !ok {
		return t, false
	}
	t.Expr.Value = p.take(value)
	return t, p.text(")") && p.direction(&t)
}

// recursion takes recursive.5, how deep an embed of a relation in itself goes.
func (p *parser) recursion() (levels int, ok bool) {
	if !p.ext || !p.text("recursive.") {
		return 0, false
	}
	n := 0
	for p.i+n < len(p.s) && p.s[p.i+n] >= '0' && p.s[p.i+n] <= '9' {
		n++
	}
	levels, err := strconv.Atoi(p.s[p.i : p.i+n])
	p.step(n)
	p.miss("digit", p.i)
	return levels, err == nil && levels > 0
}
