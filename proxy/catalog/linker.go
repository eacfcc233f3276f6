package catalog

import (
	"cmp"
	"slices"
)

// source is a column of a table, by numbers: what a foreign key is made of.
type source struct {
	relation uint32
	column   int16
}

// linker derives how relations belong together from foreign keys, also of
// tables that are not exposed themselves but through views.
type linker struct {
	w     *wire
	byOID map[uint32]*Relation
	// shows leads from a table to the relations that show columns of it, and
	// to the names that each column has there; a view may show one twice.
	shows map[uint32][]exposure
}

type exposure struct {
	relation *Relation
	names    map[int16][]string
}

func newLinker(w *wire, byOID map[uint32]*Relation) *linker {
	l := &linker{w: w, byOID: byOID, shows: make(map[uint32][]exposure, len(byOID))}
	origins := make(map[uint32]map[int16]source, len(w.Views))
	for _, v := range w.Views {
		origins[v.OID] = viewOrigins(v.Action)
	}
	for i := range w.Relations {
		r := byOID[w.Relations[i].OID]
		seen := map[uint32]map[int16][]string{}
		for _, col := range r.Columns {
			src := resolve(origins, source{r.oid, col.Position})
			if seen[src.relation] == nil {
				seen[src.relation] = map[int16][]string{}
			}
			seen[src.relation][src.column] = append(seen[src.relation][src.column], col.Name)
		}
		for oid, names := range seen {
			l.shows[oid] = append(l.shows[oid], exposure{r, names})
		}
	}
	return l
}

// resolve follows a view's column through other views to a table's. The bound
// stops at what can't be: a view that is defined by itself.
func resolve(origins map[uint32]map[int16]source, s source) source {
	for range 100 {
		view, ok := origins[s.relation]
		if !ok {
			return s
		}
		if s, ok = view[s.column]; !ok {
			return source{}
		}
	}
	return source{}
}

// maxShown bounds the ways in which one view may show one key.
const maxShown = 64

// columns names the columns of a key in every way that the relation shows them,
// the first names first; none if it does not show them all.
func (e exposure) columns(key []int16) [][]string {
	ways := [][]string{nil}
	for _, k := range key {
		var more [][]string
		for _, way := range ways {
			for _, name := range e.names[k] {
				more = append(more, append(slices.Clone(way), name))
			}
		}
		ways = more[:min(len(more), maxShown)]
	}
	return ways
}

func (l *linker) link() {
	unique := map[uint32][][]int16{}
	for _, k := range l.w.Keys {
		unique[k.Relation] = append(unique[k.Relation], k.Columns)
		if k.Primary {
			l.primaryKey(k)
		}
	}
	var links []*Link
	for _, fk := range l.w.Links {
		links = append(links, l.foreignKey(fk, isUnique(unique[fk.Origin], fk.Columns))...)
	}
	var inverse []*Link
	for _, k := range links {
		inverse = append(inverse, k.inverse())
	}
	all := slices.Concat(links, inverse, manyToMany(links))
	for _, k := range all {
		k.Origin.Links = append(k.Origin.Links, k)
	}
	l.hiddenJunctions()
	for _, c := range l.w.Computed {
		origin, target := l.byOID[c.Origin], l.byOID[c.Target]
		if origin == nil || target == nil || origin.Schema != target.Schema {
			continue
		}
		origin.Links = append(origin.Links, &Link{
			Cardinality: OneToMany, Origin: origin, Target: target,
			Function: &Computed{Schema: c.Schema, Name: c.Name, Single: c.Single},
		})
	}
	for _, r := range l.byOID {
		r.dropOverridden()
		slices.SortStableFunc(r.Links, compareLinks)
	}
}

// primaryKey adds a key to those of the relations that show it: the rows of a
// view of several tables need the keys of all.
func (l *linker) primaryKey(k wireKey) {
	for _, e := range l.shows[k.Relation] {
		ways := e.columns(k.Columns)
		if len(ways) == 0 {
			continue
		}
		names := append(e.relation.PrimaryKey, ways[0]...)
		slices.SortFunc(names, func(a, b string) int {
			return int(e.relation.byName[a].Position) - int(e.relation.byName[b].Position)
		})
		e.relation.PrimaryKey = names
	}
}

// foreignKey gives a link for each pair of relations of one schema that show
// all columns of the key on both sides.
func (l *linker) foreignKey(fk wireLink, unique bool) []*Link {
	var links []*Link
	for _, a := range l.shows[fk.Origin] {
		for _, b := range l.shows[fk.Target] {
			if a.relation.Schema != b.relation.Schema {
				continue
			}
			for _, from := range a.columns(fk.Columns) {
				for _, to := range b.columns(fk.TargetColumns) {
					k := &Link{Cardinality: ManyToOne, Constraint: fk.Name, Origin: a.relation, Target: b.relation}
					if unique {
						k.Cardinality = OneToOne
					}
					for i := range from {
						k.Pairs = append(k.Pairs, Pair{from[i], to[i]})
					}
					links = append(links, k)
				}
			}
		}
	}
	return links
}

