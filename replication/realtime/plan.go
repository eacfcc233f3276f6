package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

// plan is how is decided which rows of a table a role may see. It belongs to the
// goroutine that follows the stream, and ends with the next change of the schema.
type plan struct {
	role    string
	table   changes.Table
	text    []byte // as it was compiled
	columns map[string]*planColumn
	reads   []string // the columns that policies ask for
	root    *node    // nil: only realtime.see can tell
	claims  []claim
	// statement finds who of the registered claims may see rows, where there is no root.
	statement string
	tables    []*dependency // that it reads
	decided   map[string]*decision
	// made is the next transaction's number when the plan was made. Before all earlier
	// ones have ended, the stream may lack what they did to tables that it follows only
	// since then.
	made uint64
	// fresh are those who may not be registered yet.
	fresh []*party
	// keys are the claims by which the people of a row are found.
	keys []int

	seats map[*party]*seat
	odd   map[*party]struct{}             // those of seats that are not exact
	by    []map[string]map[*seat]struct{} // seats by the value of each of keys
	at    map[changes.Table]follower      // how far the crowds are known
	round int
}

// follower is a place in the log of a crowd.
type follower struct {
	crowd *crowd
	at    int
}

// planColumn is a column as the catalog has it.
type planColumn struct {
	Name    string
	Type    string
	OID     uint32
	Granted bool
	Form    string
}

// seat is what a plan knows of a party.
type seat struct {
	party  *party
	crowds int // in how many it is
	claims []value
	// exact is not set where only Postgres knows what the claims mean.
	exact bool
	round int
}

// planKey tells plans apart. A new oid is a new table.
type planKey struct {
	rel  uint32
	role string
}

// planner holds the plans that are known to be current.
type planner struct {
	plans map[planKey]*plan
	stale atomic.Bool
	// reads are the plans that read a table, by its oid.
	reads map[uint32][]*plan

	// mu guards what who tells of earlier changes reads too; the goroutine that follows
	// the stream, which alone writes it, reads it without.
	mu sync.Mutex
	// unseen are transactions that changed what plans are made of, and may not be
	// visible yet.
	unseen map[uint32]struct{}
	// demoted are plans that were found to be wrong, until the next change of the schema.
	demoted map[planKey]struct{}
	// texts are what current plans were made of, and of those that were made apart; era
	// counts how often all were forgotten.
	texts map[planKey][]byte
	era   int

	// xmin is the oldest transaction that any snapshot has shown to be under way.
	xmin atomic.Uint64
}

// forget has all plans made anew.
func (h *Hub) forget() {
	for _, p := range h.planner.plans {
		h.decisions.forget(p)
	}
	clear(h.planner.plans)
	clear(h.planner.reads)
	h.planner.mu.Lock()
	defer h.planner.mu.Unlock()
	clear(h.planner.texts)
	h.planner.era++
}

// noteUnseen notes a transaction that changed what plans are made of.
func (pl *planner) noteUnseen(xid uint32) {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	pl.unseen[xid] = struct{}{}
}

// sawAll says that an answer has come from behind the fence.
func (pl *planner) sawAll() {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	clear(pl.unseen)
}

// demote has a plan not be used until the next change of the schema, which promotes all.
func (pl *planner) demote(k planKey) {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	pl.demoted[k] = struct{}{}
}

func (pl *planner) promote() {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	clear(pl.demoted)
}

const compileSQL = `select pg_current_snapshot()::text, realtime.compile_policy($1, $2)::text, pg_snapshot_xmax(pg_current_snapshot())::text`

// compile asks for a plan.
func (h *Hub) compile(ctx context.Context, t changes.Table, k planKey) (*plan, error) {
	text, made, err := h.askPlan(ctx, k, h.planner.unseen)
	if err != nil {
		return nil, err
	}
	h.planner.sawAll()
	p, err := newPlan(k.role, text)
	if err != nil {
		return nil, err
	}
	p.table = t
	p.made, err = strconv.ParseUint(made, 10, 64)
	for _, t := range p.tables {
		h.planner.reads[t.OID] = append(h.planner.reads[t.OID], p)
	}
	h.planner.mu.Lock()
	defer h.planner.mu.Unlock()
	h.planner.texts[k] = text
	return p, err
}

// askPlan asks behind the fence what a plan is made of, and for the next transaction's
// number then.
func (h *Hub) askPlan(ctx context.Context, k planKey, unseen map[uint32]struct{}) (text []byte, made string, err error) {
	ctx, cancel := context.WithTimeout(ctx, seeTimeout)
	defer cancel()
	values, err := h.behindFence(ctx, h.Anon, unseen, &pg.Tx{
		SearchPath: searchPath, Mode: pg.ReadOnly,
		Main: pg.Statement{SQL: compileSQL, Args: [][]byte{strconv.AppendUint(nil, uint64(k.rel), 10), []byte(k.role)}},
	})
	if err != nil {
		return nil, "", err
	}
	if len(values) != 2 {
		return nil, "", errors.New("realtime.compile_policy is not that of this release")
	}
	return values[0], string(values[1]), nil
}

