package realtime

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// filter is what a binding asks of rows. Bindings of a table with the same text share
// one, which is worked out for a change once.
type filter struct {
	text string
	// nodes are joined by and; values are what they compare with.
	nodes  []query.Node
	values []string
	// shape is the same for filters that differ in values alone.
	shape string
	// columns that it asks for.
	columns []string

	compiled atomic.Pointer[compiled]
}

// compiled is a filter for a table as it was at some changes.
type compiled struct {
	*facts
	*query.Evaluator
}

// facts are what has to be known of a table to compare values by their texts.
type facts struct {
	relation *changes.Relation
	loose    []string
}

const (
	// maxFilter is how long a filter may be, in bytes.
	maxFilter = 1 << 16
	// maxConditions is how many comparisons it may have, maxValues what each list may.
	maxConditions = 100
	maxValues     = 100
)

// parseFilter reads the filter of a subscription; nil is none. Its error is for the
// client.
func parseFilter(text string) (*filter, error) {
	if len(text) > maxFilter {
		return nil, fmt.Errorf("a filter has at most %d bytes", maxFilter)
	}
	nodes, values, err := query.ParseChanges(text, 0)
	if err != nil || len(nodes) == 0 {
		return nil, err
	}
	f := &filter{text: text, nodes: nodes, values: values}
	conditions := 0
	var look func(list []query.Node) error
	look = func(list []query.Node) error {
		for i := range list {
			n := &list[i]
			if !n.Leaf() {
				if err := look(n.Kids); err != nil {
					return err
				}
				continue
			}
			if conditions++; conditions > maxConditions {
				return fmt.Errorf("a filter has at most %d conditions", maxConditions)
			}
			for _, name := range n.Columns() {
				if !slices.Contains(f.columns, name) {
					f.columns = append(f.columns, name)
				}
			}
			if !n.Expr.HasValue() || n.Expr.Op != query.In && n.Expr.Quant == query.One {
				continue
			}
			if list, _ := query.ParseArray(values[n.Expr.Value]); len(list) > maxValues {
				return fmt.Errorf("too many values for `%s` filter. Maximum %d", n.Expr.Op, maxValues)
			}
		}
		return nil
	}
	if err := look(nodes); err != nil {
		return nil, err
	}
	f.shape = string(f.root().AppendShape(nil))
	return f, nil
}

// root is the whole filter as one condition.
func (f *filter) root() *query.Node { return &query.Node{Kids: f.nodes} }

// in gives the filter for rows of which the facts are.
func (f *filter) in(k *facts) *query.Evaluator {
	if c := f.compiled.Load(); c != nil && c.facts == k {
		return c.Evaluator
	}
	e := query.NewEvaluator(f.nodes, f.values, func(name string) (query.Column, bool) {
		i := k.relation.Index(name)
		if i < 0 {
			return query.Column{}, false
		}
		return query.Column{Place: i, Type: k.relation.Columns[i].Type, Loose: slices.Contains(k.loose, name)}, true
	})
	f.compiled.Store(&compiled{k, e})
	return e
}

// loggedRow is a row as the log tells it.
type loggedRow struct {
	relation *changes.Relation
	// whole has the long values that an update did not touch, if it is there.
	tuple, whole changes.Tuple
	// isKey says that only the columns of the identity are known.
	isKey bool
}

// logged is what filters and policies are held against: the new row, of a delete the old
// one.
func logged(e *changes.Event) loggedRow {
	switch {
	case e.Op == changes.Delete:
		return loggedRow{relation: e.Relation, tuple: e.Old, isKey: e.OldIsKey}
	case e.Op == changes.Update && !e.OldIsKey:
		return loggedRow{relation: e.Relation, tuple: e.New, whole: e.Old}
	}
	return loggedRow{relation: e.Relation, tuple: e.New}
}

// Value is what is known of a column.
func (r *loggedRow) Value(place int) (string, query.Presence) {
	if r.isKey && !r.relation.Columns[place].Key {
		return "", query.Missing
	}
	v := r.tuple.Value(place)
	if v.Kind == changes.Unchanged {
		if r.whole.IsZero() {
			return "", query.Missing
		}
		v = r.whole.Value(place)
	}
	if v.Kind != changes.Text {
		return "", query.IsNull
	}
	return string(v.Text), query.Present
}

// lacks tells whether the log left out, because an update did not touch it, what the
// filter asks for.
func (r *loggedRow) lacks(f *filter) bool {
	return !r.isKey && slices.ContainsFunc(f.columns, func(c string) bool {
		i := r.relation.Index(c)
		return i >= 0 && r.tuple.Value(i).Kind == changes.Unchanged && r.whole.IsZero()
	})
}

// Value is what is known of a column of the row.
func (img *image) Value(place int) (string, query.Presence) {
	i, ok := slices.BinarySearch(img.set.columns, place)
	if !ok {
		return "", query.Missing
	}
	text := img.set.rows[img.n-1][i]
	if text == nil {
		return "", query.IsNull
	}
	return *text, query.Present
}

// lacks tells whether the log left out, because an update did not touch it, what the
// filter asks for.
func (img *image) lacks(f *filter) bool {
	return img.incomplete && slices.ContainsFunc(f.columns, func(c string) bool { return !img.set.has(c) })
}
