package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// guard is what of fluxbase.guards holds while a plan runs; all else was checked
// when it was made, for the role that is in its key.
type guard struct {
	timeout *int64   // in milliseconds
	maxCost *float64 // in the planner's units
	maxRows *int64   // of a write
	cost    string   // asks the planner, with the parameters of the statement
	// relations are the names that the request itself has given, and may be told.
	relations []string
}

// planKey is the shape and, where there are guards, the role that they hold for; the
// bound that they set to rows is a part of the shape.
func (r *request) planKey(c *catalog.Catalog) []byte {
	if c == nil || !c.Guarded() {
		return r.shapeKey()
	}
	if most := r.guardedRows(c); most != nil && (r.rows.limit < 0 || r.rows.limit > *most) {
		r.rows.limit = *most
	}
	r.key = append(append(r.shapeKey(), 0), r.role...) // no role has a NUL
	return r.key
}

// guardedRows is how many rows of a read may come; of functions of one name, the least
// that holds for what any of them returns.
func (r *request) guardedRows(c *catalog.Catalog) (most *int64) {
	switch {
	case r.rpc:
		for _, f := range c.Functions(r.schema, r.name) {
			if f.Returns.Set {
				most = least(most, c.Guard(r.role, c.Relation(f.Returns.Schema, f.Returns.Name)).MaxRows)
			}
		}
	case r.reads():
		most = c.Guard(r.role, c.Relation(r.schema, r.name)).MaxRows
	}
	return most
}

// checkGuards holds the tree against the guards for the caller's role. Names are
// those of the catalogue by now, so an alias makes no difference.
func (p *planner) checkGuards() error {
	if !p.catalog.Guarded() {
		return nil
	}
	p.guard = new(guard)
	return p.checkNode(p.root)
}

func (p *planner) checkNode(n *node) error {
	g := p.catalog.Guard(p.r.role, n.source.relation)
	p.guard.relations = append(p.guard.relations, n.source.name)
	p.guard.timeout = least(p.guard.timeout, g.Timeout)
	p.guard.maxCost = least(p.guard.maxCost, g.MaxCost)
	conditions := slices.Concat(n.where, n.having)
	for i := range n.items {
		conditions = append(conditions, n.items[i].Filter...)
	}
	for i := range conditions {
		if err := checkFilter(&g, n.source.name, &conditions[i]); err != nil {
			return err
		}
	}
	for _, f := range n.distinctOn { // the first of each is that of an order
		if g.Orderable != nil && !slices.Contains(g.Orderable, f.Name) {
			return refusedOrder(&g, n.source.name, f.Name)
		}
	}
	for i := range n.order {
		t := &n.order[i]
		if n == p.root && p.page != nil && i >= p.page.asked {
			break // the rest of the key, which only a cursor needs
		}
		of, by, column := n, &g, t.Field.Name
		if t.Relation != "" {
			of = n.byOuter(t.Relation)
			other := p.catalog.Guard(p.r.role, of.source.relation)
			by, column = &other, of.shownAs(column)
		}
		if by.Orderable != nil && !slices.Contains(by.Orderable, column) {
			return refusedOrder(by, of.source.name, column)
		}
	}
	if most := g.EmbedDepth; most != nil && n.height() > *most {
		return refusal("guard_embed_depth", fmt.Sprintf("the embeds in '%s' are %d levels deep", n.source.name, n.height()),
			fmt.Sprintf("Levels allowed: %d", *most))
	}
	if most := g.EmbedBreadth; most != nil && int64(len(n.kids)) > *most {
		return refusal("guard_embed_breadth", fmt.Sprintf("there are %d embeds side by side in '%s'", len(n.kids), n.source.name),
			fmt.Sprintf("Embeds allowed: %d", *most))
	}
	if g.MaxRows != nil {
		if err := p.boundRows(n, *g.MaxRows); err != nil {
			return err
		}
	}
	for _, k := range n.kids {
		if err := p.checkNode(k); err != nil {
			return err
		}
	}
	return nil
}

