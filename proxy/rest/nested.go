package rest

import (
	"encoding/binary"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// A member of an inserted object that is no column, but names a relationship, holds
// the related rows, to be inserted with it.

const (
	maxNestDepth = 5
	maxNests     = 20
)

// nest is the shape of what a body says of one relation.
type nest struct {
	// member is what its parent's objects call it: a relationship, with ! and a hint
	// if need be. That of the request's own relation is empty.
	member string
	keys   []string
	kids   []*nest
	// some tells that there are rows, count how many in this body.
	some  bool
	count int64
}

func badNest(message string) *web.Error { return web.New("nested_invalid", message) }

// readNests looks for related rows in the body of an insert.
func (r *request) readNests(cat *catalog.Catalog) error {
	if r.nest != nil || r.method != http.MethodPost || r.rpc || len(r.shape.keys) == 0 {
		return nil
	}
	rel := cat.Relation(r.schema, r.name)
	if rel == nil || !slices.ContainsFunc(r.shape.keys, func(k string) bool { return rel.Column(k) == nil && links(rel, k) != nil }) {
		return nil
	}
	s := nestReader{jsonScanner: jsonScanner{b: r.body}}
	n := new(nest)
	s.space()
	if err := s.rows(n, rel, 1); err != nil {
		return err
	}
	r.nest = n
	if cat.Guarded() {
		_, err := r.guardNest(cat, n, rel)
		return err
	}
	return nil
}

// guardNest holds the rows of n to the guards for the caller's role, of which those
// of embeds are of related rows too. It gives the number of levels below.
func (r *request) guardNest(cat *catalog.Catalog, n *nest, rel *catalog.Relation) (height int64, err error) {
	g := cat.Guard(r.role, rel)
	if g.MaxRows != nil && n.count > *g.MaxRows {
		return 0, tooManyWritten(*g.MaxRows)
	}
	if most := g.EmbedBreadth; most != nil && int64(len(n.kids)) > *most {
		return 0, refusal("guard_embed_breadth", "there are "+strconv.Itoa(len(n.kids))+" relationships side by side in '"+rel.Name+"'",
			"Embeds allowed: "+strconv.FormatInt(*most, 10))
	}
	for _, k := range n.kids {
		below, err := r.guardNest(cat, k, links(rel, k.member)[0].Target)
		if err != nil {
			return 0, err
		}
		height = max(height, below+1)
	}
	if most := g.EmbedDepth; most != nil && height > *most {
		return 0, refusal("guard_embed_depth", "the related rows in '"+rel.Name+"' are "+strconv.FormatInt(height, 10)+" levels deep",
			"Levels allowed: "+strconv.FormatInt(*most, 10))
	}
	return height, nil
}

// links are the relationships that a member may mean.
func links(rel *catalog.Relation, member string) []*catalog.Link {
	name, hint, _ := strings.Cut(member, "!")
	var list []*catalog.Link
	for _, l := range rel.Links {
		if l.Function == nil && matches(l, name, hint) {
			list = append(list, l)
		}
	}
	return list
}

// nestReader goes over a body that scanJSON has checked.
type nestReader struct {
	jsonScanner
	nests int
}

// rows reads the value that n is in: an object, an array of objects, or null.
func (s *nestReader) rows(n *nest, rel *catalog.Relation, depth int) error {
	switch s.peek() {
	case '{':
		return s.row(n, rel, depth)
	case '[':
		s.i++
		for first := true; !s.take(']'); first = false {
			if !first {
				s.take(',')
			}
			if s.space(); s.peek() != '{' {
				return badNest("the rows in '" + n.member + "' are not all objects")
			}
			if err := s.row(n, rel, depth); err != nil {
				return err
			}
		}
		return nil
	case 'n':
		s.i += len("null")
		return nil
	}
	return badNest("'" + n.member + "' is a relationship: its rows are an object or an array of objects")
}

func (s *nestReader) row(n *nest, rel *catalog.Relation, depth int) error {
	first, met := !n.some, 0
	n.some = true
	n.count++
	s.i++
	for more := false; !s.take('}'); more = true {
		if more {
			s.take(',')
		}
		s.space()
		start := s.i
		s.str()
		key := string(unquoted(s.b[start:s.i]))
		s.take(':')
		s.space()
		kid := slices.IndexFunc(n.kids, func(k *nest) bool { return k.member == key })
		switch {
		case kid >= 0:
			met++
		case slices.Contains(n.keys, key):
			met++
			s.value(0)
			continue
		case !first:
			return errKeys
		}
		var target *catalog.Relation
		var link *catalog.Link
		if rel.Column(key) == nil {
			if list := links(rel, key); len(list) > 0 {
				link, target = list[0], list[0].Target
			}
		}
		if link == nil {
			n.keys = append(n.keys, key)
			s.value(0)
			continue
		}
		if kid < 0 {
			kid = len(n.kids)
			n.kids = append(n.kids, &nest{member: key})
			if s.nests++; s.nests > maxNests || depth >= maxNestDepth {
				return badNest("related rows nest at most " + strconv.Itoa(maxNestDepth) + " levels deep, in " + strconv.Itoa(maxNests) + " relationships")
			}
		}
		if one := link.ToOne(); one && s.peek() == '[' || !one && s.peek() == '{' {
			return badNest("'" + key + "' is a " + link.Cardinality.String() + " relationship: its rows are " +
				[...]string{"an array of objects", "one object"}[b2i(one)])
		}
		if err := s.rows(n.kids[kid], target, depth+1); err != nil {
			return err
		}
	}
	if !first && met != len(n.keys)+len(n.kids) {
		return errKeys
	}
	return nil
}

func (n *nest) appendShape(b []byte) []byte {
	b = append(append(append(b, 1, byte(b2i(n.some))), n.member...), 0)
	b = binary.AppendUvarint(b, uint64(len(n.keys)))
	for _, k := range n.keys {
		b = append(append(b, k...), 0)
	}
	b = binary.AppendUvarint(b, uint64(len(n.kids)))
	for _, k := range n.kids {
		b = k.appendShape(b)
	}
	return b
}

// level is a nest that is planned: one relation, and where its columns come from.
type level struct {
	number string
	member string
	rel    *catalog.Relation
	link   *catalog.Link // from the parent; nil for the root
	parent *level
	kids   []*level
	// cols are filled by the body, given by links, from what another level's rows have.
	cols  []*catalog.Column
	given []givenColumn
	// needs are the columns of which others, or the answer, need the value: it has to
	// be known before the row is there.
	needs []*catalog.Column
}

// givenColumn is a column that equals one of another level's.
type givenColumn struct {
	column *catalog.Column
	from   *level
	name   string
}

// before tells a level whose rows its parent's refer to, and so come first.
func (l *level) before() bool {
	return l.link != nil && l.link.Junction == nil && l.link.ToOne() && !l.link.Inverse
}

// levels resolves a nest and what is in it.
func (p *planner) levels(n *nest, rel *catalog.Relation, parent *level, count *int) (*level, error) {
	l := &level{number: strconv.Itoa(*count), member: n.member, rel: rel, parent: parent}
	*count++
	if p.guard != nil && parent != nil {
		g := p.catalog.Guard(p.r.role, rel)
		p.guard.relations = append(p.guard.relations, rel.Name)
		p.guard.timeout, p.guard.maxCost = least(p.guard.timeout, g.Timeout), least(p.guard.maxCost, g.MaxCost)
	}
	for _, key := range n.keys {
		c := rel.Column(key)
		if c == nil {
			return nil, unknownColumn(rel.Name, key)
		}
		l.cols = append(l.cols, c)
	}
	for _, k := range n.kids {
		if !k.some {
			continue
		}
		name, hint, _ := strings.Cut(k.member, "!")
		link, err := p.findLink(&node{source: relationSource(rel)}, &query.Embed{Name: name, Hint: hint})
		if err != nil {
			return nil, err
		}
		kid, err := p.levels(k, link.Target, l, count)
		if err != nil {
			return nil, err
		}
		kid.link = link
		l.kids = append(l.kids, kid)
	}
	return l, nil
}

// connect says which columns equal which along the link of each kid.
func (l *level) connect() error {
	for _, kid := range l.kids {
		switch j := kid.link.Junction; {
		case j != nil:
			for _, pr := range j.OriginPairs {
				l.need(pr.Target)
			}
			for _, pr := range j.TargetPairs {
				kid.need(pr.Target)
			}
		case kid.before():
			for _, pr := range kid.link.Pairs {
				kid.need(pr.Target)
				if err := l.give(pr.Origin, kid, pr.Target); err != nil {
					return err
				}
			}
		default:
			for _, pr := range kid.link.Pairs {
				l.need(pr.Origin)
				if err := kid.give(pr.Target, l, pr.Origin); err != nil {
					return err
				}
			}
		}
		if err := kid.connect(); err != nil {
			return err
		}
	}
	return nil
}

func (l *level) need(name string) {
	if c := l.rel.Column(name); !slices.Contains(l.needs, c) {
		l.needs = append(l.needs, c)
	}
}

func (l *level) give(name string, from *level, column string) error {
	c := l.rel.Column(name)
	if slices.Contains(l.cols, c) || l.givenBy(c) != nil {
		return badNest("the column '" + name + "' of '" + l.rel.Name + "' is filled by the related row, and can't be given too")
	}
	l.given = append(l.given, givenColumn{c, from, column})
	return nil
}

func (l *level) givenBy(c *catalog.Column) *givenColumn {
	for i := range l.given {
		if l.given[i].column == c {
			return &l.given[i]
		}
	}
	return nil
}

// made are the needed columns that neither the body nor a related row fills: their
// defaults are taken before the row is there.
func (l *level) made() ([]*catalog.Column, error) {
	var list []*catalog.Column
	for _, c := range l.needs {
		if slices.Contains(l.cols, c) || l.givenBy(c) != nil {
			continue
		}
		if c.Default == "" && c.Identity == "" {
			return nil, badNest("the column '" + c.Name + "' of '" + l.rel.Name + "' has no default and is not in the body: the related rows need it")
		}
		list = append(list, c)
	}
	return list, nil
}
