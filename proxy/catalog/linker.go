package catalog

import "slices"

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
	// to the name that each column has there.
	shows map[uint32][]exposure
}

type exposure struct {
	relation *Relation
	names    map[int16]string
}

func newLinker(w *wire, byOID map[uint32]*Relation) *linker {
	l := &linker{w: w, byOID: byOID, shows: make(map[uint32][]exposure, len(byOID))}
	origins := make(map[uint32]map[int16]source, len(w.Views))
	for _, v := range w.Views {
		origins[v.OID] = viewOrigins(v.Action)
	}
	for i := range w.Relations {
		r := byOID[w.Relations[i].OID]
		seen := map[uint32]map[int16]string{}
		for _, col := range r.Columns {
			src := resolve(origins, source{r.oid, col.Position})
			if seen[src.relation] == nil {
				seen[src.relation] = map[int16]string{}
			}
			if _, twice := seen[src.relation][src.column]; !twice {
				seen[src.relation][src.column] = col.Name
			}
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

// columns names the columns of a key as the relation shows them.
func (e exposure) columns(key []int16) ([]string, bool) {
	names := make([]string, len(key))
	for i, k := range key {
		name, ok := e.names[k]
		if !ok {
			return nil, false
		}
		names[i] = name
	}
	return names, true
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
	}
}

func (l *linker) primaryKey(k wireKey) {
	for _, e := range l.shows[k.Relation] {
		names, ok := e.columns(k.Columns)
		if !ok || len(e.relation.PrimaryKey) > 0 && e.relation.oid != k.Relation {
			continue
		}
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
		from, ok := a.columns(fk.Columns)
		if !ok {
			continue
		}
		for _, b := range l.shows[fk.Target] {
			to, ok := b.columns(fk.TargetColumns)
			if !ok || a.relation.Schema != b.relation.Schema {
				continue
			}
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
	return links
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