// shownAs gives the column that an embed selects under a name, which is what its
// parent is ordered by; of another relation's, which a spread brings, only the name
// as nobody can allow it.
func (n *node) shownAs(name string) string {
	for i := range n.items {
		switch it := &n.items[i]; {
		case it.Alias == name:
			return it.Field.Name
		case it.Alias == "" && (it.Field.Name == name || isStar(*it)):
			return name
		}
	}
	return name + " of another relation"
}

// least is the lesser of two bounds, of which nil is none.
func least[T cmp.Ordered](a, b *T) *T {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

func checkFilter(g *catalog.Guard, relation string, cond *query.Node) error {
	for i := range cond.Kids {
		if err := checkFilter(g, relation, &cond.Kids[i]); err != nil {
			return err
		}
	}
	if !cond.Leaf() || cond.Embed != "" {
		return nil
	}
	columns := cond.Columns()
	if a := cond.Aggregate; a != nil {
		columns = []string{a.Field.Name}
		if a.Field.Name == "*" { // count() reads none
			columns = nil
		}
		for i := range a.Filter {
			if err := checkFilter(g, relation, &a.Filter[i]); err != nil {
				return err
			}
		}
	}
	for _, column := range columns {
		if g.Filterable != nil && !slices.Contains(g.Filterable, column) {
			return refusal("guard_filter", fmt.Sprintf("rows of '%s' can't be filtered by '%s' here", relation, column),
				"Columns to filter by: "+listed(g.Filterable))
		}
	}
	if op := cond.Expr.Op.String(); g.Operators != nil && !slices.Contains(g.Operators, op) {
		return refusal("guard_operator", fmt.Sprintf("rows of '%s' can't be filtered with the operator '%s' here", relation, op),
			"Operators allowed: "+listed(g.Operators))
	}
	return nil
}

// height is how many levels of embeds are below n.
func (n *node) height() (levels int64) {
	for _, k := range n.kids {
		levels = max(levels, k.height()+1)
	}
	return levels
}

// boundRows cuts off what is read of an embed, and notes the bound of a write.
func (p *planner) boundRows(n *node, most int64) error {
	switch reads := p.r.rpc || p.r.reads(); {
	case reads && n != p.root && !n.link.ToOne():
		n.most = &most
		if n.limit == nil {
			limit := guardParam
			n.limit = &limit
			for _, k := range n.kids {
				k.cut = true
			}
		}
	case !reads && n == p.root && most == 0:
		return tooManyWritten(most)
	case !reads && n == p.root:
		p.guard.maxRows = &most
	}
	return nil
}

// guardedLimit writes how many rows an embed may have: what was asked for, but no
// more than its guard lets through.
func (p *planner) guardedLimit(q *query.SQL, n *node) {
	most := strconv.FormatInt(*n.most, 10)
	rows, ok := p.constLimit(*n.limit)
	asked, err := strconv.ParseInt(rows, 10, 64)
	switch {
	case *n.limit == guardParam || ok && err == nil && asked > *n.most:
		q.Add(most)
	case ok:
		q.Add(rows)
	default:
		q.Add("least(").Param(*n.limit).Add(", ", most, "::bigint)")
	}
}

// guardPlan gives a plan that is complete, but for what may stand in its place, the
// guards that hold while it runs.
func (p *planner) guardPlan(pl *plan) {
	g := p.guard
	if g == nil || g.timeout == nil && g.maxCost == nil && g.maxRows == nil {
		return
	}
	if g.maxCost != nil {
		g.cost = "explain (format json) " + pl.sql
	}
	pl.guard = g
}

// timeoutSQL never makes a timeout longer that is set already.
const timeoutSQL = `select set_config('statement_timeout', least($1::numeric, ` +
	`nullif(extract(epoch from current_setting('statement_timeout')::interval) * 1000, 0))::bigint::text, true)`

// before gives what runs in a transaction before the statement.
func (h *Handler) beforeOf(pl *plan) []pg.Statement {
	if pl.guard == nil || pl.guard.timeout == nil {
		return h.before
	}
	return append(slices.Clone(h.before), pg.Statement{
		SQL: timeoutSQL, Args: [][]byte{strconv.AppendInt(nil, *pl.guard.timeout, 10)},
	})
}

// checkCost asks the planner what the statement of tx will cost, if a guard bounds that,
// in a transaction of its own that leaves nothing behind.
func (h *Handler) checkCost(ctx context.Context, w *web.Response, db *pg.DB, tx *pg.Tx, g *guard) error {
	if g == nil || g.maxCost == nil {
		return nil
	}
	t := *tx
	t.Name, t.Check, t.Rollback, t.Rows = explains, nil, true, pg.FirstRow
	t.Main = pg.Statement{SQL: g.cost, Args: tx.Main.Args, Version: tx.Main.Version}
	t.After = pg.Statement{}
	logSQL(w, &t)
	raw, err := db.Do(ctx, &t)
	if err != nil {
		return err
	}
	defer raw.Free()
	return g.allows(raw)
}

// allows reads the cost out of what EXPLAIN says, and refuses one that is too high.
func (g *guard) allows(raw *pg.Result) error {
	var plans []struct{ Plan planStep }
	if err := json.Unmarshal(raw.Values[0], &plans); err != nil || len(plans) != 1 {
		return errors.New("read the planner's estimate")
	}
	top := &plans[0].Plan
	if top.Cost <= *g.maxCost {
		return nil
	}
	dearest := top.dearest()
	step := dearest.Type
	if slices.Contains(g.relations, dearest.Relation) {
		step += " on " + dearest.Relation
	}
	e := refusal("guard_cost", fmt.Sprintf("this request would cost %.2f by the planner's estimate, and %.2f is the most allowed", top.Cost, *g.maxCost),
		"Filter by an indexed column, or ask for fewer rows, embeds and counts. The dearest step is: "+step)
	e.Details = map[string]any{"cost": top.Cost, "max_cost": *g.maxCost, "dearest": step}
	return e
}

// planStep is a node of EXPLAIN's tree.
type planStep struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Cost     float64 `json:"Total Cost"`
	Plans    []planStep
}

