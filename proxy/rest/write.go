package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/query"
)

const (
	readOnly  = pg.ReadOnly
	readWrite = pg.ReadWrite
)

// write plans POST, PATCH, PUT and DELETE of a relation.
func (p *planner) write(rel *catalog.Relation) (*plan, error) {
	if p.r.nest != nil {
		return p.nested(rel)
	}
	if err := p.checkFiltered(); err != nil {
		return nil, err
	}
	pl := &plan{mode: readWrite, relation: rel.Name, applied: p.writeApplied(rel)}
	q := new(query.SQL)
	returning := true
	var err error
	switch p.r.method {
	case http.MethodPost, http.MethodPut:
		err = p.insert(q, rel, pl)
	case http.MethodPatch:
		returning, err = p.update(q, rel, pl)
	default:
		p.delete(q, rel, pl)
	}
	if err != nil {
		return nil, err
	}
	if err := p.negotiate(pl, nil); err != nil {
		return nil, err
	}
	if p.r.precondition == someVersion && !p.single() {
		return nil, errPreconditionScope
	}
	switch {
	case p.insertsOne(rel):
		pl.one = true
		pl.inserts = rel.Untriggered && (p.r.prefs.returning != returnRepresentation || p.root.plainRelations(nil) != nil)
		q.Add(" returning ")
		p.answerRow(q, pl, rel)
		pl.sql = q.String()
		if start, ok := strings.CutSuffix(pl.sql, nothing); ok {
			pl.silent = start + "set_config('" + writtenGUC + "', '1', true)"
		}
	case p.format == nil && len(p.returnedNames(rel)) == 0:
		// The number of rows comes with the command's end.
		pl.counts = true
		pl.sql = q.String()
		after := new(query.SQL).Add("select null, null", gucs)
		p.inserted(after, pl)
		pl.after = after.String()
	default:
		if returning {
			q.Add(" returning ")
			p.returned(q, rel)
		}
		q.Add(") select ")
		p.writeAnswer(q, pl, rel)
		pl.sql = "with " + sourceName + " as (" + q.String()
	}
	pl.params = q.Params
	p.complete(pl)
	return pl, nil
}

// insertsOne tells an insert of exactly one row: its answer can be made of that
// row, which costs Postgres a fifth less than a statement around the insert.
func (p *planner) insertsOne(rel *catalog.Relation) bool {
	return p.r.method == http.MethodPost && p.r.prefs.resolution == 0 && rel.Plain &&
		!p.r.shape.array && !p.r.shape.other && p.format == nil && p.media != mediaCSV
}

// answerRow writes the answer to an insert of one row.
func (p *planner) answerRow(q *query.SQL, pl *plan, rel *catalog.Relation) {
	names := p.returnedNames(rel)
	switch {
	case p.r.prefs.returning == returnRepresentation:
		p.selectWritten(rel, func(q *query.SQL) {
			q.Add("(select ")
			p.returned(q, rel)
			q.Add(") as ").Ident(rel.Name)
		})
		q.Add("(select ", p.bodyOf(pl, nil), " from (")
		p.node(q, p.root)
		q.Add(") as ", rowName, ")")
	case len(names) > 0:
		q.Add("(select row_to_json(", rowName, ") from (select ")
		p.returned(q, rel)
		q.Add(") as ", rowName, ")")
	default:
		q.Add(nothing)
		return
	}
	q.Add(", 1", gucs)
}

const (
	// nothing is the answer to the insert of one row that is not asked for.
	nothing = "null, 1" + gucs
	// writtenGUC is set where a row was inserted.
	writtenGUC = "fluxbase.written"
	// isSilent fails unless one was, and nobody says anything of the answer.
	isSilent = "select case when concat(current_setting('" + writtenGUC + "', true), current_setting('response.headers', true), " +
		"current_setting('response.status', true)) <> '1' then concat('" + raiseUntold + "')::int end"
)

