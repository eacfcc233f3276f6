package query

import "slices"

// Verdict is what a row says to a condition, in SQL's three-valued logic.
type Verdict uint8

// The verdicts. Undecided says that only Postgres knows.
const (
	VerdictNull Verdict = iota
	VerdictFalse
	VerdictTrue
	Undecided
)

// Presence tells what is known of a value.
type Presence uint8

// The kinds of presence. What is Missing may be anything: all that a filter asks of
// it is null, IS NULL too.
const (
	Missing Presence = iota
	IsNull
	Present
)

// Row is what an Evaluator looks at: the values of columns by their places, in the
// text form in which Postgres gives them (ISO dates).
type Row interface {
	Value(place int) (text string, p Presence)
}

// Column is what an Evaluator has to know of one.
type Column struct {
	// Place in a Row.
	Place int
	// Type is its oid.
	Type uint32
	// Loose texts may be equal without being the same, by their collation.
	Loose bool
}

// Evaluator holds a filter against rows without Postgres. What it decides is what
// the SQL of the same filter says; where it can't be sure of that it is Undecided.
type Evaluator struct{ nodes []evalNode }

type evalNode struct {
	not, or bool
	kids    []evalNode
	leaf    *evalLeaf
}

// evalLeaf compares one column.
type evalLeaf struct {
	column Column
	known  bool // the row has such a column
	// other is compared with instead of operands, of a pair.
	other  Column
	isPair bool
	op     Op
	truth  Truth
	// all asks all of the operands to hold, not any of them.
	all      bool
	operands []operand
	// undecided is a leaf that only Postgres can decide; unless it is strict too, and the
	// column null.
	undecided, strict bool
}

// operand is a value as its operator takes it.
type operand struct {
	key     Key
	pattern pattern
	ok      bool
}

// NewEvaluator makes one of conditions that are joined by and. column tells of a
// column by its name, or that there is none; what a row does not have is Missing.
func NewEvaluator(nodes []Node, values []string, column func(name string) (Column, bool)) *Evaluator {
	return &Evaluator{evalNodes(nodes, values, column)}
}

func evalNodes(nodes []Node, values []string, column func(string) (Column, bool)) []evalNode {
	list := make([]evalNode, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		if n.Leaf() {
			list[i] = evalNode{not: n.Expr.Not, leaf: newLeaf(n, values, column)}
		} else {
			list[i] = evalNode{not: n.Not, or: n.Or, kids: evalNodes(n.Kids, values, column)}
		}
	}
	return list
}

func newLeaf(n *Node, values []string, column func(string) (Column, bool)) *evalLeaf {
	l := &evalLeaf{op: n.Expr.Op, truth: n.Expr.Truth, all: n.Expr.Quant == All}
	if l.column, l.known = column(n.Field.Name); !l.known {
		return l
	}
	if n.Expr.Quant == OtherColumn {
		l.pair(n, column)
		return l
	}
	kind := exact[l.column.Type]
	text := kind == exactText && !l.column.Loose
	switch l.op {
	case Is:
		l.undecided = kind == inexact || l.truth >= True && l.column.Type != boolType
	case Eq, Neq, In, IsDistinct:
		l.undecided = kind <= plain || kind == exactText && !text
	case Gt, Gte, Lt, Lte:
		l.undecided = kind <= exactText // the order of texts is their collation's
	case Like:
		l.undecided = !text
	default:
		l.undecided = true
	}
	if len(n.Field.Path) > 0 || n.Embed != "" {
		l.undecided = true
		return l
	}
	l.strict = kind != inexact && l.op != Is && l.op != IsDistinct && l.op != In && n.Expr.Quant == One
	if l.undecided || l.op == Is {
		return l
	}
	list := []string{values[n.Expr.Value]}
	if l.op == In || n.Expr.Quant != One {
		var ok bool
		if list, ok = ParseArray(list[0]); !ok {
			l.undecided = true
			return l
		}
	}
	l.operands = make([]operand, len(list))
	for i, v := range list {
		o := &l.operands[i]
		if l.op == Like {
			o.pattern, o.ok = newPattern(v)
		} else {
			o.key, o.ok = l.column.Key(v)
		}
	}
	return l
}

// Eval gives the verdict of a row.
func (e *Evaluator) Eval(row Row) Verdict { return join(e.nodes, false, row) }

// join is and, or or, of nodes. One that settles it makes the others indifferent,
// undecided or not.
func join(nodes []evalNode, or bool, row Row) Verdict {
	settles, result := VerdictFalse, VerdictTrue
	if or {
		settles, result = VerdictTrue, VerdictFalse
	}
	for i := range nodes {
		switch v := nodes[i].eval(row); {
		case v == settles:
			return v
		case v == Undecided || v == VerdictNull && result != Undecided:
			result = v
		}
	}
	return result
}

func (n *evalNode) eval(row Row) Verdict {
	var v Verdict
	if n.leaf != nil {
		v = n.leaf.eval(row)
	} else {
		v = join(n.kids, n.or, row)
	}
	if n.not {
		return negate(v)
	}
	return v
}

