package rest

import (
	"slices"

	"github.com/fluxbase/fluxbase/proxy/query"
)

// spreadColumn is a column that a spread gives to its parent.
type spreadColumn struct {
	name string
	// agg is an aggregate that the first parent which is no spread itself applies:
	// over the one row of a to-one relationship it would say nothing.
	agg         query.Aggregate
	cast, alias string
}

// write writes the column, with its aggregate unless a parent further up applies
// that; it gives the aggregate that was written.
func (c spreadColumn) write(q *query.SQL, outer string, hoist bool) query.Aggregate {
	if c.agg == query.NoAggregate || hoist {
		q.Column(outer, c.name)
		return query.NoAggregate
	}
	it := query.Item{Field: query.Field{Name: c.name}, Agg: c.agg, AggCast: c.cast, Alias: c.alias}
	q.Item(outer, &it)
	return c.agg
}

// hoists tells a node whose aggregates its parent applies.
func (n *node) hoists() bool { return n.spread && n.link.ToOne() }

// hoisted tells whether n's items, or those of spreads below it, aggregate.
func (n *node) hoisted() bool {
	return slices.ContainsFunc(n.items, func(it query.Item) bool { return it.Agg != query.NoAggregate }) ||
		slices.ContainsFunc(n.kids, func(k *node) bool { return k.hoists() && k.hoisted() })
}

// aggregates tells whether n's own select list has aggregates.
func (n *node) aggregates() bool { return !n.hoists() && (n.hoisted() || len(n.having) > 0) }

// raw is a field without its aggregate, under the name that the aggregate looks
// for it by.
func raw(it query.Item) query.Item {
	if it.Agg == query.NoAggregate {
		return it
	}
	it.Alias = itemName(&it)
	it.Agg, it.AggCast = query.NoAggregate, ""
	if it.Field.Name == "*" {
		it.Field.WholeRow = true
	}
	return it
}

// itemName is what a selected field is called in the answer.
func itemName(it *query.Item) string {
	switch {
	case it.Alias != "":
		return it.Alias
	case it.Agg != query.NoAggregate:
		return it.Agg.String()
	}
	return it.Field.Name
}

// columns are what a spread gives to its parent.
func (n *node) columns() []spreadColumn {
	var list []spreadColumn
	for i := range n.items {
		it := &n.items[i]
		c := spreadColumn{name: itemName(it)}
		if n.hoists() {
			c.agg, c.cast, c.alias = it.Agg, it.AggCast, it.Alias
		}
		list = append(list, c)
	}
	for _, k := range n.kids {
		switch {
		case k.spread:
			list = append(list, k.columns()...)
		case !k.empty():
			list = append(list, spreadColumn{name: k.label})
		}
	}
	return list
}

// arrays writes an array for each column of a spread of many rows. All are made
// of the same rows in the same order, so that they line up. What comes last is
// null when there was no row, as for other embeds.
func (n *node) arrays(q *query.SQL) {
	as := ") as "
	if n.grouped {
		as = ")::jsonb as "
	}
	for _, c := range n.columns() {
		q.Add("coalesce(json_agg(").Column(rowName, c.name).Add("), '[]'", as).Ident(c.name).Add(", ")
	}
	q.Add("nullif(count(*), 0)")
}

// expandStars names the columns of * where a star would lose a format, can't be
// grouped by, or must become arrays.
func (n *node) expandStars(p *planner, byName bool) {
	rel := n.source.relation
	if rel == nil || !slices.ContainsFunc(n.items, isStar) {
		return
	}
	formatted := false
	for _, c := range rel.Columns {
		formatted = formatted || p.catalog.Format(c.Type, "json") != ""
	}
	if !formatted && !byName && !n.aggregates() && (!n.spread || n.link.ToOne()) {
		return
	}
	var items []query.Item
	for _, it := range n.items {
		if !isStar(it) {
			items = append(items, it)
			continue
		}
		for _, c := range rel.Columns {
			col := query.Item{Field: query.Field{Name: c.Name}}
			p.resolveItem(n, &col)
			items = append(items, col)
		}
	}
	n.items = items
}

func isStar(it query.Item) bool { return it.Field.Name == "*" && it.Agg == query.NoAggregate }
