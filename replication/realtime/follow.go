package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// change is an event that somebody may want to hear of.
type change struct {
	tx       *changes.Transaction
	n        int // among its events
	relation *changes.Relation
	event    string // as clients say it
	// notice is said instead of the change, which can't be told.
	notice string
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
	// answers are what each caller may see of it, by who it is; texts are their parts, so
	// that who sees the same has the same. mu guards both while they come.
	mu      sync.Mutex
	answers map[caller]*answer
	texts   map[string]json.RawMessage
	// plans are what decides otherwise, by role; nil where answers do.
	plans  map[string]*plan
	places map[*plan][]int // of what a plan reads, in rows
	last   struct {        // that was read
		plan *plan
		n    int
		row  []value
	}
	rendered map[*plan]*rendering
	found    map[*plan][]*decision // by the number of the row
}

// maxChanges and maxTransactions bound a batch; while it is worked on, the next waits in
// the ring.
const (
	maxTransactions = 100
	maxChanges      = 1000
)

// idleEvery is how often clients' places move on while nothing comes for them.
const idleEvery = time.Second

// follow tells clients of changes until ctx ends.
func (h *Hub) follow(ctx context.Context) {
	sub := h.sub
	defer sub.Close()
	now, cancel := context.WithCancel(ctx)
	cancel()
	for {
		b := newBatch((*channel).putChange)
		sofar := h.Source.State().Position
		// The first is waited for; with it comes what is there already.
		idle, wake := context.WithTimeout(ctx, idleEvery)
		tx, err := sub.Next(idle)
		wake()
		for n := 0; err == nil; n++ {
			sofar = tx.Position()
			h.note(tx) // before who reads the ring up to there decides about it
			h.reached.reach(after(tx))
			h.collect(b, tx)
			if n == maxTransactions || len(b.changes) >= maxChanges {
				break
			}
			tx, err = sub.Next(now)
		}
		h.tell(ctx, b)
		h.tellVisibility(ctx)
		var gap *changes.Gap
		switch {
		case errors.As(err, &gap):
			h.ForgetPolicies()
			at := place{gap.From, whole}
			h.reached.reach(at)
			h.marks.reset(gap.From)
			if gap.Reason != changes.Started {
				b.notice(channelsOf(h.bindings.all()), missing(gap), anyTable, at)
			}
		case ctx.Err() != nil || errors.Is(err, changes.ErrClosed):
			return
		default:
			// Of what was received before nothing was left to wait for.
			h.told.reach(place{sofar, whole})
			if h.marks.add(sofar) {
				h.ask(place{sofar, whole})
			}
		}
	}
}

// ask has all clients confirm what they were told.
func (h *Hub) ask(at place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for c := range h.clients {
		c.ask(at, now)
	}
}

// missing says what a gap means for who listens.
func missing(gap *changes.Gap) string {
	return "Changes may be missing (" + string(gap.Reason) + "); read the tables again"
}

// batch is what is worked on together.
type batch struct {
	// put sends a frame to a channel.
	put     func(ch *channel, f frame, at place)
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

func newBatch(put func(*channel, frame, place)) *batch {
	return &batch{put: put, sets: map[setKey]*imageSet{}, xids: map[uint32]struct{}{}, unsure: map[*change][]*channel{}}
}

// eventNames are those that clients can ask for; a truncate concerns all.
var eventNames = map[changes.Op]string{changes.Insert: "INSERT", changes.Update: "UPDATE", changes.Delete: "DELETE"}

// collect adds what of a transaction anybody listens to.
func (h *Hub) collect(b *batch, tx *changes.Transaction) {
	for i := range tx.Touched {
		if r := tx.Touched[i].Relation; r != nil {
			b.tooMany(tx, r, h.bindings.of(r.Table))
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
			b.truncated(tx, i, h.bindings.of(e.Relation.Table))
			continue
		}
		row := logged(e)
		met := h.bindings.met(&row)
		if met == nil {
			continue
		}
		b.add(&change{tx: tx, n: i, relation: e.Relation, event: eventNames[e.Op], live: true, met: met}, &row)
	}
}

func (b *batch) add(c *change, row *loggedRow) {
	if e := &c.tx.Events[c.n]; e.Op == changes.Update && !e.Old.IsZero() {
		c.old = b.image(e.Relation, e.Old, changes.Tuple{}, e.OldIsKey)
	}
	c.row = b.image(c.relation, row.tuple, row.whole, row.isKey)
	b.changes = append(b.changes, c)
	b.xids[c.tx.XID] = struct{}{}
}

func (b *batch) tooMany(tx *changes.Transaction, r *changes.Relation, wanted []*binding) {
	b.changes = append(b.changes, &change{
		tx: tx, n: whole, relation: r, wanted: wanted,
		notice: "Too many changes of " + r.Schema + "." + r.Name + " in one transaction; read the table again",
	})
}

func (b *batch) truncated(tx *changes.Transaction, n int, wanted []*binding) {
	r := tx.Events[n].Relation
	b.changes = append(b.changes, &change{
		tx: tx, n: n, relation: r, wanted: wanted, notice: r.Schema + "." + r.Name + " was truncated; read the table again",
	})
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

// notice tells channels, each once, that they can't rely on having heard all of a table:
// who reads it after this message has all up to it.
func (b *batch) notice(list []*channel, text string, table changes.Table, at place) {
	told := map[*channel]struct{}{}
	for _, ch := range list {
		if _, done := told[ch]; done || ch.client.channel(ch.wire) != ch {
			continue
		}
		told[ch] = struct{}{}
		b.put(ch, frame{data: ch.resync(text, table, at)}, at)
	}
}

func channelsOf(list []*binding) []*channel {
	all := make([]*channel, len(list))
	for i, b := range list {
		all[i] = b.ch
	}
	return all
}