func negate(v Verdict) Verdict {
	switch v {
	case VerdictTrue:
		return VerdictFalse
	case VerdictFalse:
		return VerdictTrue
	}
	return v
}

func verdict(b bool) Verdict {
	if b {
		return VerdictTrue
	}
	return VerdictFalse
}

// pair makes l one that compares two columns, which it decides where values of both
// types have the same keys.
func (l *evalLeaf) pair(n *Node, column func(string) (Column, bool)) {
	l.isPair = true
	if l.other, l.known = column(n.Expr.Other.Name); !l.known {
		return
	}
	kind := exact[l.column.Type]
	switch l.op {
	case Eq, Neq, IsDistinct:
		l.undecided = kind <= plain
	case Gt, Gte, Lt, Lte:
		l.undecided = kind <= exactText // the order of texts is their collation's
	default:
		l.undecided = true
	}
	l.undecided = l.undecided || exact[l.other.Type] != kind || l.column.Loose || l.other.Loose
	if len(n.Field.Path) > 0 || len(n.Expr.Other.Path) > 0 {
		l.undecided = true
		return
	}
	l.strict = kind != inexact && exact[l.other.Type] != inexact && l.op != IsDistinct
}

func (l *evalLeaf) evalPair(row Row) Verdict {
	a, p := row.Value(l.column.Place)
	b, q := row.Value(l.other.Place)
	null := p == IsNull || q == IsNull
	switch {
	case p == Missing || q == Missing, null && l.strict:
		return VerdictNull
	case l.undecided:
		return Undecided
	case null: // is distinct from
		return verdict(p != q)
	}
	left, ok := l.column.Key(a)
	right, too := l.other.Key(b)
	if !ok || !too {
		return Undecided
	}
	return verdict(l.compare(left, right))
}

func (l *evalLeaf) eval(row Row) Verdict {
	if !l.known {
		return VerdictNull
	}
	if l.isPair {
		return l.evalPair(row)
	}
	text, p := row.Value(l.column.Place)
	switch {
	case p == Missing, p == IsNull && l.strict:
		return VerdictNull
	case l.undecided:
		return Undecided
	case l.op == Is:
		return verdict(l.is(text, p))
	case p == IsNull && l.op == IsDistinct:
		return VerdictTrue
	case p == IsNull && len(l.operands) > 0:
		return VerdictNull
	case l.op == Like:
		return l.any(func(o *operand) Verdict {
			if len(text)*len(o.pattern) > maxMatch {
				return Undecided
			}
			return verdict(o.pattern.match(text))
		})
	}
	key, ok := l.column.Key(text)
	return l.any(func(o *operand) Verdict {
		if !ok {
			return Undecided
		}
		return verdict(l.compare(key, o.key))
	})
}

// any asks one operand after the other, until one settles it.
func (l *evalLeaf) any(test func(*operand) Verdict) Verdict {
	settles := verdict(!l.all)
	result := negate(settles)
	for i := range l.operands {
		v := Undecided
		if l.operands[i].ok {
			v = test(&l.operands[i])
		}
		if v == settles {
			return v
		}
		if v == Undecided {
			result = v
		}
	}
	return result
}

func (l *evalLeaf) is(text string, p Presence) bool {
	switch l.truth {
	case NotNull:
		return p == Present
	case True:
		return p == Present && text == "t"
	case False:
		return p == Present && text == "f"
	}
	return p == IsNull // null, unknown
}

func (l *evalLeaf) compare(a, b Key) bool {
	switch l.op {
	case Neq, IsDistinct:
		return a != b
	case Gt:
		return a.compare(b) > 0
	case Gte:
		return a.compare(b) >= 0
	case Lt:
		return a.compare(b) < 0
	case Lte:
		return a.compare(b) <= 0
	}
	return a == b
}

// Keys tells of a column that has one of these keys in every row that meets the
// filter, if there is such a column; of several that with the fewest.
func (e *Evaluator) Keys() (c Column, keys []Key, ok bool) {
	var look func(nodes []evalNode)
	look = func(nodes []evalNode) {
		for i := range nodes {
			n := &nodes[i]
			switch {
			case n.not:
			case n.leaf == nil && !n.or:
				look(n.kids)
			case n.leaf != nil && n.leaf.equals() && (!ok || len(n.leaf.operands) < len(keys)):
				c, keys, ok = n.leaf.column, nil, true
				for _, o := range n.leaf.operands {
					if !slices.Contains(keys, o.key) {
						keys = append(keys, o.key)
					}
				}
			}
		}
	}
	look(e.nodes)
	return c, keys, ok
}

func (l *evalLeaf) equals() bool {
	return l.known && !l.undecided && !l.isPair && (l.op == Eq || l.op == In) && !l.all &&
		!slices.ContainsFunc(l.operands, func(o operand) bool { return !o.ok })
}
