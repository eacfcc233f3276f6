package rest

import (
	"net/http"
	"slices"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// planner makes the plan of a request. It does no I/O.
type planner struct {
	r       *request
	catalog *catalog.Catalog
	cfg     *Config
	root    *node
	// selectsAll tells that select is *, said or not.
	selectsAll bool
	// media is what rows become; handler makes it, if the database has its own.
	media   media
	handler *catalog.Handler
	export  exportKind
	// format is there where the plan of the statement is asked for.
	format *planFormat
	// legacy are the embeds that a parameter names by their relation although
	// they have an alias.
	legacy []*node
	guard  *guard
	// recurses tells a statement with an embed that is recursive.
	recurses bool
	// page is there where a cursor is.
	page *page
}

// makePlan plans r; an error is the client's.
func makePlan(r *request, c *catalog.Catalog, cfg *Config) (*plan, error) {
	pl, err := (&planner{r: r, catalog: c, cfg: cfg}).plan()
	if err == nil {
		pl.name = r.operation() + " " + r.schema + "." + r.name
	}
	return pl, err
}

// operation is the word of SQL for what a request does.
func (r *request) operation() string {
	switch {
	case r.rpc || r.reads():
		return "SELECT"
	case r.method == http.MethodPatch:
		return "UPDATE"
	case r.method == http.MethodDelete:
		return "DELETE"
	}
	return "INSERT"
}

func (p *planner) plan() (*plan, error) {
	r := p.r
	if r.rpc {
		return p.call()
	}
	rel := p.catalog.Relation(r.schema, r.name)
	if rel == nil {
		return nil, noRelation(p.catalog, r.schema, r.name)
	}
	if r.method == http.MethodOptions {
		return &plan{allow: allowed(rel, p.cfg)}, nil
	}
	if err := p.tree(relationSource(rel)); err != nil {
		return nil, err
	}
	if err := p.checkGuards(); err != nil {
		return nil, err
	}
	if r.reads() {
		return p.read(rel)
	}
	if p.r.streamed {
		return p.importRows(rel)
	}
	return p.write(rel)
}

func allowed(rel *catalog.Relation, cfg *Config) string {
	s := "OPTIONS,GET,HEAD"
	if cfg.Extensions {
		s += "," + methodQuery
	}
	if rel.Insertable {
		s += ",POST"
	}
	if rel.Insertable && rel.Updatable && len(rel.PrimaryKey) > 0 {
		s += ",PUT"
	}
	if rel.Updatable {
		s += ",PATCH"
	}
	if rel.Deletable {
		s += ",DELETE"
	}
	return s
}

// tree reads all parameters and hangs them up in a tree of nodes.
func (p *planner) tree(src source) error {
	p.root = &node{source: src, alias: src.name}
	if par := p.param(paramColumns); par != nil { // must be well formed also where it says nothing
		if _, err := query.ParseColumns("columns", par.value); err != nil {
			return parseError(err)
		}
	}
	items, err := p.selected()
	if err != nil {
		return err
	}
	p.selectsAll = len(items) == 1 && items[0].Embed == nil && items[0].Field.Name == "*"
	for _, step := range []func() error{
		func() error { return p.addItems(p.root, items) },
		p.addFilters,
		p.addOrders,
		p.addRanges,
		p.addExtended,
		p.addPage,
		func() error { p.root.inherit(); return nil },
		func() error { return p.finish(p.root, false) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) param(kind paramKind) *param {
	for i := range p.r.params {
		if p.r.params[i].kind == kind {
			return &p.r.params[i]
		}
	}
	return nil
}

func (p *planner) selected() ([]query.Item, error) {
	text := p.param(paramSelect)
	if text == nil {
		return []query.Item{{Field: query.Field{Name: "*"}}}, nil
	}
	if text.items != nil {
		return text.items, nil
	}
	items, _, err := p.r.grammar().ParseSelect(text.value, 0)
	return items, parseError(err)
}

// addItems resolves what select says of n.
func (p *planner) addItems(n *node, items []query.Item) error {
	for i := range items {
		it := &items[i]
		if it.Embed != nil {
			kid, err := p.embed(n, it)
			if err != nil {
				return err
			}
			n.kids = append(n.kids, kid)
			continue
		}
		if it.Agg != query.NoAggregate && !p.cfg.AggregatesEnabled {
			return errNoAggregates
		}
		p.resolveItem(n, it)
		p.resolveAggregate(n, it)
		n.items = append(n.items, *it)
	}
	return nil
}

// resolveItem adds the column's type to a selected field, and the name that a
// path or a format would lose.
func (p *planner) resolveItem(n *node, it *query.Item) {
	f := &it.Field
	col := n.resolve(f)
	if col != nil && len(f.Path) == 0 {
		f.Format = p.catalog.Format(col.Type, "json")
	}
	switch {
	case it.Alias != "" || it.Agg != query.NoAggregate:
	case len(f.Path) > 0:
		it.Alias = pathName(f)
	case f.Format != "":
		it.Alias = f.Name
	}
}

// pathName is the last key of a path, else the column's name.
func pathName(f *query.Field) string {
	for i := len(f.Path) - 1; i >= 0; i-- {
		if !f.Path[i].Index {
			return f.Path[i].Key
		}
	}
	return f.Name
}

// resolve looks up the field's column and notes how SQL must treat it. A name
// that is no column may be a computed field; Postgres knows.
func (n *node) resolve(f *query.Field) *catalog.Column {
	var col *catalog.Column
	if n.source.relation != nil {
		col = n.source.relation.Column(f.Name)
	}
	f.ToJSON = col == nil || col.Base != "json" && col.Base != "jsonb"
	f.TSVector = col == nil || col.Base == "tsvector"
	return col
}

// nodeOf finds the node that a parameter of that name is about.
func (p *planner) nodeOf(key string) (*node, error) {
	path, err := query.ParseEmbedKey(key)
	if err != nil {
		return nil, parseError(err)
	}
	return p.find(path)
}

// find goes down the tree along path.
func (p *planner) find(path query.Path) (*node, error) {
	n := p.root
	for _, name := range path {
		i := slices.IndexFunc(n.kids, func(k *node) bool {
			return k.label == name && !k.spread || k.name == name && (k.spread || p.cfg.LegacyTargetNames)
		})
		if i < 0 {
			for _, k := range n.kids {
				if k.name == name {
					return nil, notEmbeddedByTarget(name, k.label)
				}
			}
			return nil, notEmbedded(name)
		}
		n = n.kids[i]
		if n.label != name && !slices.Contains(p.legacy, n) {
			p.legacy = append(p.legacy, n)
		}
	}
	return n, nil
}

// warnings deprecates naming embeds by their relation (RFC 7234, 5.5).
func (p *planner) warnings() []string {
	var list []string
	for _, n := range p.legacy {
		list = append(list, "299 PostgREST16 \"Embedded resource was referenced by relation name even though it has an alias. "+
			"This is deprecated and will stop working in a future release. "+
			"Update `"+n.name+"` to `"+n.label+"` in query string filters, orders or limits.\"")
	}
	return list
}

func (p *planner) addFilters() error {
	for i := range p.r.params {
		par := &p.r.params[i]
		var path query.Path
		var cond query.Node
		var err error
		switch par.kind {
		case paramFilter:
			path, cond.Field, err = query.ParseKey(par.key)
			cond.Expr = par.expr
		case paramAnd, paramOr:
			path, _, err = query.ParseLogicKey(par.key)
			cond = par.logic
		default:
			continue
		}
		if err != nil {
			return parseError(err)
		}
		n, err := p.find(path)
		if err != nil {
			return err
		}
		p.resolveFilter(n, &cond)
		n.where = append(n.where, cond)
	}
	return nil
}

func (p *planner) resolveFilter(n *node, cond *query.Node) {
	for i := range cond.Kids {
		p.resolveFilter(n, &cond.Kids[i])
	}
	switch {
	case cond.Aggregate != nil:
		p.resolveAggregate(n, cond.Aggregate)
	case cond.Leaf() && cond.Expr.Quant == query.OtherColumn:
		n.resolveOther(cond)
	case cond.Leaf():
		if col := n.resolve(&cond.Field); col != nil && len(cond.Field.Path) == 0 {
			cond.Field.Parse = p.catalog.Format("text", col.Type)
		}
	}
}

// addOrders takes the first order of each node.
func (p *planner) addOrders() error {
	for i := len(p.r.params) - 1; i >= 0; i-- {
		par := &p.r.params[i]
		if par.kind != paramOrder {
			continue
		}
		path, err := query.ParseEmbedKey(par.key)
		if err != nil {
			return parseError(err)
		}
		terms := par.terms
		if terms == nil {
			if terms, err = query.ParseOrder(par.value); err != nil {
				return parseError(err)
			}
		}
		n, err := p.find(path)
		if err != nil {
			return err
		}
		for j := range terms {
			if terms[j].Relation == "" {
				if err := p.resolveTerm(n, &terms[j]); err != nil {
					return err
				}
			} else {
				terms[j].Field.ToJSON = false
			}
		}
		n.order = terms
	}
	return nil
}

// addRanges gives the root and the embeds their limits; those of writes have
// none.
func (p *planner) addRanges() error {
	if !p.r.rpc && !p.r.reads() {
		return nil
	}
	limit, offset := limitParam, offsetParam
	if p.r.rows.limit >= 0 {
		p.root.limit = &limit
	}
	if p.r.rows.offset != 0 {
		p.root.offset = &offset
	}
	for i := range p.r.params {
		par := &p.r.params[i]
		if par.kind != paramLimit && par.kind != paramOffset || !par.embedded() {
			continue
		}
		n, err := p.nodeOf(par.key)
		if err != nil {
			return err
		}
		switch {
		case par.slot < 0:
		case par.kind == paramLimit:
			n.limit = &par.slot
		default:
			n.offset = &par.slot
		}
	}
	return nil
}

// finish checks what names embeds in conditions and orders, all the way down.
// byName tells that a level above takes the columns one by one, to group by them or
// to make arrays of them.
func (p *planner) finish(n *node, byName bool) error {
	if err := n.finishDistinct(); err != nil {
		return err
	}
	for i := range n.where {
		if err := n.embedTests(&n.where[i]); err != nil {
			return err
		}
	}
	for i := range n.order {
		t := &n.order[i]
		if t.Relation == "" {
			continue
		}
		k := n.kid(t.Relation)
		switch {
		case k == nil:
			return notEmbedded(t.Relation)
		case !k.link.ToOne():
			return notToOne(n.source.name, k.label)
		}
		t.Relation, k.joined = k.outer, true
	}
	n.expandStars(p, byName)
	byName = byName || n.aggregates() || n.spread && !n.link.ToOne()
	for _, k := range n.kids {
		k.cut = n.limit != nil || n.one()
		k.grouped = k.spread && (n.aggregates() || n.grouped && n.hoists())
		if err := p.finish(k, byName); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) kid(label string) *node {
	for _, k := range n.kids {
		if k.label == label {
			return k
		}
	}
	return nil
}

// embedTests turns filters on an embed's name into tests for its rows. A column
// may have that name too, and then takes all other filters.
func (n *node) embedTests(cond *query.Node) error {
	for i := range cond.Kids {
		if err := n.embedTests(&cond.Kids[i]); err != nil {
			return err
		}
	}
	if !cond.Leaf() || len(cond.Field.Path) > 0 {
		return nil
	}
	k := n.kid(cond.Field.Name)
	if k == nil {
		return nil
	}
	is := cond.Expr.Op == query.Is
	switch column := n.source.relation != nil && n.source.relation.Column(k.label) != nil; {
	case is && (cond.Expr.Truth == query.Null || cond.Expr.Truth == query.NotNull && !column):
	case column:
		return nil
	default:
		return badEmbedFilter(k.label)
	}
	cond.Embed, k.joined = k.outer, true
	return nil
}
