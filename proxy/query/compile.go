package query

import (
	"strconv"
	"strings"
)

// SQL is a statement being written, and what its parameters stand for.
type SQL struct {
	b []byte
	// Params tells for $1, $2 … the index of the value to bind; what indexes
	// below zero mean is the caller's business.
	Params []int
}

// String is the text so far.
func (q *SQL) String() string { return string(q.b) }

// Add writes texts that are SQL already.
func (q *SQL) Add(parts ...string) *SQL {
	for _, s := range parts {
		q.b = append(q.b, s...)
	}
	return q
}

// Ident writes a name.
func (q *SQL) Ident(name string) *SQL { return q.Add(Ident(name)) }

// Param writes a parameter for the value of that index.
func (q *SQL) Param(value int) *SQL {
	q.Params = append(q.Params, value)
	q.b = append(q.b, '$')
	q.b = strconv.AppendInt(q.b, int64(len(q.Params)), 10)
	return q
}

// Column writes a column of the relation that is called rel in the statement.
func (q *SQL) Column(rel, name string) *SQL {
	q.Ident(rel).Add(".")
	if name == "*" {
		return q.Add("*")
	}
	return q.Ident(name)
}

// Field writes a field of rel, without its format.
func (q *SQL) Field(rel string, f *Field) *SQL {
	switch {
	case f.WholeRow:
		return q.Ident(rel)
	case len(f.Path) == 0:
		return q.named(rel, f)
	case f.ToJSON:
		q.Add("to_jsonb(").named(rel, f).Add(")")
	default:
		q.named(rel, f)
	}
	for i := range f.Path {
		q.step(&f.Path[i])
	}
	return q
}

func (q *SQL) named(rel string, f *Field) *SQL {
	if f.RowType == "" {
		return q.Column(rel, f.Name)
	}
	return q.Add("(").Ident(rel).Add("::", f.RowType, ").").Ident(f.Name)
}

func (q *SQL) step(st *Step) {
	if st.Text {
		q.Add("->>")
	} else {
		q.Add("->")
	}
	switch {
	case !st.Index:
		q.Add(Literal(st.Key))
	case len(st.Key) > 9: // may not fit; the cast then says so
		q.Add(Literal(st.Key), "::int")
	default:
		q.Add("(", st.Key, ")")
	}
}

// Item writes a selected field with format, casts, aggregate and alias.
func (q *SQL) Item(rel string, it *Item) *SQL {
	var value SQL
	value.Field(rel, &it.Field)
	expr := value.String()
	if it.Field.Format != "" {
		expr = it.Field.Format + "(" + expr + ")"
	}
	if it.Cast != "" {
		expr = "cast(" + expr + " as " + Type(it.Cast) + ")"
	}
	if it.AggCast != "" {
		q.Add("cast(")
	}
	if it.Agg != NoAggregate {
		expr = it.Agg.String() + "(" + expr + ")"
	}
	q.Add(expr)
	if len(it.Filter) > 0 {
		q.Add(" filter (").Where(rel, it.Filter, nil).Add(")")
	}
	if it.AggCast != "" {
		q.Add(" as ", Type(it.AggCast), ")")
	}
	if it.Alias != "" {
		q.Add(" as ").Ident(it.Alias)
	}
	return q
}

// EmbedTest writes the condition that an embed has rows, or has none; the
// caller of Where knows how embeds are joined.
type EmbedTest func(q *SQL, alias string, has bool)

// Where writes all nodes, joined by and, with where in front.
func (q *SQL) Where(rel string, nodes []Node, embed EmbedTest) *SQL {
	for i := range nodes {
		if i == 0 {
			q.Add(" where ")
		} else {
			q.Add(" and ")
		}
		q.Node(rel, &nodes[i], embed)
	}
	return q
}

