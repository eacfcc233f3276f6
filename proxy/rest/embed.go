package rest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// embed makes the node of a relation within select.
func (p *planner) embed(parent *node, it *query.Item) (*node, error) {
	e := it.Embed
	link, err := p.findLink(parent, e)
	if err != nil {
		return nil, err
	}
	k := &node{
		source: relationSource(link.Target),
		name:   e.Name, label: e.Name,
		link: link, inner: e.Join == query.InnerJoin, spread: e.Spread,
		depth: parent.depth + 1,
	}
	if it.Alias != "" {
		k.label = it.Alias
	}
	depth := "_" + strconv.Itoa(k.depth)
	k.alias = link.Target.Name + depth
	k.outer = link.Origin.Name + "_" + k.label + depth
	if p.cfg.MaxRows != nil && (p.r.rpc || p.r.reads()) {
		limit := maxRowsParam
		k.limit = &limit
	}
	if err := p.addItems(k, e.Items); err != nil {
		return nil, err
	}
	if e.Levels > 0 {
		if err := p.recurse(k, it); err != nil {
			return nil, err
		}
	}
	if k.spread && slices.ContainsFunc(k.items, func(it query.Item) bool { return it.Filter != nil }) {
		return nil, notImplemented("A filter of an aggregate is not implemented for spreads.")
	}
	if k.spread && !link.ToOne() && k.hoisted() {
		return nil, notImplemented("Aggregates are not implemented for one-to-many or many-to-many spreads.")
	}
	return k, nil
}

// findLink looks for the one relationship that an embed means.
func (p *planner) findLink(parent *node, e *query.Embed) (*catalog.Link, error) {
	var links []*catalog.Link
	if rel := parent.source.relation; rel != nil {
		for _, l := range rel.Links {
			if matches(l, e.Name, e.Hint) {
				links = append(links, l)
			}
		}
	}
	switch len(links) {
	case 0:
		return nil, noLink(p.catalog, parent.source, e)
	case 1:
		return links[0], nil
	}
	return nil, ambiguousLink(parent.source.name, e.Name, links)
}

// matches tells whether a link is what target and hint name. A target is a
// relation, or a foreign key or its one column; a hint is a foreign key, its one
// column on either side, or a junction. From a relation to itself each foreign
// key leads two ways: the relation's name means the many, the column the one.
func matches(l *catalog.Link, target, hint string) bool {
	if l.Function != nil {
		return target == l.Function.Name
	}
	byName := target == l.Target.Name
	switch {
	case l.Self() && hint == "":
		return byName && l.Cardinality == catalog.OneToMany ||
			l.Cardinality == catalog.ManyToOne && originColumn(l) == target
	case l.Self():
		return byName && l.Cardinality == catalog.OneToMany && targetColumn(l) == hint ||
			byName && l.Junction != nil && l.Junction.Relation.Name == hint
	case hint == "":
		return byName || !l.Target.IsView() && l.Junction == nil &&
			(l.Constraint == target || originColumn(l) == target)
	}
	return byName && (l.Junction != nil && l.Junction.Relation.Name == hint ||
		l.Junction == nil && (l.Constraint == hint || originColumn(l) == hint || targetColumn(l) == hint))
}

func originColumn(l *catalog.Link) string {
	if len(l.Pairs) == 1 {
		return l.Pairs[0].Origin
	}
	return ""
}

func targetColumn(l *catalog.Link) string {
	if len(l.Pairs) == 1 {
		return l.Pairs[0].Target
	}
	return ""
}

// candidate is one entry of the details of an ambiguous embed.
type candidate struct {
	Cardinality  string `json:"cardinality"`
	Embedding    string `json:"embedding"`
	Relationship string `json:"relationship"`
}

func ambiguousLink(origin, target string, links []*catalog.Link) *web.Error {
	details := make([]candidate, len(links))
	hints := make([]string, len(links))
	for i, l := range links {
		key := l.Constraint
		details[i] = candidate{l.Cardinality.String(), l.Origin.Name + " with " + l.Target.Name, ""}
		if j := l.Junction; j != nil {
			key = j.Relation.Name
			details[i].Relationship = j.Relation.Name + " using " + j.OriginConstraint + columns(j.OriginPairs, true) +
				" and " + j.TargetConstraint + columns(j.TargetPairs, true)
		} else {
			details[i].Relationship = l.Constraint + " using " + l.Origin.Name + columns(l.Pairs, true) +
				" and " + l.Target.Name + columns(l.Pairs, false)
		}
		hints[i] = "'" + l.Target.Name + "!" + key + "'"
	}
	e := fail("PGRST201", "Could not embed because more than one relationship was found for '"+origin+"' and '"+target+"'",
		"", "Try changing '"+target+"' to one of the following: "+strings.Join(hints, ", ")+
			". Find the desired relationship in the 'details' key.")
	e.Details = details
	return e
}

func columns(pairs []catalog.Pair, origin bool) string {
	list := make([]string, len(pairs))
	for i, p := range pairs {
		list[i] = p.Target
		if origin {
			list[i] = p.Origin
		}
	}
	return "(" + strings.Join(list, ", ") + ")"
}

func noLink(c *catalog.Catalog, origin source, e *query.Embed) *web.Error {
	using := ""
	if e.Hint != "" {
		using = "' using the hint '" + e.Hint
	}
	return fail("PGRST200",
		"Could not find a relationship between '"+origin.name+"' and '"+e.Name+"' in the schema cache",
		"Searched for a foreign key relationship between '"+origin.name+"' and '"+e.Name+using+
			"' in the schema '"+origin.schema+"', but no matches were found.",
		linkHint(c, origin, e.Name))
}

// linkHint proposes a near name: of a target of the origin's, or of another origin
// where that one has no links.
func linkHint(c *catalog.Catalog, origin source, target string) string {
	if rel := origin.relation; rel != nil && rel.Linked() {
		var names []string
		for _, l := range rel.Links {
			names = append(names, l.Target.Name)
		}
		if near, score := nearest(target, names, 0.33); near != "" && score < 1 {
			return "Perhaps you meant '" + near + "' instead of '" + target + "'."
		}
		return ""
	}
	s := c.Schema(origin.schema)
	if s == nil {
		return ""
	}
	var names []string
	for _, name := range s.RelationNames() {
		if c.Relation(s.Name, name).Linked() {
			names = append(names, name)
		}
	}
	if near, _ := nearest(origin.name, names, 0.33); near != "" {
		return "Perhaps you meant '" + near + "' instead of '" + origin.name + "'."
	}
	return ""
}
