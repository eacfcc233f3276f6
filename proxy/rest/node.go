package rest

import (
	"slices"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// node is one level of select: the root, or an embed.
type node struct {
	source source
	// alias is what the source is called in the statement.
	alias string
	items []query.Item
	where []query.Node
	order []query.Term
	// limit and offset are indexes of values, or limitParam, offsetParam.
	limit, offset *int
	// most is the bound of a guard.
	most *int64
	kids []*node

	// Of an embed only:
	name   string // as select names it
	label  string // what it is called in the answer
	outer  string // what its rows are called in the parent's statement
	link   *catalog.Link
	inner  bool
	spread bool
	// joined tells that the parent's conditions or order need it as a join.
	joined bool
	// cut tells that the parent's rows are few: a limit cuts them off, or it is one.
	cut bool
	// grouped tells that a parent groups by the columns that this spread gives it.
	grouped bool
	depth   int

	// Of the root of a page only: keys adds the values of its order to what is selected,
	// after adds the condition that it comes after the cursor.
	keys  func(*query.SQL)
	after func(q *query.SQL, and string)
}

// source is where a node's rows come from.
type source struct {
	// relation is nil for a function whose rows are no relation's.
	relation *catalog.Relation
	schema   string
	name     string
	// from is SQL, empty for the relation itself.
	from func(q *query.SQL)
}

func relationSource(rel *catalog.Relation) source {
	return source{relation: rel, schema: rel.Schema, name: rel.Name}
}

// one tells a node of at most one row, found by its primary key.
func (n *node) one() bool {
	rel := n.source.relation
	if rel == nil || len(rel.PrimaryKey) == 0 {
		return false
	}
	for _, name := range rel.PrimaryKey {
		if !slices.ContainsFunc(n.where, func(w query.Node) bool {
			return w.Leaf() && !w.Not && w.Embed == "" && w.Field.Name == name && len(w.Field.Path) == 0 &&
				w.Expr.Op == query.Eq && !w.Expr.Not && w.Expr.Quant == query.One
		}) {
			return false
		}
	}
	return true
}