// Node writes one condition.
func (q *SQL) Node(rel string, n *Node, embed EmbedTest) {
	switch {
	case n.Embed != "":
		embed(q, n.Embed, n.Expr.Not || n.Expr.Truth == NotNull)
	case n.Leaf():
		q.filter(rel, n)
	default:
		if n.Not {
			q.Add("not ")
		}
		word := " and "
		if n.Or {
			word = " or "
		}
		q.Add("(")
		for i := range n.Kids {
			if i > 0 {
				q.Add(word)
			}
			q.Node(rel, &n.Kids[i], embed)
		}
		q.Add(")")
	}
}

func (q *SQL) filter(rel string, n *Node) {
	e, op := &n.Expr, &operators[n.Expr.Op]
	if e.Not {
		q.Add("not ")
	}
	switch {
	case n.Aggregate != nil:
		q.Item(rel, n.Aggregate)
	case op.search:
		q.document(rel, &n.Field, e.Lang)
	default:
		q.operand(rel, &n.Field)
	}
	q.Add(" ", op.sql)
	switch {
	case e.Quant == OtherColumn:
		q.Add(" ").operand(rel, e.Other)
	case e.Op == Is:
		q.Add(" ", truths[e.Truth].sql)
	case e.Op == In:
		q.Add(" (").list(n).Add(")")
	case op.search:
		q.Add("(").language(e.Lang).Param(e.Value).Add(")")
	case e.Quant == Any:
		q.Add(" any (").value(n).Add(")")
	case e.Quant == All:
		q.Add(" all (").value(n).Add(")")
	default:
		q.Add(" ").value(n)
	}
}

// document writes a field as what is searched.
func (q *SQL) document(rel string, f *Field, lang string) *SQL {
	if f.TSVector {
		return q.Field(rel, f)
	}
	return q.Add("to_tsvector(").language(lang).Field(rel, f).Add(")")
}

// operand writes a field as a side of a comparison.
func (q *SQL) operand(rel string, f *Field) *SQL {
	switch f.As {
	case "":
		return q.Field(rel, f)
	case "jsonb":
		return q.Add("to_jsonb(").Field(rel, f).Add(")")
	}
	return q.Add("(").Field(rel, f).Add(")::", f.As)
}

func (q *SQL) language(lang string) *SQL {
	if lang == "" {
		return q
	}
	// Digits alone, or a dash, would be taken for an oid.
	if lang == "-" || strings.Trim(lang, "0123456789") == "" {
		lang = Ident(lang)
	}
	return q.Add(Literal(lang), ", ")
}

func (q *SQL) value(n *Node) *SQL {
	if n.Field.Parse == "" || operators[n.Expr.Op].wildcard {
		return q.Param(n.Expr.Value)
	}
	return q.Add(n.Field.Parse, "(").Param(n.Expr.Value).Add(")")
}

// list writes the operand of in; values that must be read by a function are
// read one by one.
func (q *SQL) list(n *Node) *SQL {
	if n.Field.Parse == "" {
		return q.Param(n.Expr.Value)
	}
	return q.Add("select ", n.Field.Parse, "(unnest(").Param(n.Expr.Value).Add("::text[]))")
}

// Order writes an order by clause; related tells what a to-one embed is called
// in the statement.
func (q *SQL) Order(rel string, terms []Term, related func(string) string) *SQL {
	for i := range terms {
		t := &terms[i]
		if i == 0 {
			q.Add(" order by ")
		} else {
			q.Add(", ")
		}
		switch {
		case t.Relation != "":
			q.Field(related(t.Relation), &t.Field)
		case t.Function == Rank:
			q.Add("ts_rank(").document(rel, &t.Field, t.Expr.Lang)
			_, function, _ := strings.Cut(operators[t.Expr.Op].sql, " ")
			q.Add(", ", function, "(").language(t.Expr.Lang).Param(t.Expr.Value).Add("))")
		case t.Function != NoFunction:
			q.Field(rel, &t.Field).Add(" ", t.Operator, " ").Param(t.Expr.Value)
		default:
			q.Field(rel, &t.Field)
		}
		q.Add([...]string{"", " asc", " desc"}[t.Dir], [...]string{"", " nulls first", " nulls last"}[t.Nulls])
	}
	return q
}
