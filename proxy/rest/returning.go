package rest

import (
	"net/http"
	"slices"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// returned writes the columns of written rows that the answer needs; nobody has
// to be allowed to read more.
func (p *planner) returned(q *query.SQL, rel *catalog.Relation) {
	names := p.returnedNames(rel)
	if len(names) == 0 {
		q.Add("1")
	}
	for i, name := range names {
		if i > 0 {
			q.Add(", ")
		}
		q.Column(rel.Name, name)
	}
}

// computeAfter has computed fields made of the written rows, where those come
// back whole: they have to be given their type again.
func (p *planner) computeAfter(rel *catalog.Relation) {
	if !slices.Contains(p.returnedNames(rel), "*") {
		return
	}
	give := func(f *query.Field) {
		if f.Name != "*" && !f.WholeRow && rel.Column(f.Name) == nil {
			f.RowType = query.Ident(rel.Schema) + "." + query.Ident(rel.Name)
		}
	}
	for i := range p.root.items {
		give(&p.root.items[i].Field)
	}
	for i := range p.root.order {
		if p.root.order[i].Relation == "" {
			give(&p.root.order[i].Field)
		}
	}
}

func (p *planner) returnedNames(rel *catalog.Relation) []string {
	switch p.r.prefs.returning {
	case returnRepresentation:
	case returnHeaders:
		if p.r.method == http.MethodPost {
			return rel.PrimaryKey
		}
		return nil
	default:
		return nil
	}
	if len(p.root.items) == 0 && len(p.root.kids) == 0 {
		return []string{"*"}
	}
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for i := range p.root.items {
		add(p.root.items[i].Field.Name)
	}
	for _, k := range p.root.kids {
		if k.recursive {
			for _, name := range rel.PrimaryKey {
				add(name)
			}
		}
		switch l := k.link; {
		case l.Function != nil: // wants the whole row
			return []string{"*"}
		case l.Junction != nil:
			for _, pr := range l.Junction.OriginPairs {
				add(pr.Target)
			}
		default:
			for _, pr := range l.Pairs {
				add(pr.Origin)
			}
		}
	}
	for i := range p.root.order {
		if p.root.order[i].Relation == "" {
			add(p.root.order[i].Field.Name)
		}
	}
	if slices.Contains(names, "*") {
		return []string{"*"}
	}
	return names
}
