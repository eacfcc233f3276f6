package realtime

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// replays tells channels of earlier changes. After a crash hundreds come back at about the
// same place: who waits there is told together, part by part of the ring, so that who may
// see it is decided once for all. Each then hears of its part at its own pace. Meanwhile
// those who wait for another part of the same tables come together.
type replays struct {
	hub *Hub

	mu      sync.Mutex
	waiting []*reader // in the order they came
	running []string  // the tables of parts that are worked on
}

// reader is a channel that waits to be told of the changes between two places.
type reader struct {
	ch        *channel
	tables    string // that it listens to
	since, to place
	// Set when done is closed: told is what the part has for it, up to since, which is the
	// last if end is set. gap is why nothing can be told.
	told []waiting
	end  bool
	gap  *changes.Gap
	done chan struct{}
}

// part of the ring, up to a place, and who is told of it.
type part struct {
	transactions []*changes.Transaction
	to           place
	readers      []*reader
	bindings     map[changes.Table][][]*binding // of the readers
}

const (
	// maxReplays bounds how many parts are worked on at once, each of other tables, so that
	// after a reconnection of all the database still answers others.
	maxReplays = 3
	// maxReaders share a part.
	maxReaders = 500
	// maxReplayed and maxReplayBytes bound a part, and maxToldBytes what is told of it to
	// all of its readers together.
	maxReplayed    = 1000
	maxReplayBytes = 1 << 20
	maxToldBytes   = 32 << 20
)

// tables is what a channel listens to as a text.
func (ch *channel) tables() string {
	var list []string
	for _, b := range ch.bindings {
		k := b.key()
		list = append(list, k.Schema+"\x00"+k.Name)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), "\x00\x00")
}

// read waits until a reader has got its part; false if ctx ends before.
func (rs *replays) read(ctx context.Context, r *reader) bool {
	rs.mu.Lock()
	rs.waiting = append(rs.waiting, r)
	rs.start()
	rs.mu.Unlock()
	select {
	case <-r.done:
		return true
	case <-ctx.Done():
		rs.mu.Lock()
		defer rs.mu.Unlock()
		rs.waiting = slices.DeleteFunc(rs.waiting, func(other *reader) bool { return other == r })
		return false
	}
}

// start begins with what waits, as far as there is room. The caller holds rs.mu.
func (rs *replays) start() {
	for len(rs.running) < maxReplays {
		i := slices.IndexFunc(rs.waiting, func(r *reader) bool { return !slices.Contains(rs.running, r.tables) })
		if i < 0 {
			return
		}
		first := rs.waiting[i]
		p, gap := rs.next(first)
		rs.waiting = slices.DeleteFunc(rs.waiting, func(r *reader) bool { return slices.Contains(p.readers, r) })
		if gap != nil {
			first.gap = gap
			close(first.done)
			continue
		}
		rs.running = append(rs.running, first.tables)
		go func() {
			p.tell(rs.hub)
			rs.mu.Lock()
			defer rs.mu.Unlock()
			rs.running = slices.DeleteFunc(rs.running, func(tables string) bool { return tables == first.tables })
			rs.start()
		}()
	}
}

// next is the part for who came first: from where the rearmost stands if that reaches as
// far, so that those in between come together.
func (rs *replays) next(first *reader) (*part, *changes.Gap) {
	rear := first
	for _, r := range rs.waiting {
		if first.isWith(r) && rear.since.isAfter(r.since) {
			rear = r
		}
	}
	if rear != first {
		if p, gap := rs.part(rear); gap == nil && slices.Contains(p.readers, first) {
			return p, nil
		}
	}
	return rs.part(first)
}

// isWith tells whether two may share a part if they stand near each other.
func (r *reader) isWith(other *reader) bool {
	return r.tables == other.tables && r.since.Epoch == other.since.Epoch && r.to.Epoch == other.to.Epoch
}

// part takes from the ring what is next for a reader, for all who stand there. A gap is
// for that one alone.
func (rs *replays) part(first *reader) (*part, *changes.Gap) {
	p := &part{readers: []*reader{first}, to: first.to, bindings: map[changes.Table][][]*binding{}}
	var near []*reader
	for _, r := range rs.waiting {
		if r != first && first.isWith(r) && !first.since.isAfter(r.since) && len(near) < maxReaders-1 {
			near = append(near, r)
			if r.to.isAfter(p.to) {
				p.to = r.to
			}
		}
	}
	want := first.ch.want()
	count, size := 0, 0
	err := rs.hub.Source.Read(want, first.since.from(), func(tx *changes.Transaction) bool {
		switch {
		case after(tx).isAfter(p.to):
			return false
		case count >= maxReplayed || size >= maxReplayBytes || size*(1+len(near)) >= maxToldBytes:
			p.to = after(p.transactions[len(p.transactions)-1])
			return false
		}
		p.transactions = append(p.transactions, tx)
		for i := range tx.Events {
			if want.Has(&tx.Events[i]) {
				count++
				size += len(tx.Events[i].New.Bytes())
			}
		}
		return true
	})
	var gap *changes.Gap
	if errors.As(err, &gap) {
		return p, gap
	}
	for _, r := range near {
		if p.to.isAfter(r.since) {
			p.readers = append(p.readers, r)
		}
	}
	return p, nil
}

