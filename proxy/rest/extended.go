package rest

import (
	"strings"

	"github.com/fluxbase/fluxbase/proxy/query"
)

// grammar is that of the parameters' texts.
func (r *request) grammar() query.Grammar { return query.Grammar(r.cfg.Extensions) }

// scanValues reads a select or order that holds values of its own, which are not part
// of the shape.
func (r *request) scanValues(p *param) error {
	if !r.cfg.Extensions {
		return nil
	}
	var values query.Values
	var err error
	switch {
	case p.kind == paramSelect && strings.Contains(p.value, ".filter("):
		p.items, values, err = query.Extended.ParseSelect(p.value, len(r.values))
	case p.kind == paramOrder && strings.Contains(p.value, "("):
		p.terms, values, err = query.Extended.ParseOrder(p.value, len(r.values))
	default:
		return nil
	}
	if err != nil {
		return parseError(err)
	}
	p.value = values.Shape
	r.values = append(r.values, values.List...)
	return nil
}

// scanExtended reads distinct and having; taken is false for a filter on a column of
// that name, which has an operator in front of its value.
func (r *request) scanExtended(p *param) (taken bool, err error) {
	if !r.cfg.Extensions || r.rpc || !r.reads() {
		return false, nil
	}
	word := p.key[strings.LastIndexByte(p.key, '.')+1:]
	if word != "distinct" && word != "having" {
		return false, nil
	}
	if _, _, err := query.Extended.ParseExpr(p.value); err == nil {
		return false, nil
	}
	if word == "having" {
		var values []string
		p.kind = paramHaving
		p.logic, values, err = query.ParseHaving(p.value, len(r.values))
		r.values = append(r.values, values...)
		return true, parseError(err)
	}
	p.kind = paramDistinct
	if p.value != "" {
		_, err = query.ParseFields("distinct", p.value)
	}
	return true, parseError(err)
}

// addExtended hangs up what distinct and having say.
func (p *planner) addExtended() error {
	for i := range p.r.params {
		par := &p.r.params[i]
		if par.kind != paramDistinct && par.kind != paramHaving {
			continue
		}
		n, err := p.nodeOf(par.key)
		if err != nil {
			return err
		}
		if par.kind == paramDistinct {
			err = n.addDistinct(par.value)
		} else {
			err = p.addHaving(n, par.logic)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) addHaving(n *node, cond query.Node) error {
	switch {
	case !p.cfg.AggregatesEnabled:
		return errNoAggregates
	case n.spread:
		return notImplemented("having is not implemented for spreads.")
	}
	p.resolveFilter(n, &cond)
	n.having = append(n.having, cond)
	return nil
}

// resolveAggregate resolves the fields of an aggregate, those of its filter too.
func (p *planner) resolveAggregate(n *node, it *query.Item) {
	n.resolve(&it.Field)
	for i := range it.Filter {
		p.resolveFilter(n, &it.Filter[i])
	}
}

// resolveOther decides as what two columns are compared: as what they are, or, if one
// is a value within JSON, both as JSON, or, if one is a text within JSON, as what the
// other is.
func (n *node) resolveOther(cond *query.Node) {
	left, right := &cond.Field, cond.Expr.Other
	leftType, rightType := n.typeOf(left), n.typeOf(right)
	switch {
	case within(left) && leftType == "jsonb" || within(right) && rightType == "jsonb":
		left.As, right.As = "jsonb", "jsonb"
	case within(left) && !within(right):
		left.As = rightType
	case within(right) && !within(left):
		right.As = leftType
	}
}

func within(f *query.Field) bool { return len(f.Path) > 0 }

// typeOf is the type of a field without modifiers; empty if the catalogue does not
// know.
func (n *node) typeOf(f *query.Field) string {
	col := n.resolve(f)
	switch {
	case within(f) && f.Path[len(f.Path)-1].Text:
		return "text"
	case within(f):
		return "jsonb"
	case col == nil:
		return ""
	}
	return col.Base
}

// resolveTerm looks up what an order by a field, or by a function of it, needs.
func (p *planner) resolveTerm(n *node, t *query.Term) error {
	t.Operator = t.Function.Operator()
	if t.Operator == "" {
		n.resolve(&t.Field)
		return nil
	}
	base := n.typeOf(&t.Field)
	if base == "" {
		return nil // a computed field: Postgres knows
	}
	found := p.catalog.Distance(base, t.Operator)
	if found == "" {
		return fail("no_distance", "no operator "+t.Operator+" is known for values of type "+base, "",
			"text needs the extension pg_trgm, vectors need pgvector, in an exposed schema or in FLUXBASE_REST_DB_EXTRA_SEARCH_PATH")
	}
	t.Operator = found
	return nil
}