func newPlan(role string, text []byte) (*plan, error) {
	var j struct {
		Columns   []*planColumn
		Reads     []string
		Condition *jsonNode
		Statement *string
		Tables    []*dependency
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, err
	}
	p := &plan{
		role: role, text: text, columns: map[string]*planColumn{}, reads: j.Reads,
		seats: map[*party]*seat{}, odd: map[*party]struct{}{}, at: map[changes.Table]follower{},
	}
	for _, c := range j.Columns {
		p.columns[c.Name] = c
	}
	if j.Condition == nil && j.Statement != nil {
		p.statement, p.decided = *j.Statement, map[string]*decision{}
		// One for each table and key: policies may read the same.
		for _, t := range j.Tables {
			if !slices.ContainsFunc(p.tables, func(d *dependency) bool { return d.OID == t.OID && d.Key == t.Key && d.Of == t.Of && d.Who == t.Who }) {
				p.tables = append(p.tables, t)
			}
		}
		for _, t := range p.tables {
			t.by = map[value]map[*decision]struct{}{}
		}
		// What is registered has to be read as a claim.
		p.claims, p.keys, p.by = []claim{{[]string{"sub"}, "uuid"}}, []int{0}, []map[string]map[*seat]struct{}{{}}
	}
	if j.Condition == nil {
		return p, nil
	}
	var err error
	if p.root, err = p.build(j.Condition); err != nil {
		return nil, err
	}
	found := map[int]struct{}{}
	p.root.keys(found)
	for i := range p.claims {
		if _, is := found[i]; is {
			p.keys = append(p.keys, i)
			p.by = append(p.by, map[string]map[*seat]struct{}{})
		}
	}
	return p, nil
}

// follow learns who came and went. The caller holds the audience.
func (p *plan) follow(a *audience, t changes.Table) {
	keys := keysOf(t)
	for _, k := range keys {
		c, f := a.crowds[k][p.role], p.at[k]
		if c != f.crowd || c != nil && f.at < c.base {
			clear(p.seats)
			p.fresh = p.fresh[:0]
			clear(p.odd)
			for _, m := range p.by {
				clear(m)
			}
			for _, k := range keys {
				c := a.crowds[k][p.role]
				if p.at[k] = (follower{crowd: c}); c == nil {
					continue
				}
				p.at[k] = follower{c, c.base + len(c.log)}
				for party := range c.bindings {
					p.sit(party)
				}
			}
			return
		}
	}
	for _, k := range keys {
		f := p.at[k]
		if f.crowd == nil {
			continue
		}
		for _, v := range f.crowd.log[f.at-f.crowd.base:] {
			if v.came {
				p.sit(v.party)
			} else {
				p.leave(v.party)
			}
		}
		p.at[k] = follower{f.crowd, f.crowd.base + len(f.crowd.log)}
	}
}

func (p *plan) sit(who *party) {
	s := p.seats[who]
	if s == nil {
		s = &seat{party: who}
		s.claims, s.exact = p.readClaims(who.claims)
		if p.statement != "" {
			s.exact = s.exact && !who.refused.Load()
			p.fresh = append(p.fresh, who)
		}
		p.seats[who] = s
		if !s.exact {
			p.odd[who] = struct{}{}
		}
		p.index(s, func(m map[string]map[*seat]struct{}, key string) {
			if m[key] == nil {
				m[key] = map[*seat]struct{}{}
			}
			m[key][s] = struct{}{}
		})
	}
	s.crowds++
}

func (p *plan) leave(who *party) {
	s := p.seats[who]
	if s.crowds--; s.crowds > 0 {
		return
	}
	delete(p.seats, who)
	delete(p.odd, who)
	p.index(s, func(m map[string]map[*seat]struct{}, key string) {
		if delete(m[key], s); len(m[key]) == 0 {
			delete(m, key)
		}
	})
}

// index has do applied to each place where a seat is found.
func (p *plan) index(s *seat, do func(m map[string]map[*seat]struct{}, key string)) {
	if !s.exact {
		return
	}
	for i, place := range p.keys {
		if v := s.claims[place]; v.set {
			do(p.by[i], v.text)
		}
	}
}

// find yields the parties that may see a row.
func (p *plan) find(row []value, yield func(*party)) {
	p.round++
	p.candidates(p.root, row, func(s *seat) {
		if s.exact && s.round != p.round {
			s.round = p.round
			if p.root.eval(row, s.claims).isTrue() {
				yield(s.party)
			}
		}
	})
}

// candidates yields at least those for whom n may hold, some more than once.
func (p *plan) candidates(n *node, row []value, yield func(*seat)) {
	switch {
	case n.rowOnly:
		if !n.eval(row, nil).isTrue() {
			return
		}
	case n.op == equalNode && n.keyed:
		if v := n.args[0].eval(row, nil); v.set {
			i := slices.Index(p.keys, n.args[1].place)
			for s := range p.by[i][v.text] {
				yield(s)
			}
		}
		return
	case n.op == orNode && n.keyed:
		for _, arg := range n.args {
			p.candidates(arg, row, yield)
		}
		return
	case n.op == andNode:
		var best *node
		for _, arg := range n.args {
			if arg.rowOnly && !arg.eval(row, nil).isTrue() {
				return
			}
			if arg.keyed {
				best = arg
			}
		}
		if best != nil {
			p.candidates(best, row, yield)
			return
		}
	}
	for _, s := range p.seats {
		yield(s)
	}
}
