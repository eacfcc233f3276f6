package realtime

import (
	"sync"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// bindings are all of this process, by the table. A table without a name is any of
// its schema; anyTable is any of all.
type bindings struct {
	mu sync.RWMutex
	by map[changes.Table]*tableBindings
}

// tableBindings are those that name one table.
type tableBindings struct {
	plain   map[*binding]struct{} // without a filter
	filters map[string]*filterBindings
	// index is nil until a change of the table came.
	index *index
}

// filterBindings are those of one filter.
type filterBindings struct {
	*filter
	bindings map[*binding]struct{}
}

// index finds the filters that a row may meet. Those that want a column to equal a
// value are found by the value, so that a change costs the same however many there are.
type index struct {
	*facts
	columns map[int]*columnIndex // by place
	rest    map[*filterBindings]struct{}
}

type columnIndex struct {
	column  query.Column
	filters map[query.Key]map[*filterBindings]struct{}
}

func (x *index) add(f *filterBindings) {
	column, keys, ok := f.in(x.facts).Keys()
	if !ok {
		x.rest[f] = struct{}{}
		return
	}
	c := x.columns[column.Place]
	if c == nil {
		c = &columnIndex{column, map[query.Key]map[*filterBindings]struct{}{}}
		x.columns[column.Place] = c
	}
	for _, k := range keys {
		if c.filters[k] == nil {
			c.filters[k] = map[*filterBindings]struct{}{}
		}
		c.filters[k][f] = struct{}{}
	}
}

func (x *index) remove(f *filterBindings) {
	delete(x.rest, f)
	column, keys, ok := f.in(x.facts).Keys()
	if c := x.columns[column.Place]; ok && c != nil {
		for _, k := range keys {
			delete(c.filters[k], f)
			if len(c.filters[k]) == 0 {
				delete(c.filters, k)
			}
		}
		if len(c.filters) == 0 {
			delete(x.columns, column.Place)
		}
	}
}

// candidates calls each for the filters that a row may meet.
func (x *index) candidates(row *loggedRow, each func(*filterBindings)) {
	for place, c := range x.columns {
		text, p := row.Value(place)
		key, ok := c.column.Key(text)
		switch {
		case p == query.Present && ok:
			for f := range c.filters[key] {
				each(f)
			}
		case p == query.Present, p == query.Missing && !row.isKey:
			for _, set := range c.filters {
				for f := range set {
					each(f)
				}
			}
		}
	}
	for f := range x.rest {
		each(f)
	}
}

func (bs *bindings) add(list []*binding) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, b := range list {
		t := bs.by[b.key()]
		if t == nil {
			t = &tableBindings{plain: map[*binding]struct{}{}, filters: map[string]*filterBindings{}}
			bs.by[b.key()] = t
		}
		if b.filter == nil {
			t.plain[b] = struct{}{}
			continue
		}
		f := t.filters[b.filter.text]
		if f == nil {
			f = &filterBindings{b.filter, map[*binding]struct{}{}}
			t.filters[b.filter.text] = f
			if t.index != nil {
				t.index.add(f)
			}
		}
		b.filter = f.filter
		f.bindings[b] = struct{}{}
	}
}

func (bs *bindings) remove(list []*binding) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, b := range list {
		t := bs.by[b.key()]
		if t == nil {
			continue
		}
		delete(t.plain, b)
		if b.filter != nil {
			if f := t.filters[b.filter.text]; f != nil {
				delete(f.bindings, b)
				if len(f.bindings) == 0 {
					delete(t.filters, b.filter.text)
					if t.index != nil {
						t.index.remove(f)
					}
				}
			}
		}
		if len(t.plain)+len(t.filters) == 0 {
			delete(bs.by, b.key())
		}
	}
}

// internalSchema has tables that are published for processes alone.
const internalSchema = "fluxbase"

// tables calls each for what may have bindings of a table.
func (bs *bindings) tables(t changes.Table, each func(*tableBindings)) {
	if t.Schema == internalSchema {
		return
	}
	for _, k := range keysOf(t) {
		if found := bs.by[k]; found != nil {
			each(found)
		}
	}
}

// each calls one for every binding.
func (t *tableBindings) each(one func(*binding)) {
	for b := range t.plain {
		one(b)
	}
	for _, f := range t.filters {
		for b := range f.bindings {
			one(b)
		}
	}
}

// of returns the bindings that a table's changes may concern.
func (bs *bindings) of(t changes.Table) (list []*binding) {
	bs.mu.RLock()
	defer bs.mu.RUnlock()
	bs.tables(t, func(found *tableBindings) {
		found.each(func(b *binding) { list = append(list, b) })
	})
	return list
}

// met are filters that a row may meet: of some that is still to be asked.
type met struct {
	filters map[*filter]*filterBindings
	// bindings is how many have them.
	bindings int
}

// met returns the filters that a row may meet; nil if nobody can want the row.
func (bs *bindings) met(row *loggedRow) *met {
	bs.mu.RLock()
	defer bs.mu.RUnlock()
	m, plain := &met{}, false
	bs.tables(row.relation.Table, func(t *tableBindings) {
		plain = plain || len(t.plain) > 0
		if t.index == nil || t.index.relation != row.relation {
			for _, f := range t.filters {
				m.add(f)
			}
			return
		}
		t.index.candidates(row, func(f *filterBindings) {
			switch f.in(t.index.facts).Eval(row) {
			case query.VerdictFalse:
				return
			case query.VerdictNull:
				if !row.lacks(f.filter) {
					return
				}
			}
			m.add(f)
		})
	})
	if !plain && m.bindings == 0 {
		return nil
	}
	return m
}

func (m *met) add(f *filterBindings) {
	if m.filters == nil {
		m.filters = map[*filter]*filterBindings{}
	}
	m.filters[f.filter] = f
	m.bindings += len(f.bindings)
}

// has tells whether a binding may want the row.
func (m *met) has(b *binding) bool {
	return b.filter == nil || m.filters[b.filter] != nil
}

// filtered adds the bindings of some roles that want an event of a row that meets their
// filters.
func (bs *bindings) filtered(list []*binding, m *met, event string, roles map[string]struct{}) []*binding {
	bs.mu.RLock()
	defer bs.mu.RUnlock()
	for _, f := range m.filters {
		for b := range f.bindings {
			if b.hears(event) {
				if p := b.ch.party.Load(); p != nil {
					if _, is := roles[p.role]; is {
						list = append(list, b)
					}
				}
			}
		}
	}
	return list
}

// all returns those whose channels must hear that something may be missing.
func (bs *bindings) all() (list []*binding) {
	bs.mu.RLock()
	defer bs.mu.RUnlock()
	for _, t := range bs.by {
		t.each(func(b *binding) { list = append(list, b) })
	}
	return list
}

// facts returns what is known of a table as it was at a change; nil if nothing is.
func (bs *bindings) facts(r *changes.Relation) *facts {
	bs.mu.RLock()
	defer bs.mu.RUnlock()
	if t := bs.by[r.Table]; t != nil && t.index != nil && t.index.relation == r {
		return t.index.facts
	}
	return nil
}

// learn makes the index of a table of which the facts are known.
func (bs *bindings) learn(k *facts) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	t := bs.by[k.relation.Table]
	if t == nil {
		return
	}
	t.index = &index{k, map[int]*columnIndex{}, map[*filterBindings]struct{}{}}
	for _, f := range t.filters {
		t.index.add(f)
	}
}