// tell finds out what the part has for each of its readers. It has no context: clients may
// go meanwhile, but not all of them do.
func (p *part) tell(h *Hub) {
	ctx := context.Background()
	by := make(map[*channel]*reader, len(p.readers))
	for _, r := range p.readers {
		by[r.ch] = r
	}
	b := newBatch(func(ch *channel, f frame, at place) {
		r := by[ch]
		r.told = append(r.told, waiting{f, at})
	})
	for _, tx := range p.transactions {
		p.collect(b, tx)
	}
	h.resolveAgain(ctx, b, p.readers)
	h.tell(ctx, b)
	for _, r := range p.readers {
		r.since, r.end = p.to, !r.to.isAfter(p.to)
		close(r.done)
	}
}

// collect adds what of a transaction the readers listen to.
func (p *part) collect(b *batch, tx *changes.Transaction) {
	type active struct{ reader, first int } // who is to hear of it, from which event on
	var list []active
	for i, r := range p.readers {
		switch at := after(tx); {
		case !at.isAfter(r.since), at.isAfter(r.to):
		case tx.Position() == r.since.Position && r.since.n != whole:
			list = append(list, active{i, r.since.n + 1})
		default:
			list = append(list, active{i, 0})
		}
	}
	wanted := func(t changes.Table, n int, event string) (all []*binding) {
		bindings := p.bindingsOf(t)
		for _, a := range list {
			for _, w := range bindings[a.reader] {
				if n >= a.first && (event == "" || w.hears(event)) {
					all = append(all, w)
				}
			}
		}
		return all
	}
	for i := range tx.Touched {
		if r := tx.Touched[i].Relation; r != nil {
			b.tooMany(tx, r, wanted(r.Table, whole, ""))
		}
	}
	for i := range tx.Events {
		e := &tx.Events[i]
		if e.Relation == nil {
			continue
		}
		name := eventNames[e.Op]
		switch list := wanted(e.Relation.Table, i, name); {
		case len(list) == 0:
		case e.Op == changes.Truncate:
			b.truncated(tx, i, list)
		default:
			row := logged(e)
			b.add(&change{tx: tx, n: i, relation: e.Relation, event: name, wanted: list}, &row)
		}
	}
}

// bindingsOf returns what each reader has of a table.
func (p *part) bindingsOf(t changes.Table) [][]*binding {
	list := p.bindings[t]
	if list == nil {
		for _, r := range p.readers {
			list = append(list, r.ch.bindingsOf(t))
		}
		p.bindings[t] = list
	}
	return list
}

// resolveAgain has policies that ask for nothing but the row and claims decided here. What
// the others are asked is behind what they are known to read.
func (h *Hub) resolveAgain(ctx context.Context, b *batch, readers []*reader) {
	roles := map[string]map[*party]struct{}{}
	for _, r := range readers {
		if who := r.ch.party.Load(); who != nil {
			if roles[who.role] == nil {
				roles[who.role] = map[*party]struct{}{}
			}
			roles[who.role][who] = struct{}{}
		}
	}
	plans := map[planKey]*plan{}
	for _, set := range b.sets {
		set.plans = map[string]*plan{}
		for role, parties := range roles {
			k := planKey{set.relation.OID, role}
			p, known := plans[k]
			if !known {
				p = h.planApart(ctx, set.relation.Table, k)
				plans[k] = p
				if p != nil {
					for who := range parties {
						p.sit(who)
					}
				}
			}
			if p != nil && p.fits(set) {
				set.plans[role] = p
			}
		}
	}
	h.planner.mu.Lock()
	defer h.planner.mu.Unlock()
	maps.Copy(b.xids, h.planner.unseen)
}

// planApart gives a plan to whom those of the goroutine that follows the stream don't
// belong. It knows what that has noted, which is all up to where anybody reads the ring.
// nil if realtime.see must be asked.
func (h *Hub) planApart(ctx context.Context, t changes.Table, k planKey) *plan {
	if h.Announced == nil || !h.Announced() {
		return nil
	}
	pl := &h.planner
	pl.mu.Lock()
	_, demoted := pl.demoted[k]
	text, era, unseen := pl.texts[k], pl.era, maps.Clone(pl.unseen)
	pl.mu.Unlock()
	if demoted {
		return nil
	}
	if stale := pl.stale.Load(); text == nil || stale {
		var err error
		if text, _, err = h.askPlan(ctx, k, unseen); err != nil {
			h.Log.Warn("policies could not be read", "table", t.Name, "role", k.role, "error", err)
			return nil
		}
		pl.mu.Lock()
		if pl.era == era && !stale {
			pl.texts[k] = text
		}
		pl.mu.Unlock()
	}
	p, err := newPlan(k.role, text)
	if err != nil || p.root == nil {
		return nil
	}
	p.table = t
	return p
}
