package rest

import (
	"slices"

	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

func badDistinct(message, hint string) *web.Error { return fail("invalid_distinct", message, "", hint) }

// addDistinct takes fields, of which each combination keeps its first row; without
// fields, of equal rows one.
func (n *node) addDistinct(text string) error {
	if text == "" {
		n.distinct = true
		return nil
	}
	fields, err := query.ParseFields("distinct", text)
	if err != nil {
		return parseError(err)
	}
	for _, f := range fields {
		if !slices.ContainsFunc(n.distinctOn, func(g query.Field) bool { return sameField(&f, &g) }) {
			n.resolve(&f)
			n.distinctOn = append(n.distinctOn, f)
		}
	}
	return nil
}

func sameField(a, b *query.Field) bool { return a.Name == b.Name && slices.Equal(a.Path, b.Path) }

// finishDistinct holds an order to what Postgres can combine with distinct, where it
// would only say that expressions must match.
func (n *node) finishDistinct() error {
	if n.distinct {
		if err := n.comparable(); err != nil {
			return err
		}
		for i := range n.order {
			if !n.selects(&n.order[i]) {
				return badDistinct("with distinct= only what is selected can be ordered by",
					"select the field as it stands in order, or name the fields to tell apart: distinct=a,b")
			}
		}
		return nil
	}
	rest := slices.Clone(n.distinctOn)
	for i := 0; i < len(n.order) && len(rest) > 0; i++ {
		t := &n.order[i]
		same := func(f query.Field) bool { return sameField(&f, &t.Field) }
		if t.Relation != "" || t.Function != query.NoFunction || !slices.ContainsFunc(n.distinctOn, same) {
			return badDistinct("an order must begin with the fields of distinct",
				"the rest of the order says which row of each combination is kept: distinct=a&order=a,b.desc")
		}
		rest = slices.DeleteFunc(rest, same)
	}
	for _, f := range rest {
		n.order = append(n.order, query.Term{Field: f})
	}
	return nil
}

// comparable refuses fields of types that have no equality.
func (n *node) comparable() error {
	rel := n.source.relation
	for i := range n.items {
		it := &n.items[i]
		if rel == nil || it.Cast != "" || it.Agg != query.NoAggregate {
			continue
		}
		for _, c := range rel.Columns {
			whole := len(it.Field.Path) == 0
			if (c.Name == it.Field.Name || isStar(*it)) &&
				(c.Base == "json" && (whole || !it.Field.Path[len(it.Field.Path)-1].Text) || c.Base == "xml" || it.Field.Format != "") {
				return badDistinct("the values of '"+c.Name+"' can't be told apart: it is "+c.Base,
					"leave it out of select, or cast it: "+c.Name+"::jsonb, "+c.Name+"::text")
			}
		}
	}
	return nil
}

// selects tells whether a field is selected just as it is ordered by.
func (n *node) selects(t *query.Term) bool {
	return t.Relation == "" && t.Function == query.NoFunction && slices.ContainsFunc(n.items, func(it query.Item) bool {
		return isStar(it) && len(t.Field.Path) == 0 ||
			it.Agg == query.NoAggregate && it.Cast == "" && sameField(&it.Field, &t.Field)
	})
}

func (n *node) writeDistinct(q *query.SQL) {
	if n.distinct {
		q.Add("distinct ")
		return
	}
	for i := range n.distinctOn {
		q.Add([...]string{"distinct on (", ", "}[min(i, 1)]).Field(n.alias, &n.distinctOn[i])
	}
	if len(n.distinctOn) > 0 {
		q.Add(") ")
	}
}

// writeHaving writes the conditions on groups.
func (n *node) writeHaving(q *query.SQL) {
	for i := range n.having {
		q.Add([...]string{" having ", " and "}[min(i, 1)]).Node(n.alias, &n.having[i], nil)
	}
}

// merges tells a node whose rows are fewer than those that meet its conditions.
func (n *node) merges() bool { return n.distinct || len(n.distinctOn) > 0 || len(n.having) > 0 }

// merged selects n's rows, all of them.
func (p *planner) merged(q *query.SQL, n *node) {
	all := *n
	all.limit, all.offset, all.order = nil, nil, nil
	p.node(q, &all)
}
