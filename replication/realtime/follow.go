package realtime

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// change is an event that somebody may want to hear of.
type change struct {
	tx       *changes.Transaction
	relation *changes.Relation
	event    string // as clients say it
	// wanted are the bindings that it may concern, and then those whose filters it meets.
	wanted []*binding
	// live says that wanted is to be found out: all who listen.
	live bool
	// met are the filters that the row may meet, of a live change.
	met *met
	// row is what filters and policies are held against: the new row, of a delete the
	// old one. old is the old row of an update, if it is known by itself.
	row, old *image
}

// image is a row as far as the log tells it.
type image struct {
	set *imageSet
	n   int // its number in the set, from 1
	// incomplete says that the log lacks long values that were not touched.
	incomplete bool
}

// imageSet are the rows of a batch that belong to one table and have values for the
// same columns.
type imageSet struct {
	relation *changes.Relation
	columns  []int
	rows     [][]*string
	// answers are what each caller may see of it, by who it is.
	answers map[caller]*answer
	// plans are what decides otherwise, by role; nil where answers do.
	plans    map[string]*plan
	places   map[*plan][]int // of what a plan reads, in rows
	rendered map[*plan]*rendering
	found    map[*plan][]*decision // by the number of the row
}

// maxChanges and maxTransactions bound a batch; while it is worked on, the next waits in
// the ring.
const (
	maxTransactions = 100
	maxChanges      = 1000
)

// follow tells clients of changes until ctx ends.
func (h *Hub) follow(ctx context.Context) {
	sub := h.Source.Subscribe(changes.Options{Want: changes.Want{AllTables: true, Prefixes: []string{ddlPrefix}}})
	defer sub.Close()
	now, cancel := context.WithCancel(ctx)
	cancel()
	for {
		b := newBatch()
		// The first is waited for; with it comes what is there already.
		tx, err := sub.Next(ctx)
		for n := 0; err == nil; n++ {
			h.collect(b, tx)
			if n == maxTransactions || len(b.changes) >= maxChanges {
				break
			}
			tx, err = sub.Next(now)
		}
		h.tell(ctx, b)
		var gap *changes.Gap
		switch {
		case errors.As(err, &gap):
			h.ForgetPolicies()
			if gap.Reason != changes.Started {
				h.notice(channelsOf(h.bindings.all()), "Changes may be missing ("+string(gap.Reason)+"); read the tables again")
			}
		case err != nil && (ctx.Err() != nil || errors.Is(err, changes.ErrClosed)):
			return
		}
	}
}

// batch is what is worked on together.
type batch struct {
	changes []*change
	sets    map[setKey]*imageSet
	xids    map[uint32]struct{}
	// unsure are channels for whose filters the log does not tell enough.
	unsure map[*change][]*channel
}

type setKey struct {
	relation *changes.Relation
	columns  string
}

func newBatch() *batch {
	return &batch{sets: map[setKey]*imageSet{}, xids: map[uint32]struct{}{}, unsure: map[*change][]*channel{}}
}

// eventNames are those that clients can ask for; a truncate concerns all.
var eventNames = map[changes.Op]string{changes.Insert: "INSERT", changes.Update: "UPDATE", changes.Delete: "DELETE"}

// collect adds what of a transaction anybody listens to.
func (h *Hub) collect(b *batch, tx *changes.Transaction) {
	h.note(tx)
	for i := range tx.Touched {
		if r := tx.Touched[i].Relation; r != nil {
			h.notice(channelsOf(h.bindings.of(r.Table)), "Too many changes of "+r.Schema+"."+r.Name+" in one transaction; read the table again")
		}
	}
	for i := range tx.Events {
		e := &tx.Events[i]
		if e.Relation == nil {
			continue
		}
		if !h.audience.hears(e.Relation.Table) {
			continue
		}
		if e.Op == changes.Truncate {
			h.notice(channelsOf(h.bindings.of(e.Relation.Table)), e.Relation.Schema+"."+e.Relation.Name+" was truncated; read the table again")
			continue
		}
		row := logged(e)
		met := h.bindings.met(&row)
		if met == nil {
			continue
		}
		c := &change{tx: tx, relation: e.Relation, event: eventNames[e.Op], live: true, met: met}
		if e.Op == changes.Update && !e.Old.IsZero() {
			c.old = b.image(e.Relation, e.Old, changes.Tuple{}, e.OldIsKey)
		}
		c.row = b.image(e.Relation, row.tuple, row.whole, row.isKey)
		b.changes = append(b.changes, c)
		b.xids[tx.XID] = struct{}{}
	}
}

// image adds a row. Long values that an update did not touch are taken from whole, the
// old row, if that is there. Of a key only the columns of the identity are known.
func (b *batch) image(r *changes.Relation, t, whole changes.Tuple, isKey bool) *image {
	img := &image{}
	columns := make([]int, 0, len(r.Columns))
	row := make([]*string, 0, len(r.Columns))
	var key strings.Builder
	for i, v := range t.All() {
		if isKey && !r.Columns[i].Key {
			continue
		}
		if v.Kind == changes.Unchanged {
			if whole.IsZero() {
				img.incomplete = true
				continue
			}
			v = whole.Value(i)
		}
		var text *string
		if v.Kind == changes.Text {
			s := string(v.Text)
			text = &s
		}
		columns, row = append(columns, i), append(row, text)
		key.WriteString(strconv.Itoa(i) + ",")
	}
	k := setKey{r, key.String()}
	set := b.sets[k]
	if set == nil {
		set = &imageSet{relation: r, columns: columns, answers: map[caller]*answer{}}
		b.sets[k] = set
	}
	set.rows = append(set.rows, row)
	img.set, img.n = set, len(set.rows)
	return img
}

// notice tells channels, each once, that they can't rely on having heard all.
func (h *Hub) notice(list []*channel, text string) {
	told := map[*channel]struct{}{}
	for _, ch := range list {
		if _, done := told[ch]; done || ch.client.channel(ch.wire) != ch {
			continue
		}
		told[ch] = struct{}{}
		ch.client.system(ch, extensionChanges, statusError, text)
	}
}

func channelsOf(list []*binding) []*channel {
	all := make([]*channel, len(list))
	for i, b := range list {
		all[i] = b.ch
	}
	return all
}