// selectWritten has the root made of rows that were written.
func (p *planner) selectWritten(rel *catalog.Relation, from func(*query.SQL)) {
	p.root.source.from = from
	p.root.where = nil // they chose the rows already
	p.computeAfter(rel)
}

// writeApplied says which preferences a write takes notice of.
func (p *planner) writeApplied(rel *catalog.Relation) preferences {
	asked := &p.r.prefs
	a := preferences{returning: asked.returning, own: p.appliedOwn()}
	switch p.r.method {
	case http.MethodPost:
		a.missing = asked.missing
		if len(rel.PrimaryKey) > 0 || p.param(paramOnConflict) != nil || p.param(paramOnConflictConstraint) != nil {
			a.resolution = asked.resolution
		}
	case http.MethodPatch:
		a.missing, a.hasMax = asked.missing, asked.hasMax
	case http.MethodDelete:
		a.hasMax = asked.hasMax
	}
	return a
}

// writeAnswer selects the answer from the written rows.
func (p *planner) writeAnswer(q *query.SQL, pl *plan, rel *catalog.Relation) {
	returning := p.r.prefs.returning
	switch {
	case returning == returnRepresentation:
		p.selectWritten(rel, func(q *query.SQL) { q.Add(sourceName, " as ").Ident(rel.Name) })
		p.planColumns(q, "count(*)", "null, ")
		q.Add(p.bodyOf(pl, nil), ", count(*)", gucs)
		p.inserted(q, pl)
		p.affected(q, pl)
		q.Add(" from (")
		p.node(q, p.root)
		q.Add(") as ", rowName)
		return
	case returning == returnHeaders && p.r.method == http.MethodPost && len(rel.PrimaryKey) > 0:
		q.Add("case when count(*) = 1 then ", p.first(rowName), " end, count(*)", gucs)
	default:
		q.Add("null, count(*)", gucs)
	}
	p.inserted(q, pl)
	q.Add(" from ", sourceName, " as ", rowName)
}

// insertedGUC counts rows that were not there before: one up for each row that
// an upsert tries, one down for each that it updates. A system column would tell
// as well, but neither through views nor in partitioned tables.
const insertedGUC = "request.inserted"

func (p *planner) inserted(q *query.SQL, pl *plan) {
	if p.upserts() {
		pl.inserted = nextColumn
		q.Add(", nullif(current_setting('", insertedGUC, "', true), '')")
	}
}

// upserts tells writes whose answer depends on which rows are new.
func (p *planner) upserts() bool {
	return p.r.method == http.MethodPut ||
		p.r.method == http.MethodPost && p.r.prefs.resolution == mergeDuplicates
}

func countInserted(step, result string) string {
	return "set_config('" + insertedGUC + "', (coalesce(nullif(current_setting('" + insertedGUC +
		"', true), '')::int, 0) " + step + ")::text, true) <> '" + result + "'"
}

// bodyColumns are the columns that the body fills.
func (p *planner) bodyColumns(rel *catalog.Relation) ([]*catalog.Column, error) {
	keys := p.r.shape.keys
	if par := p.param(paramColumns); par != nil && p.r.columns {
		var err error
		if keys, err = query.ParseColumns("columns", par.value); err != nil {
			return nil, parseError(err)
		}
	}
	cols := make([]*catalog.Column, 0, len(keys))
	for _, k := range keys {
		c := rel.Column(k)
		if c == nil {
			return nil, unknownColumn(rel.Name, k)
		}
		if !slices.Contains(cols, c) {
			cols = append(cols, c)
		}
	}
	return cols, nil
}

