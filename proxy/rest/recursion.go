package rest

import (
	"slices"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// recurse embeds n's relation in itself once more, down to the levels asked for. One
// statement nests as deep: each level is found by the key's index, and every row
// among its own ancestors, so that a cycle ends where it closes.
func (p *planner) recurse(n *node, it *query.Item) error {
	levels := it.Embed.Levels
	switch {
	case n.link.Target != n.link.Origin:
		return fail("invalid_recursion", "'"+n.label+"' does not lead from a table to itself", "",
			"!recursive is for foreign keys to the same table")
	case n.spread:
		return notImplemented("A spread can't be recursive.")
	case levels > p.cfg.MaxRecursion:
		return fail("invalid_recursion", "'"+n.label+"' goes "+strconv.Itoa(levels)+" levels deep, of which "+strconv.Itoa(p.cfg.MaxRecursion)+" are allowed", "",
			"ask for fewer levels, or raise FLUXBASE_REST_MAX_RECURSION")
	case hasRecursive(it.Embed.Items):
		return notImplemented("A recursive embed within another.")
	}
	n.recursive, p.recurses = true, true
	if levels == 1 {
		return nil
	}
	deeper := *it.Embed
	deeper.Levels--
	kid, err := p.embed(n, &query.Item{Alias: it.Alias, Embed: &deeper})
	if err != nil {
		return err
	}
	kid.like = n
	n.kids = append(n.kids, kid)
	return nil
}

func hasRecursive(items []query.Item) bool {
	return slices.ContainsFunc(items, func(it query.Item) bool {
		return it.Embed != nil && (it.Embed.Levels > 0 || hasRecursive(it.Embed.Items))
	})
}

// inherit gives every level of a recursive embed the conditions, order and range of
// the first.
func (n *node) inherit() {
	if n.like != nil {
		n.copyFrom(n.like)
	}
	for _, k := range n.kids {
		k.inherit()
	}
}

func (n *node) copyFrom(o *node) {
	n.where = append(n.where, cloneNodes(o.where)...)
	n.having = append(n.having, o.having...)
	n.distinct, n.distinctOn = o.distinct, o.distinctOn
	if n.order == nil {
		n.order = slices.Clone(o.order)
	}
	if n.limit == nil || *n.limit == maxRowsParam {
		n.limit = o.limit
	}
	if n.offset == nil {
		n.offset = o.offset
	}
	for i, k := range n.kids {
		if k.like == nil {
			k.copyFrom(o.kids[i])
		}
	}
}

// cloneNodes makes conditions that can be resolved for a node of their own.
func cloneNodes(list []query.Node) []query.Node {
	list = slices.Clone(list)
	for i := range list {
		list[i].Kids = cloneNodes(list[i].Kids)
	}
	return list
}

// exceptAncestors writes that a row of a recursive embed is none of those that it
// hangs from; it gives the word for one more condition.
func (n *node) exceptAncestors(q *query.SQL, word string) string {
	if !n.recursive || len(n.source.relation.PrimaryKey) == 0 {
		return word
	}
	for above := n; above != nil; above = above.like {
		n.keyOf(q.Add(word, "("), n.alias)
		n.keyOf(q.Add(") <> ("), above.parentAlias())
		q.Add(")")
		word = " and "
	}
	return word
}

func (n *node) keyOf(q *query.SQL, alias string) {
	for i, name := range n.source.relation.PrimaryKey {
		if i > 0 {
			q.Add(", ")
		}
		q.Column(alias, name)
	}
}

// withoutJIT adds the setting to those of a function. The estimates of levels multiply,
// and Postgres would compile for seconds what runs for a millisecond.
func withoutJIT(s *catalog.Settings) *catalog.Settings {
	off := pg.Setting{Name: "jit", Value: "off"}
	if s == nil {
		return &catalog.Settings{List: []pg.Setting{off}}
	}
	return &catalog.Settings{List: append(slices.Clone(s.List), off), Isolation: s.Isolation}
}