// own is the cost of s without what is below it.
func (s *planStep) own() float64 {
	cost := s.Cost
	for i := range s.Plans {
		cost -= s.Plans[i].Cost
	}
	return cost
}

func (s *planStep) dearest() *planStep {
	most := s
	for i := range s.Plans {
		if d := s.Plans[i].dearest(); d.own() > most.own() {
			most = d
		}
	}
	return most
}

// guardError tells a statement that ran into the time of its guard from others that
// were cancelled.
func guardError(err error, pl *plan) error {
	const queryCanceled = "57014"
	var pgErr *pgconn.PgError
	if pl.guard == nil || pl.guard.timeout == nil || !errors.As(err, &pgErr) || pgErr.Code != queryCanceled {
		return err
	}
	return refusal("guard_timeout", "the statement took longer than it may here",
		fmt.Sprintf("Time allowed: %d ms. Filter by an indexed column, or ask for fewer rows, embeds and counts.", *pl.guard.timeout)).Because(err)
}

func tooManyWritten(most int64) *web.Error {
	return refusal("guard_rows", "the request would write more rows than it may here",
		fmt.Sprintf("Rows allowed: %d. Filter more narrowly, or send several requests.", most))
}

func refusedOrder(g *catalog.Guard, relation, column string) *web.Error {
	return refusal("guard_order", fmt.Sprintf("rows of '%s' can't be ordered by '%s' here", relation, column),
		"Columns to order by: "+listed(g.Orderable))
}

func refusal(code, message, hint string) *web.Error { return fail(code, message, "", hint) }

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