// body writes a from item called _fx_body, with a row for each object of the
// body.
func (p *planner) body(q *query.SQL, cols []*catalog.Column, oneRow bool) {
	shape := &p.r.shape
	defaults := p.r.prefs.missing == missingDefault
	kind, rows := "json", ""
	if defaults {
		kind = "jsonb"
	}
	if shape.array || shape.other {
		rows = "set"
	}
	if len(cols) == 0 {
		if rows == "" {
			q.Add("(select) as _fx_body")
			return
		}
		q.Add("(select from ", kind, "_array_elements(")
		p.bodyParam(q, kind)
		q.Add(")) as _fx_body")
		return
	}
	parsed := slices.ContainsFunc(cols, func(c *catalog.Column) bool { return p.catalog.Format("json", c.Type) != "" })
	wrapped := parsed || oneRow && rows != ""
	if wrapped {
		q.Add("(select ")
		for i, c := range cols {
			if i > 0 {
				q.Add(", ")
			}
			if f := p.catalog.Format("json", c.Type); f != "" {
				q.Add(f, "(").Ident(c.Name).Add(") as ")
			}
			q.Ident(c.Name)
		}
		q.Add(" from ")
	}
	if defaults && rows != "" {
		q.Add("(select jsonb_agg(")
		p.defaults(q, cols)
		q.Add(" || elem) as _fx_objects from jsonb_array_elements(")
		p.bodyParam(q, kind)
		q.Add(") as elem) as _fx_defaults, ")
	}
	q.Add(kind, "_to_record", rows, "(")
	switch {
	case defaults && rows != "":
		q.Add("_fx_objects")
	case defaults:
		p.defaults(q, cols)
		q.Add(" || ")
		p.bodyParam(q, kind)
	default:
		p.bodyParam(q, kind)
	}
	q.Add(") as _fx_body(")
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
	q.Add(")")
	if wrapped {
		if oneRow && rows != "" {
			q.Add(" limit 1")
		}
		q.Add(") as _fx_body")
	}
}

// bodyParam writes the body. One that is neither object nor array is an empty
// array or, where it was not checked, the one element of an array.
func (p *planner) bodyParam(q *query.SQL, kind string) {
	switch {
	case !p.r.shape.other:
		q.Param(bodyParam).Add("::", kind)
	case p.r.columns:
		q.Add(kind, "_build_array(").Param(bodyParam).Add("::", kind, ")")
	default:
		q.Add("'[]'::", kind)
	}
}

// defaults writes an object with the columns' defaults, for objects to be laid over.
func (p *planner) defaults(q *query.SQL, cols []*catalog.Column) {
	q.Add("jsonb_build_object(")
	first := true
	for _, c := range cols {
		if c.Default == "" {
			continue
		}
		if !first {
			q.Add(", ")
		}
		first = false
		q.Add(query.Literal(c.Name), ", ", c.Default)
	}
	q.Add(")")
}

func (p *planner) insert(q *query.SQL, rel *catalog.Relation, pl *plan) error {
	put := p.r.method == http.MethodPut
	if put {
		if err := p.checkPut(rel); err != nil {
			return err
		}
	}
	cols, err := p.bodyColumns(rel)
	if err != nil {
		return err
	}
	q.Add("insert into ").Ident(rel.Schema).Add(".").Ident(rel.Name)
	if len(cols) > 0 {
		q.Add(" (")
		identList(q, cols)
		q.Add(")")
	}
	if !p.values(q, cols) {
		q.Add(" select ")
		identList(q, cols)
		q.Add(" from ")
		p.body(q, cols, false)
	}
	if p.upserts() {
		q.Add(" where ", countInserted("+ 1", "0"))
	}
	if put {
		for i := range p.root.where {
			q.Add(" and ")
			q.Node("_fx_body", &p.root.where[i], nil)
		}
		p.guardPut(q, rel, pl)
	}
	if err := p.onConflict(q, rel, cols, put); err != nil {
		return err
	}
	return nil
}

func identList(q *query.SQL, cols []*catalog.Column) {
	for i, c := range cols {
		if i > 0 {
			q.Add(", ")
		}
		q.Ident(c.Name)
	}
}

