package rest

import (
	"slices"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// Of an upsert, on_conflict_where is the condition of a partial unique index,
// on_conflict_constraint names a constraint in place of columns, and update_columns
// are those that change where the row is there already.

// scanUpsert takes a parameter of ours. What begins with an operator is a filter on a
// column of that name.
func (r *request) scanUpsert(p *param) bool {
	kind := paramFilter
	switch p.key {
	case "on_conflict_constraint":
		kind = paramOnConflictConstraint
	case "on_conflict_where":
		kind = paramOnConflictWhere
	case "update_columns":
		kind = paramUpdateColumns
	default:
		return false
	}
	if _, _, err := query.ParseExpr(p.value); err == nil {
		return false
	}
	p.kind = kind
	return true
}

// updatedColumns are those of cols that an upsert changes.
func (p *planner) updatedColumns(rel *catalog.Relation, cols []*catalog.Column) ([]*catalog.Column, error) {
	par := p.param(paramUpdateColumns)
	if par == nil {
		return cols, nil
	}
	names, err := query.ParseColumns("update_columns", par.value)
	if err != nil {
		return nil, parseError(err)
	}
	for _, name := range names {
		if rel.Column(name) == nil {
			return nil, unknownColumn(rel.Name, name)
		}
		if !slices.ContainsFunc(cols, func(c *catalog.Column) bool { return c.Name == name }) {
			return nil, fail("PGRST204", "The column '"+name+"' of update_columns is not in the body", "", "")
		}
	}
	return slices.DeleteFunc(slices.Clone(cols), func(c *catalog.Column) bool { return !slices.Contains(names, c.Name) }), nil
}

// comparisons are the operators of an index's condition.
var comparisons = map[query.Op]string{
	query.Eq: " = ", query.Neq: " <> ", query.Gt: " > ", query.Gte: " >= ", query.Lt: " < ", query.Lte: " <= ",
}

var truthWords = [...]string{
	query.Null: "null", query.NotNull: "not null", query.True: "true", query.False: "false", query.Unknown: "unknown",
}

// conflictWhere writes the condition of a partial index: filters in brackets, all of
// which hold. The values stand in the statement, because Postgres has to see that they
// are those of the index; so they are a part of the shape.
func (p *planner) conflictWhere(q *query.SQL, rel *catalog.Relation) error {
	par := p.param(paramOnConflictWhere)
	if par == nil {
		return nil
	}
	tree, values, err := query.ParseLogic(par.value, false, false, 0)
	if err != nil {
		return parseError(err)
	}
	for i := range tree.Kids {
		n := &tree.Kids[i]
		if !n.Leaf() || len(n.Field.Path) > 0 || n.Expr.Quant != query.One {
			return badConflictWhere()
		}
		if rel.Column(n.Field.Name) == nil {
			return unknownColumn(rel.Name, n.Field.Name)
		}
		q.Add([...]string{" where ", " and "}[min(i, 1)])
		if n.Expr.Not {
			q.Add("not ")
		}
		q.Ident(n.Field.Name)
		word, compares := comparisons[n.Expr.Op]
		switch {
		case n.Expr.Op == query.Is:
			q.Add(" is ", truthWords[n.Expr.Truth])
		case compares:
			q.Add(word, query.Literal(values[n.Expr.Value]))
		default:
			return badConflictWhere()
		}
	}
	return nil
}

func badConflictWhere() error {
	return fail("PGRST100", "on_conflict_where holds is, eq, neq, gt, gte, lt and lte of columns, such as (deleted_at.is.null)", "", "")
}