// compareLinks is the order in which an ambiguous embed's candidates are told,
// which is PostgREST's.
func compareLinks(a, b *Link) int {
	rank := [...]int{OneToMany: 0, ManyToOne: 1, OneToOne: 2, ManyToMany: 3}
	pairs := func(x, y Pair) int {
		return cmp.Or(cmp.Compare(x.Origin, y.Origin), cmp.Compare(x.Target, y.Target))
	}
	c := cmp.Or(
		cmp.Compare(a.Target.Name, b.Target.Name),
		rank[a.Cardinality]-rank[b.Cardinality],
		cmp.Compare(a.Constraint, b.Constraint),
		slices.CompareFunc(a.Pairs, b.Pairs, pairs),
	)
	if c != 0 || a.Junction == nil || b.Junction == nil {
		return c
	}
	x, y := a.Junction, b.Junction
	return cmp.Or(
		cmp.Compare(x.Relation.Name, y.Relation.Name),
		cmp.Compare(x.OriginConstraint, y.OriginConstraint),
		cmp.Compare(x.TargetConstraint, y.TargetConstraint),
		slices.CompareFunc(x.OriginPairs, y.OriginPairs, pairs),
		slices.CompareFunc(x.TargetPairs, y.TargetPairs, pairs),
	)
}

func isUnique(keys [][]int16, columns []int16) bool {
	want := slices.Sorted(slices.Values(columns))
	return slices.ContainsFunc(keys, func(key []int16) bool {
		return slices.Equal(slices.Sorted(slices.Values(key)), want)
	})
}

func (l *Link) inverse() *Link {
	k := &Link{Cardinality: OneToMany, Inverse: true, Constraint: l.Constraint, Origin: l.Target, Target: l.Origin}
	if l.Cardinality == OneToOne {
		k.Cardinality = OneToOne
	}
	for _, p := range l.Pairs {
		k.Pairs = append(k.Pairs, Pair{p.Target, p.Origin})
	}
	return k
}

// manyToMany finds junctions: relations whose primary key holds the columns of
// two foreign keys.
func manyToMany(links []*Link) []*Link {
	var out []*Link
	byJunction := map[*Relation][]*Link{}
	var junctions []*Relation
	for _, l := range links {
		if l.Cardinality != ManyToOne || len(l.Origin.PrimaryKey) == 0 {
			continue
		}
		if byJunction[l.Origin] == nil {
			junctions = append(junctions, l.Origin)
		}
		byJunction[l.Origin] = append(byJunction[l.Origin], l)
	}
	for _, j := range junctions {
		for _, a := range byJunction[j] {
			for _, b := range byJunction[j] {
				if a.Constraint == b.Constraint || !inKey(j, a) || !inKey(j, b) {
					continue
				}
				out = append(out, &Link{
					Cardinality: ManyToMany, Origin: a.Target, Target: b.Target,
					Junction: &Junction{
						Relation: j, OriginConstraint: a.Constraint, TargetConstraint: b.Constraint,
						OriginPairs: a.Pairs, TargetPairs: b.Pairs,
					},
				})
			}
		}
	}
	return out
}

func inKey(r *Relation, l *Link) bool {
	return !slices.ContainsFunc(l.Pairs, func(p Pair) bool {
		return !slices.Contains(r.PrimaryKey, p.Origin)
	})
}

// hiddenJunctions marks the relations that only a table which is not exposed
// would link.
func (l *linker) hiddenJunctions() {
	keys := map[uint32][]int16{}
	for _, k := range l.w.Keys {
		if k.Primary && l.byOID[k.Relation] == nil {
			keys[k.Relation] = k.Columns
		}
	}
	ends := map[uint32][][]*Relation{}
	for _, fk := range l.w.Links {
		if slices.ContainsFunc(fk.Columns, func(c int16) bool { return !slices.Contains(keys[fk.Origin], c) }) {
			continue
		}
		var these []*Relation
		for _, e := range l.shows[fk.Target] {
			if len(e.columns(fk.TargetColumns)) > 0 {
				these = append(these, e.relation)
			}
		}
		for _, those := range ends[fk.Origin] {
			hide(these, those)
			hide(those, these)
		}
		ends[fk.Origin] = append(ends[fk.Origin], these)
	}
}

func hide(ends, others []*Relation) {
	for _, r := range ends {
		r.hidden = r.hidden || slices.ContainsFunc(others, func(o *Relation) bool { return o.Schema == r.Schema })
	}
}

// dropOverridden lets a computed link replace the detected ones of its name.
func (r *Relation) dropOverridden() {
	computed := map[string]bool{}
	for _, l := range r.Links {
		if l.Function != nil {
			computed[l.Function.Name] = true
		}
	}
	if len(computed) > 0 {
		r.Links = slices.DeleteFunc(r.Links, func(l *Link) bool {
			return l.Function == nil && computed[l.Target.Name]
		})
	}
}
