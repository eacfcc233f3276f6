package query

import "strings"

// Print writes a filter tree as PostgREST's logic parameters do: as or(…),
// and(…) or field.op.value, with values quoted. Parsing what it gives makes the
// same tree and values.
func Print(n *Node, values []string) string {
	var b strings.Builder
	n.print(&b, values)
	return b.String()
}

func (n *Node) print(b *strings.Builder, values []string) {
	if n.Leaf() {
		n.Field.print(b)
		b.WriteByte('.')
		n.Expr.print(b, values)
		return
	}
	if n.Not {
		b.WriteString("not.")
	}
	if n.Or {
		b.WriteString("or(")
	} else {
		b.WriteString("and(")
	}
	for i := range n.Kids {
		if i > 0 {
			b.WriteByte(',')
		}
		n.Kids[i].print(b, values)
	}
	b.WriteByte(')')
}

func (f *Field) print(b *strings.Builder) {
	printQuoted(b, f.Name)
	for _, st := range f.Path {
		b.WriteString("->")
		if st.Text {
			b.WriteByte('>')
		}
		if st.Index {
			b.WriteString(st.Key)
		} else {
			printQuoted(b, st.Key)
		}
	}
}

func (e *Expr) print(b *strings.Builder, values []string) {
	if e.Not {
		b.WriteString("not.")
	}
	b.WriteString(e.Op.String())
	if e.Lang != "" {
		b.WriteString("(" + e.Lang + ")")
	}
	b.WriteString([...]string{"", "(any)", "(all)", "(col)"}[e.Quant])
	b.WriteByte('.')
	switch {
	case e.Quant == OtherColumn:
		e.Other.print(b)
	case e.Op == Is:
		b.WriteString(truths[e.Truth].name)
	case e.Op == In:
		// An array literal's elements are quoted as those of the list are.
		v := values[e.Value]
		b.WriteString("(" + v[1:len(v)-1] + ")")
	default:
		printQuoted(b, values[e.Value])
	}
}

// Quote writes a name or value in quotes, as texts that hold the grammar's own
// characters must be.
func Quote(s string) string {
	var b strings.Builder
	printQuoted(&b, s)
	return b.String()
}

func printQuoted(b *strings.Builder, s string) {
	b.WriteByte('"')
	b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s))
	b.WriteByte('"')
}

// AppendShape writes what of a tree decides its SQL: all but the values.
func (n *Node) AppendShape(b []byte) []byte {
	if n.Leaf() {
		if n.Aggregate != nil {
			return n.Expr.AppendShape(append(n.Aggregate.appendShape(b), 0))
		}
		return n.Expr.AppendShape(append(n.Field.appendShape(b), 0))
	}
	kind := byte('&')
	if n.Or {
		kind = '|'
	}
	b = append(b, kind)
	if n.Not {
		b = append(b, '!')
	}
	b = append(b, '(')
	for i := range n.Kids {
		b = append(n.Kids[i].AppendShape(b), ',')
	}
	return append(b, ')')
}

// AppendShape writes what of a filter decides its SQL: all but the value.
func (e *Expr) AppendShape(b []byte) []byte {
	not := byte('=')
	if e.Not {
		not = '!'
	}
	b = append(b, not, byte(e.Op)+'A', byte(e.Quant)+'0', byte(e.Truth)+'0')
	b = append(append(b, e.Lang...), 0)
	if e.Quant == OtherColumn {
		b = append(e.Other.appendShape(b), 0)
	}
	return b
}

func (f *Field) appendShape(b []byte) []byte {
	b = append(b, f.Name...)
	for _, st := range f.Path {
		kind := byte('k')
		if st.Index {
			kind = 'i'
		}
		if st.Text {
			kind -= 'a' - 'A'
		}
		b = append(append(b, 0, kind), st.Key...)
	}
	return b
}

// appendShape is for aggregates in having, which have no alias.
func (it *Item) appendShape(b []byte) []byte {
	b = append(it.Field.appendShape(b), 0, byte(it.Agg)+'0')
	b = append(append(append(append(b, it.Cast...), 0), it.AggCast...), 0)
	for i := range it.Filter {
		b = append(it.Filter[i].AppendShape(b), ',')
	}
	return b
}