// checkPut holds a PUT to exactly its primary key, by eq.
func (p *planner) checkPut(rel *catalog.Relation) error {
	var names []string
	for i := range p.root.where {
		w := &p.root.where[i]
		if !w.Leaf() || w.Expr.Not || w.Expr.Op != query.Eq || w.Expr.Quant != query.One || len(w.Field.Path) > 0 {
			return errPutFilters
		}
		names = append(names, w.Field.Name)
	}
	slices.Sort(names)
	if len(names) == 0 || !slices.Equal(slices.Compact(names), slices.Sorted(slices.Values(rel.PrimaryKey))) {
		return errPutFilters
	}
	return nil
}

// onConflict writes what happens to rows that are there already.
func (p *planner) onConflict(q *query.SQL, rel *catalog.Relation, cols []*catalog.Column, put bool) error {
	resolution, target := p.r.prefs.resolution, rel.PrimaryKey
	if par := p.param(paramOnConflict); par != nil && !put {
		var err error
		if target, err = query.ParseColumns("on_conflict", par.value); err != nil {
			return parseError(err)
		}
	}
	if put {
		resolution = mergeDuplicates
	}
	constraint := p.param(paramOnConflictConstraint)
	if resolution == 0 || len(target) == 0 && constraint == nil {
		return nil
	}
	cols, err := p.updatedColumns(rel, cols)
	if err != nil {
		return err
	}
	if constraint != nil {
		q.Add(" on conflict on constraint ").Ident(constraint.value)
	} else {
		q.Add(" on conflict (")
		for i, name := range target {
			if i > 0 {
				q.Add(", ")
			}
			q.Ident(name)
		}
		q.Add(")")
		if err := p.conflictWhere(q, rel); err != nil {
			return err
		}
	}
	if resolution == ignoreDuplicates || len(cols) == 0 || p.r.precondition == noVersion {
		q.Add(" do nothing")
		return nil
	}
	q.Add(" do update set ")
	for i, c := range cols {
		if i > 0 {
			q.Add(", ")
		}
		q.Ident(c.Name).Add(" = excluded.").Ident(c.Name)
	}
	q.Add(" where ", countInserted("- 1", "-1"))
	return nil
}

// update writes an update; false tells that it is a query of no row, which can't
// return any either.
func (p *planner) update(q *query.SQL, rel *catalog.Relation, pl *plan) (bool, error) {
	switch {
	case p.r.patch != nil:
		return true, p.patchRow(q, rel, pl)
	case p.r.changes != nil:
		return true, p.changeRow(q, rel, pl)
	}
	cols, err := p.bodyColumns(rel)
	if err != nil {
		return false, err
	}
	if p.updatesEach() {
		return true, p.updateEach(q, rel, cols, pl)
	}
	if len(cols) == 0 { // an empty object changes nothing
		q.Add("select ")
		p.returned(q, rel)
		q.Add(" from ").Ident(rel.Schema).Add(".").Ident(rel.Name).Add(" where false")
		return false, nil
	}
	q.Add("update ").Ident(rel.Schema).Add(".").Ident(rel.Name).Add(" set ")
	for i, c := range cols {
		if i > 0 {
			q.Add(", ")
		}
		q.Ident(c.Name).Add(" = _fx_body.").Ident(c.Name)
	}
	q.Add(" from ")
	p.body(q, cols, true)
	q.Where(rel.Name, p.root.where, noEmbeds)
	p.matchVersions(q, rel, pl)
	return true, nil
}

func (p *planner) delete(q *query.SQL, rel *catalog.Relation, pl *plan) {
	q.Add("delete from ").Ident(rel.Schema).Add(".").Ident(rel.Name)
	q.Where(rel.Name, p.root.where, noEmbeds)
	p.matchVersions(q, rel, pl)
}

// noEmbeds is for conditions that choose the rows to write: embeds are joined
// only to what was written.
func noEmbeds(q *query.SQL, _ string, _ bool) { q.Add("true") }
