package rest

import (
	"slices"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// Names of ours within statements. A column of the same name would hide the
// row, so they are none that anybody gives to a column.
const (
	rowName    = "_fx_row"
	sourceName = "_fx_source"
	embedName  = "_fx_embed"
)

// gucs are read after the rows: functions and triggers may have set them.
const gucs = `, nullif(current_setting('response.headers', true), '')` +
	`, nullif(current_setting('response.status', true), '')`

// Columns of every answer; those of plan.total and plan.inserted come after.
const (
	bodyColumn = iota
	pageColumn
	headersColumn
	statusColumn
	nextColumn
)

// read plans GET and HEAD of a relation.
func (p *planner) read(rel *catalog.Relation) (*plan, error) {
	pl := &plan{mode: readOnly, relation: rel.Name}
	if err := p.negotiate(pl, nil); err != nil {
		return nil, err
	}
	pl.applied.handling = p.r.prefs.handling
	if p.export != 0 && p.r.method == "GET" {
		p.exportRows(pl)
		return pl, nil
	}
	q := new(query.SQL)
	with := "with "
	if p.page != nil {
		p.pageSource(q, with)
		with = ", "
	}
	if p.csv() {
		q.Add(with, sourceName, " as (")
		p.rows(q)
		q.Add(") select ")
		p.answer(q, pl, "count(*)")
		p.total(q, pl, "count(*)", p.countRows)
		p.version(q, pl)
		p.snapshot(q, pl)
		p.next(q, pl)
		q.Add(" from ", sourceName, " as ", rowName)
	} else {
		q.Add("select ")
		p.answer(q, pl, "count(*)")
		p.total(q, pl, "count(*)", p.countRows)
		p.version(q, pl)
		p.snapshot(q, pl)
		p.next(q, pl)
		q.Add(" from (")
		p.rows(q)
		q.Add(") as ", rowName)
	}
	p.explain(pl)
	pl.sql, pl.params = q.String(), q.Params
	pl.rowwise = p.rowwise(pl)
	p.complete(pl)
	return pl, nil
}

func (p *planner) csv() bool { return p.media == mediaCSV && (p.r.method != "HEAD" || p.headBody()) }

// answer writes the columns that every statement gives: body, number of rows,
// and what functions said of headers and status.
func (p *planner) answer(q *query.SQL, pl *plan, count string) {
	p.planColumns(q, count)
	if p.r.method == "HEAD" && !p.headBody() {
		q.Add("''")
	} else {
		q.Add(p.bodyOf(pl, nil))
	}
	q.Add(", ", count, gucs)
}

// rowsAs aggregates the rows called rowName into a body.
func (p *planner) rowsAs() string {
	switch p.media {
	case mediaSingle:
		return "coalesce(" + p.first(rowName) + ", 'null')"
	case mediaSingleStripped:
		return "coalesce(json_strip_nulls(" + p.first(rowName) + "), 'null')"
	case mediaArrayStripped:
		return "coalesce(json_strip_nulls(json_agg(" + rowName + ")), '[]')"
	case mediaGeoJSON:
		return "json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(ST_AsGeoJSON(" + rowName + ")::json), '[]'))"
	case mediaCSV:
		// A row's text in brackets is a CSV line, quoting included.
		const line = rowName + "::text"
		return "(select coalesce(string_agg(k, ','), '') from (select json_object_keys(row_to_json(h)) as k from (select * from " +
			sourceName + " limit 1) as h) as header)" +
			` || E'\n' || coalesce(string_agg(substring(` + line + ", 2, length(" + line + `) - 2), E'\n'), '')`
	}
	return "coalesce(json_agg(" + rowName + "), '[]')"
}

// first is the first of the values as JSON. What PostgREST writes, and shows in a
// plan, is the same but for a parser that goes over the value again.
func (p *planner) first(value string) string {
	if p.format != nil {
		return "json_agg(" + value + ")->0"
	}
	return "(array_agg(to_json(" + value + ")))[1]"
}

// total adds the number of all rows, if it was asked for: the page's own number
// when nothing cuts the page off.
func (p *planner) total(q *query.SQL, pl *plan, page string, count func(*query.SQL)) {
	if c := p.r.prefs.count; c != countExact && c != countEstimated {
		return
	}
	pl.total = nextColumn
	if p.root.limit == nil && p.root.offset == nil {
		q.Add(", ", page)
		return
	}
	q.Add(", (select count(*) from (")
	count(q)
	if p.r.prefs.count == countEstimated && p.cfg.MaxRows != nil && !p.r.rpc {
		q.Add(" limit ", strconv.FormatInt(*p.cfg.MaxRows+1, 10))
	}
	q.Add(") as _fx_count)")
}

// explain plans the statement that asks the planner for an estimate.
func (p *planner) explain(pl *plan) {
	if c := p.r.prefs.count; c != countPlanned && c != countEstimated {
		return
	}
	q := new(query.SQL)
	q.Add("explain (format json) ")
	p.countRows(q)
	pl.explain = &explain{q.String(), q.Params}
}

// countRows selects the root's rows, all of them and nothing of them.
func (p *planner) countRows(q *query.SQL) {
	if p.root.merges() {
		p.merged(q, p.root)
		return
	}
	p.exists(q, p.root)
}

// exists selects n's rows as they would be counted. Inner embeds count as
// conditions: joining them could multiply rows.
func (p *planner) exists(q *query.SQL, n *node) {
	if n != p.root && len(n.having) > 0 {
		p.merged(q, n)
		return
	}
	q.Add("select 1 from ")
	n.from(q)
	and := p.where(q, n, func(q *query.SQL, outer string, has bool) {
		for _, k := range n.kids {
			if k.outer == outer {
				if !has {
					q.Add("not ")
				}
				q.Add("exists (")
				p.exists(q, k)
				q.Add(")")
			}
		}
	})
	for _, k := range n.kids {
		if k.inner {
			q.Add(and, "exists (")
			p.exists(q, k)
			q.Add(")")
			and = " and "
		}
	}
}

// where writes the conditions of n and of the link to its parent; it gives the
// word for one more.
func (p *planner) where(q *query.SQL, n *node, test query.EmbedTest) string {
	q.Where(n.alias, n.where, test)
	word := " where "
	if len(n.where) > 0 {
		word = " and "
	}
	word = n.exceptAncestors(q, word)
	if n.link == nil || n.link.Function != nil {
		return word
	}
	parent := n.parentAlias()
	pairs := n.link.Pairs
	if j := n.link.Junction; j != nil {
		for _, pr := range j.TargetPairs {
			q.Add(word).Column(n.junctionAlias(), pr.Origin).Add(" = ").Column(n.alias, pr.Target)
			word = " and "
		}
		for _, pr := range j.OriginPairs {
			q.Add(word).Column(n.junctionAlias(), pr.Origin).Add(" = ").Column(parent, pr.Target)
			word = " and "
		}
		return word
	}
	for _, pr := range pairs {
		q.Add(word).Column(n.alias, pr.Target).Add(" = ").Column(parent, pr.Origin)
		word = " and "
	}
	return word
}

// parentAlias is what the parent is called; a root goes by its name, an embed by
// its name and depth.
func (n *node) parentAlias() string {
	if n.depth > 1 {
		return n.link.Origin.Name + "_" + strconv.Itoa(n.depth-1)
	}
	return n.link.Origin.Name
}

func (n *node) junctionAlias() string {
	return n.link.Junction.Relation.Name + "_j" + strconv.Itoa(n.depth)
}

// from writes where n's rows come from.
func (n *node) from(q *query.SQL) {
	switch {
	case n.source.from != nil:
		n.source.from(q)
		return
	case n.link != nil && n.link.Function != nil:
		// The cast chooses among overloads: a row of a subquery has no type.
		f, o := n.link.Function, n.link.Origin
		q.Ident(f.Schema).Add(".").Ident(f.Name).Add("(").Ident(n.parentAlias()).Add("::").
			Ident(o.Schema).Add(".").Ident(o.Name).Add(")")
	default:
		q.Ident(n.source.schema).Add(".").Ident(n.source.name)
	}
	if n.alias != n.source.name || n.link != nil {
		q.Add(" as ").Ident(n.alias)
	}
	if n.link != nil && n.link.Junction != nil {
		j := n.link.Junction.Relation
		q.Add(", ").Ident(j.Schema).Add(".").Ident(j.Name).Add(" as ").Ident(n.junctionAlias())
	}
}

// node writes the query for n and, within it, its embeds.
func (p *planner) node(q *query.SQL, n *node) {
	q.Add("select ")
	n.writeDistinct(q)
	group := p.list(q, n)
	if n.keys != nil {
		n.keys(q)
	}
	q.Add(" from ")
	n.from(q)
	for _, k := range n.kids {
		if k.lateral() {
			p.join(q, k)
		}
	}
	and := p.where(q, n, func(q *query.SQL, outer string, has bool) {
		q.Ident(outer)
		if !n.byOuter(outer).link.ToOne() {
			q.Add(".", embedName)
		}
		if has {
			q.Add(" is distinct from null")
		} else {
			q.Add(" is not distinct from null")
		}
	})
	if n.after != nil {
		n.after(q, and)
	}
	for i, g := range group {
		q.Add([...]string{" group by ", ", "}[min(i, 1)], strconv.Itoa(g))
	}
	n.writeHaving(q)
	q.Order(n.alias, n.order, func(outer string) string { return outer })
	p.limit(q, n)
	if n.offset != nil {
		q.Add(" offset ").Param(*n.offset)
	}
}

func (p *planner) limit(q *query.SQL, n *node) {
	if n.limit == nil {
		return
	}
	q.Add(" limit ")
	if n.most != nil {
		p.guardedLimit(q, n)
	} else if rows, ok := p.constLimit(*n.limit); ok {
		q.Add(rows)
	} else {
		q.Param(*n.limit)
	}
}

// constLimit is a limit that stands in the statement itself.
func (p *planner) constLimit(param int) (rows string, ok bool) {
	switch param {
	case limitParam:
		return strconv.FormatInt(p.r.rows.limit, 10), p.r.rows.limit <= maxConstLimit
	case pageParam:
		return strconv.FormatInt(p.r.rows.limit+1, 10), p.r.rows.limit <= maxConstLimit
	case maxRowsParam:
		return strconv.FormatInt(*p.cfg.MaxRows, 10), true
	case guardParam:
		return "", false
	}
	rows = p.r.values[param]
	return rows, isConstLimit(rows)
}

func (n *node) byOuter(outer string) *node {
	for _, k := range n.kids {
		if k.outer == outer {
			return k
		}
	}
	return nil
}

// list writes what n selects; it gives the numbers of the columns to group by,
// which are all but the aggregates, if there are any.
func (p *planner) list(q *query.SQL, n *node) (group []int) {
	column, grouping := 0, n.aggregates()
	next := func() {
		if column++; column > 1 {
			q.Add(", ")
		}
	}
	add := func(agg query.Aggregate) {
		if grouping && agg == query.NoAggregate {
			group = append(group, column)
		}
	}
	for i := range n.items {
		next()
		it := n.items[i]
		if n.hoists() {
			it = raw(it)
		}
		q.Item(n.alias, &it)
		add(it.Agg)
	}
	for _, k := range n.kids {
		switch {
		case k.spread:
			for _, c := range k.columns() {
				next()
				add(c.write(q, k.outer, n.hoists()))
			}
		case !k.empty():
			next()
			p.embedValue(q, k)
			// json can't be grouped by; where embeds become text, clients expect jsonb's.
			if grouping || n.distinct || n.grouped && n.hoists() || p.handler != nil || p.csv() {
				q.Add("::jsonb")
			}
			q.Add(" as ").Ident(k.label)
			add(query.NoAggregate)
		}
	}
	if column == 0 && len(n.kids) == 0 {
		q.Column(n.alias, "*")
	}
	return group
}

// empty tells an embed that selects nothing at all: it only joins.
func (n *node) empty() bool {
	if len(n.items) > 0 {
		return false
	}
	for _, k := range n.kids {
		if !k.empty() {
			return false
		}
	}
	return true
}

// lateral tells embeds that are joined. The others are subqueries of the select
// list: Postgres leaves them out for rows that a limit cuts off, but runs them
// row by row, where a join of one row is planned for all.
func (n *node) lateral() bool {
	return n.inner || n.joined || n.spread || !n.empty() && (n.repeats() || n.link.ToOne() && !n.cut)
}

// repeats tells a to-one embed that may have more than one row after all. One is
// sure only for a table's key; a view may repeat it, and so may heirs, functions
// and what is joined within.
func (n *node) repeats() bool {
	if !n.link.ToOne() {
		return false
	}
	return n.link.Function != nil || n.link.Target.IsView() || n.link.Target.Inherited ||
		slices.ContainsFunc(n.kids, func(k *node) bool {
			return k.repeats() && (k.inner || k.joined || k.spread || !k.empty())
		})
}

// whole tells an embed of nothing but the rows of its relation, all of them.
func (n *node) whole() bool {
	return len(n.items) == 1 && isStar(n.items[0]) && len(n.kids) == 0 && len(n.order) == 0 && n.limit == nil && n.offset == nil && !n.merges()
}

func (p *planner) embedValue(q *query.SQL, k *node) {
	toOne := k.link.ToOne()
	switch {
	case k.lateral() && toOne:
		q.Add("row_to_json(").Ident(k.outer).Add(".*)")
	case k.lateral():
		q.Add("coalesce(").Ident(k.outer).Add(".", embedName, ", '[]')")
	case k.whole():
		// A row as the table has it is cheaper than one made of its columns.
		q.Add([...]string{"coalesce((select json_agg(", "(select row_to_json("}[b2i(toOne)]).Ident(k.alias).Add(".*) from ")
		k.from(q)
		p.where(q, k, nil)
		q.Add([...]string{"), '[]')", ")"}[b2i(toOne)])
	case toOne:
		q.Add("(select row_to_json(", rowName, ") from (")
		p.node(q, k)
		q.Add(") as ", rowName, ")")
	default:
		q.Add("coalesce((select json_agg(", rowName, ") from (")
		p.node(q, k)
		q.Add(") as ", rowName, "), '[]')")
	}
}

// join writes an embed as a join.
func (p *planner) join(q *query.SQL, k *node) {
	if k.inner {
		q.Add(" join lateral (")
	} else {
		q.Add(" left join lateral (")
	}
	if k.link.ToOne() {
		p.node(q, k)
		q.Add(") as ").Ident(k.outer).Add(" on true")
		return
	}
	q.Add("select ")
	if k.spread {
		k.arrays(q)
	} else {
		q.Add("json_agg(", rowName, ")")
	}
	q.Add(" as ", embedName, " from (")
	p.node(q, k)
	q.Add(") as ", rowName, ") as ").Ident(k.outer)
	if k.inner {
		q.Add(" on ").Ident(k.outer).Add(".", embedName, " is not null")
	} else {
		q.Add(" on true")
	}
}
