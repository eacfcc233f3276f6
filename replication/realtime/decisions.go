package realtime

import (
	"container/list"
	"slices"
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// decision is who may see all rows that have the same values for a policy.
type decision struct {
	plan *plan
	row  string
	// ids are claims, ascending; who was registered after upTo was not asked for.
	ids  []int64
	upTo int64
	at   time.Time
	// keys are the values of the row by which it hangs on tables, one for each of the
	// plan's.
	keys []value
	size int
	at0  *list.Element
}

// decisions remembers a bounded number, of which those that were not used for longest
// make room. It belongs to the goroutine that follows the stream, which takes out what
// a change of a table may have made wrong before it decides about what came later.
type decisions struct {
	maxEntries, maxBytes int
	ttl                  time.Duration

	used    list.List // of *decision, the latest first
	bytes   int
	metrics *metrics
}

// get returns a decision that still holds, if only for those up to its upTo.
func (ds *decisions) get(p *plan, row string, now time.Time) *decision {
	d := p.decided[row]
	if d != nil && now.Sub(d.at) > ds.ttl {
		ds.drop(d)
		d = nil
	}
	if d != nil {
		ds.used.MoveToFront(d.at0)
	}
	return d
}

// put remembers a decision in the place of an older one.
func (ds *decisions) put(d *decision) {
	if old := d.plan.decided[d.row]; old != nil {
		ds.drop(old)
	}
	d.size = 200 + 2*len(d.row) + 8*len(d.ids)
	d.plan.decided[d.row] = d
	d.at0 = ds.used.PushFront(d)
	ds.bytes += d.size
	for i, v := range d.keys {
		set := d.plan.tables[i].by[v]
		if set == nil {
			set = map[*decision]struct{}{}
			d.plan.tables[i].by[v] = set
		}
		set[d] = struct{}{}
	}
	for ds.used.Len() > ds.maxEntries || ds.bytes > ds.maxBytes && ds.used.Len() > 1 {
		ds.metrics.evicted.Inc()
		ds.drop(ds.used.Back().Value.(*decision))
	}
	ds.report()
}

func (ds *decisions) drop(d *decision) {
	delete(d.plan.decided, d.row)
	ds.used.Remove(d.at0)
	ds.bytes -= d.size
	for i, v := range d.keys {
		set := d.plan.tables[i].by[v]
		if delete(set, d); len(set) == 0 {
			delete(d.plan.tables[i].by, v)
		}
	}
	ds.report()
}

func (ds *decisions) report() {
	ds.metrics.decided.Set(float64(ds.used.Len()))
	ds.metrics.decidedBytes.Set(float64(ds.bytes))
}

// forget drops all of a plan.
func (ds *decisions) forget(p *plan) {
	for _, d := range p.decided {
		ds.drop(d)
	}
}

// dependency is a table that a plan reads.
type dependency struct {
	OID uint32
	// Key is its column that is the column Of in the rows that a change of it concerns;
	// both are empty where it may concern any.
	Key, Of string
	// Who is its column that is the user whom a change of it concerns; empty where it may
	// concern any.
	Who string
	// by has the decisions by that value.
	by map[value]map[*decision]struct{}
}

// touch drops what a change of the i-th table of a plan may have made wrong.
func (ds *decisions) touch(p *plan, i int, e *changes.Event) {
	values, known := p.tables[i].values(e)
	if !known {
		ds.forget(p)
		return
	}
	// Where the row has null, NOT IN asks whether there is any row at all.
	for _, v := range append(values, value{}) {
		for d := range p.tables[i].by[v] {
			ds.drop(d)
		}
	}
}

// values are those of the key before and after a change; not known if the log doesn't
// tell them, or if null may concern all.
func (t *dependency) values(e *changes.Event) (list []value, known bool) {
	k := -1
	if t.Key != "" {
		k = e.Relation.Index(t.Key)
	}
	if k < 0 || e.Op == changes.Truncate {
		return nil, false
	}
	inKey := e.Relation.Columns[k].Key || e.Relation.Identity == changes.IdentityFull
	switch {
	case e.Old.IsZero() && e.Op == changes.Update && !inKey, !e.Old.IsZero() && e.OldIsKey && !inKey:
		return nil, false
	}
	for _, tuple := range []changes.Tuple{e.Old, e.New} {
		if tuple.IsZero() {
			continue
		}
		v := tuple.Value(k)
		if v.Kind != changes.Text {
			return nil, false
		}
		list = append(list, value{string(v.Text), true})
	}
	return list, true
}

// rowKey writes the values of a row so that no two rows are the same text.
func rowKey(row []value) string {
	var b []byte
	for _, v := range row {
		if !v.set {
			b = append(b, '-')
			continue
		}
		b = strconv.AppendInt(b, int64(len(v.text)), 10)
		b = append(append(b, ':'), v.text...)
	}
	return string(b)
}

// has tells whether a decision allows a claim.
func (d *decision) has(id int64) bool {
	_, is := slices.BinarySearch(d.ids, id)
	return is
}
