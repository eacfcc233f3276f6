package rest

import (
	"slices"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// The statements of an insert with related rows go to Postgres in one round trip. The
// first takes the body apart and gives every row the keys that others refer to, so
// that nothing depends on the order in which rows are inserted. Then each relation
// has an insert of its own and not a part of one great statement: policies, triggers
// and the answer see what was inserted before them.

const (
	nestedGUC = "request.nested"
	nestedDoc = "current_setting('" + nestedGUC + "')::json"
)

// statement is one that runs before the plan's own.
type statement struct {
	sql    string
	params []int
}

// nested plans an insert with related rows.
func (p *planner) nested(rel *catalog.Relation) (*plan, error) {
	if p.r.prefs.resolution != 0 {
		return nil, badNest("related rows can't be part of an upsert")
	}
	count := 0
	root, err := p.levels(p.r.nest, rel, nil, &count)
	if err != nil {
		return nil, err
	}
	pl := &plan{mode: readWrite, relation: rel.Name, applied: p.writeApplied(rel)}
	if err := p.negotiate(pl, nil); err != nil {
		return nil, err
	}
	returning := p.r.prefs.returning
	if returning == returnRepresentation || returning == returnHeaders {
		if len(rel.PrimaryKey) == 0 && returning == returnRepresentation {
			return nil, badNest("'" + rel.Name + "' has no primary key, by which to find the inserted rows again")
		}
		for _, name := range rel.PrimaryKey {
			root.need(name)
		}
	}
	if err := root.connect(); err != nil {
		return nil, err
	}
	keys := new(query.SQL)
	if err := p.nestedKeys(keys, root); err != nil {
		return nil, err
	}
	pl.before = append(pl.before, statement{keys.String(), keys.Params})
	if err := p.nestedInserts(pl, root); err != nil {
		return nil, err
	}
	q := new(query.SQL)
	p.nestedAnswer(q, pl, root)
	pl.sql, pl.params = q.String(), q.Params
	p.complete(pl)
	return pl, nil
}

// nestedKeys writes the statement that makes the document of all levels: an array of
// {"v": what the body says of the row, "k": keys} for each.
func (p *planner) nestedKeys(q *query.SQL, root *level) error {
	q.Add("with ")
	p.rawRows(q, root)
	if err := p.keyRows(q, root); err != nil {
		return err
	}
	q.Add(" select set_config('", nestedGUC, "', json_build_object(")
	p.documentOf(q, root)
	q.Add(")::text, true)")
	return nil
}

// rawRows numbers the rows of each level, with the number of their parent.
func (p *planner) rawRows(q *query.SQL, l *level) {
	raw := func(l *level) string { return "_fx_r" + l.number }
	member := query.Literal(l.member)
	switch {
	case l.parent == nil && p.r.shape.array:
		q.Add(raw(l), " as materialized (select _fx_n, 0 as _fx_p, _fx_v from json_array_elements(").Param(bodyParam)
		q.Add("::json) with ordinality as _fx_e(_fx_v, _fx_n))")
	case l.parent == nil:
		q.Add(raw(l), " as materialized (select 1 as _fx_n, 0 as _fx_p, ").Param(bodyParam).Add("::json as _fx_v)")
	case l.link.ToOne():
		q.Add(", ", raw(l), " as materialized (select row_number() over (order by _fx_n) as _fx_n, _fx_n as _fx_p, _fx_v->", member,
			" as _fx_v from ", raw(l.parent), " where json_typeof(_fx_v->", member, ") = 'object')")
	default:
		q.Add(", ", raw(l), " as materialized (select row_number() over (order by _fx_o._fx_n, _fx_e.n) as _fx_n, _fx_o._fx_n as _fx_p, _fx_e.v as _fx_v from ",
			raw(l.parent), " as _fx_o, json_array_elements(case json_typeof(_fx_o._fx_v->", member, ") when 'array' then _fx_o._fx_v->", member,
			" else '[]' end) with ordinality as _fx_e(v, n))")
	}
	for _, kid := range l.kids {
		p.rawRows(q, kid)
	}
}

// keyRows gives the rows of each level the columns that others need, or others give:
// first those of the levels that it refers to.
func (p *planner) keyRows(q *query.SQL, l *level) error {
	for _, kid := range l.kids {
		if kid.before() {
			if err := p.keyRows(q, kid); err != nil {
				return err
			}
		}
	}
	made, err := l.made()
	if err != nil {
		return err
	}
	q.Add(", _fx_k", l.number, " as materialized (select _fx_r._fx_n, _fx_r._fx_p")
	for _, c := range l.keyColumns() {
		q.Add(", ")
		switch g := l.givenBy(c); {
		case g != nil:
			q.Add("_fx_k", g.from.number, ".").Ident(g.name)
		case slices.Contains(made, c):
			q.Add("(", defaultOf(l.rel, c), ")::", c.Type)
		default:
			q.Add("(select ")
			p.bodyValue(q, c, "_fx_b")
			q.Add(" from json_to_record(_fx_r._fx_v) as _fx_b(")
			p.recordColumns(q, []*catalog.Column{c})
			q.Add("))")
		}
		q.Add(" as ").Ident(c.Name)
	}
	q.Add(" from _fx_r", l.number, " as _fx_r")
	for _, kid := range l.kids {
		if kid.before() {
			q.Add(" left join _fx_k", kid.number, " on _fx_k", kid.number, "._fx_p = _fx_r._fx_n")
		}
	}
	if l.parent != nil && !l.before() && l.link.Junction == nil {
		q.Add(" join _fx_k", l.parent.number, " on _fx_k", l.parent.number, "._fx_n = _fx_r._fx_p")
	}
	q.Add(")")
	for _, kid := range l.kids {
		if !kid.before() {
			if err := p.keyRows(q, kid); err != nil {
				return err
			}
		}
	}
	return nil
}

// defaultOf is what a column's default is made by.
func defaultOf(rel *catalog.Relation, c *catalog.Column) string {
	if c.Default != "" {
		return c.Default
	}
	// An identity that is always generated is no default that a client could ask for.
	name := query.Ident(rel.Schema) + "." + query.Ident(rel.Name)
	return "nextval(pg_get_serial_sequence(" + query.Literal(name) + ", " + query.Literal(c.Name) + "))"
}

// keyColumns are the columns with which a level's keys come.
func (l *level) keyColumns() []*catalog.Column {
	list := slices.Clone(l.needs)
	for i := range l.given {
		if c := l.given[i].column; !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

// bodyValue writes a column of a record made of the body.
func (p *planner) bodyValue(q *query.SQL, c *catalog.Column, rel string) {
	if f := p.catalog.Format("json", c.Type); f != "" {
		q.Add(f, "(").Column(rel, c.Name).Add(")")
		return
	}
	q.Column(rel, c.Name)
}

// recordColumns writes names and types, as json_to_record wants them.
func (p *planner) recordColumns(q *query.SQL, cols []*catalog.Column) {
	for i, c := range cols {
		if i > 0 {
			q.Add(", ")
		}
		q.Ident(c.Name)
		if p.catalog.Format("json", c.Type) != "" {
			q.Add(" json")
		} else {
			q.Add(" ", c.Type)
		}
	}
}

func (p *planner) documentOf(q *query.SQL, l *level) {
	q.Add("'", l.number, "', (select json_agg(json_build_object('v', _fx_v, 'k', ")
	jsonObject(q, l.keyColumns(), func(c *catalog.Column) { q.Add("_fx_k.").Ident(c.Name) })
	q.Add(") order by _fx_n) from _fx_r", l.number, " join _fx_k", l.number, " as _fx_k using (_fx_n, _fx_p))")
	for _, kid := range l.kids {
		if j := kid.link.Junction; j != nil {
			q.Add(", 'j", kid.number, "', (select json_agg(json_build_object(")
			for i, pr := range slices.Concat(j.OriginPairs, j.TargetPairs) {
				from := l.number
				if i > 0 {
					q.Add(", ")
				}
				if i >= len(j.OriginPairs) {
					from = kid.number
				}
				q.Add(query.Literal(pr.Origin), ", _fx_k", from, ".").Ident(pr.Target)
			}
			q.Add(")) from _fx_k", l.number, " join _fx_k", kid.number, " on _fx_k", kid.number, "._fx_p = _fx_k", l.number, "._fx_n)")
		}
		q.Add(", ")
		p.documentOf(q, kid)
	}
}

func jsonObject(q *query.SQL, cols []*catalog.Column, value func(*catalog.Column)) {
	q.Add("json_build_object(")
	for i, c := range cols {
		if i > 0 {
			q.Add(", ")
		}
		q.Add(query.Literal(c.Name), ", ")
		value(c)
	}
	q.Add(")")
}

// nestedInserts writes the inserts of l and what is in it, in the order in which they
// refer to each other.
func (p *planner) nestedInserts(pl *plan, l *level) error {
	for _, kid := range l.kids {
		if kid.before() {
			if err := p.nestedInserts(pl, kid); err != nil {
				return err
			}
		}
	}
	if err := p.levelInsert(pl, l); err != nil {
		return err
	}
	for _, kid := range l.kids {
		if kid.before() {
			continue
		}
		if err := p.nestedInserts(pl, kid); err != nil {
			return err
		}
		if kid.link.Junction != nil {
			if err := p.junctionInsert(pl, kid); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *planner) levelInsert(pl *plan, l *level) error {
	made, err := l.made()
	if err != nil {
		return err
	}
	keys := made
	for i := range l.given {
		keys = append(keys, l.given[i].column)
	}
	q := new(query.SQL)
	q.Add("insert into ").Ident(l.rel.Schema).Add(".").Ident(l.rel.Name)
	if all := slices.Concat(l.cols, keys); len(all) > 0 {
		q.Add(" (")
		identList(q, all)
		q.Add(")")
	}
	if slices.ContainsFunc(made, func(c *catalog.Column) bool { return c.Identity == "a" }) {
		q.Add(" overriding system value")
	}
	q.Add(" select ")
	for i, c := range l.cols {
		if i > 0 {
			q.Add(", ")
		}
		p.bodyValue(q, c, "_fx_b")
	}
	for i, c := range keys {
		if i+len(l.cols) > 0 {
			q.Add(", ")
		}
		q.Column("_fx_k", c.Name)
	}
	q.Add(" from json_array_elements(", nestedDoc, "->'", l.number, "') as _fx_e(_fx_e)")
	if len(l.cols) > 0 {
		q.Add(", json_to_record(_fx_e->'v') as _fx_b(")
		p.recordColumns(q, l.cols)
		q.Add(")")
	}
	keyRecord(q, keys)
	pl.before = append(pl.before, statement{sql: q.String()})
	return nil
}

// keyRecord writes the record _fx_k of the keys, which are as Postgres made them.
func keyRecord(q *query.SQL, keys []*catalog.Column) {
	for i, c := range keys {
		q.Add([...]string{", json_to_record(_fx_e->'k') as _fx_k(", ", "}[min(i, 1)]).Ident(c.Name).Add(" ", c.Type)
	}
	if len(keys) > 0 {
		q.Add(")")
	}
}

func (p *planner) junctionInsert(pl *plan, kid *level) error {
	j := kid.link.Junction
	var cols []*catalog.Column
	for _, pr := range slices.Concat(j.OriginPairs, j.TargetPairs) {
		c := j.Relation.Column(pr.Origin)
		if slices.Contains(cols, c) {
			return badNest("both sides of '" + j.Relation.Name + "' fill its column '" + c.Name + "'")
		}
		cols = append(cols, c)
	}
	q := new(query.SQL)
	q.Add("insert into ").Ident(j.Relation.Schema).Add(".").Ident(j.Relation.Name).Add(" (")
	identList(q, cols)
	q.Add(") select ")
	identList(q, cols)
	q.Add(" from json_to_recordset(", nestedDoc, "->'j", kid.number, "') as _fx_b(")
	for i, c := range cols {
		if i > 0 {
			q.Add(", ")
		}
		q.Ident(c.Name).Add(" ", c.Type)
	}
	q.Add(")")
	pl.before = append(pl.before, statement{sql: q.String()})
	return nil
}

// nestedAnswer writes the statement that reads the answer: what was inserted, as the
// caller sees it now.
func (p *planner) nestedAnswer(q *query.SQL, pl *plan, root *level) {
	const rows = nestedDoc + "->'0'"
	key := make([]*catalog.Column, len(root.rel.PrimaryKey))
	for i, name := range root.rel.PrimaryKey {
		key[i] = root.rel.Column(name)
	}
	q.Add("select ")
	switch p.r.prefs.returning {
	case returnRepresentation:
		p.root.source.from = func(q *query.SQL) {
			q.Add("(select ").Ident(root.rel.Name).Add(".* from json_array_elements(", rows, ") with ordinality as _fx_a(_fx_e, _fx_n)")
			keyRecord(q, key)
			q.Add(", ").Ident(root.rel.Schema).Add(".").Ident(root.rel.Name).Add(" as ").Ident(root.rel.Name)
			for i, c := range key {
				q.Add([...]string{" where ", " and "}[min(i, 1)]).Column(root.rel.Name, c.Name).Add(" = ").Column("_fx_k", c.Name)
			}
			q.Add(" order by _fx_n) as ").Ident(root.rel.Name)
		}
		p.root.where = nil // they chose no row
		p.typeComputed(root.rel)
		p.planColumns(q, "count(*)", "null, ")
		q.Add(p.bodyOf(pl, nil), ", count(*)", gucs, " from (")
		p.node(q, p.root)
		q.Add(") as ", rowName)
		return
	case returnHeaders:
		if len(key) > 0 {
			q.Add("case when json_array_length(", rows, ") = 1 then ")
			jsonObject(q, key, func(c *catalog.Column) { q.Add(rows, "->0->'k'->", query.Literal(c.Name)) })
			q.Add(" end")
			break
		}
		fallthrough
	default:
		q.Add("null")
	}
	q.Add(", coalesce(json_array_length(", rows, "), 0)", gucs)
}
