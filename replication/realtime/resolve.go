package realtime

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// ddlPrefix is that of messages that tell of changes of the schema. A forged one costs
// a look at the catalog.
const ddlPrefix = "fluxbase.ddl"

// note learns from a transaction what decisions depend on, before any is made about
// what came after it.
func (h *Hub) note(tx *changes.Transaction) {
	forget, touched := false, false
	for _, t := range tx.Touched {
		if t.Relation == nil {
			forget = true // perhaps a change of the schema
			continue
		}
		for _, p := range h.planner.reads[t.Relation.OID] {
			h.decisions.forget(p)
			h.visibility.note(p, "")
			touched = true
		}
	}
	for i := range tx.Events {
		e := &tx.Events[i]
		if e.Relation == nil {
			forget = forget || e.Op == changes.Message && e.Prefix == ddlPrefix
			continue
		}
		for _, p := range h.planner.reads[e.Relation.OID] {
			touched = true
			for i, t := range p.tables {
				if t.OID == e.Relation.OID {
					h.decisions.touch(p, i, e)
					h.visibility.touch(p, t, e)
				}
			}
		}
	}
	if forget {
		for k, p := range h.planner.plans {
			h.visibility.before[k] = p
		}
		h.forget()
		h.planner.promote()
	}
	if forget || touched {
		h.planner.noteUnseen(tx.XID)
	}
}

// ForgetPolicies has policies be read anew, after a change that the stream does not tell.
func (h *Hub) ForgetPolicies() { h.planner.stale.Store(true) }

// resolve finds out whom each change of a batch may concern: by plans those who may see
// it, and all others who listen, for whom realtime.see is then asked.
func (h *Hub) resolve(ctx context.Context, b *batch) {
	if h.planner.stale.Swap(false) {
		h.forget()
		h.claims.swept = time.Time{} // somebody may have been refused
	}
	if h.Announced == nil || !h.Announced() {
		h.forget()
	}
	sets := b.live()
	for _, set := range sets {
		roles := map[string]struct{}{}
		h.audience.roles(set.relation.Table, roles)
		set.plans = make(map[string]*plan, len(roles))
		for role := range roles {
			set.plans[role] = h.plan(ctx, set, role)
		}
	}
	h.audience.mu.RLock()
	for _, set := range sets {
		for _, p := range set.plans {
			if p != nil {
				p.follow(&h.audience, set.relation.Table)
			}
		}
	}
	h.audience.mu.RUnlock()
	h.decide(ctx, sets)
	maps.Copy(b.xids, h.planner.unseen)

	h.audience.mu.RLock()
	defer h.audience.mu.RUnlock()
	for _, c := range b.changes {
		if c.live {
			h.resolveChange(c)
		}
	}
}

// maxFiltered is how many bindings may be looked at because a row meets their filters,
// where a policy can name those who may see it.
const maxFiltered = 1000

// resolveChange finds those with a filter by their filters, all others by policies. The
// caller holds the audience.
func (h *Hub) resolveChange(c *change) {
	set := c.row.set
	filtered := map[string]struct{}{}
	for role, p := range set.plans {
		if !p.decides() {
			h.metrics.bySee.Inc()
			h.audience.wantsPlain(c, role, nil)
			filtered[role] = struct{}{}
			continue
		}
		if p.root != nil {
			h.metrics.byPlan.Inc()
		} else {
			h.metrics.byCache.Inc()
		}
		if !set.tells(p) && c.event != "DELETE" {
			h.audience.wantsPlain(c, role, nil)
			filtered[role] = struct{}{}
			continue
		}
		take := h.audience.wants
		if c.met.bindings <= maxFiltered || p.root != nil && !p.root.keyed {
			filtered[role] = struct{}{}
			take = func(c *change, who *party) { h.audience.wantsPlain(c, role, who) }
			if !h.audience.plain(c.relation.Table, role) {
				continue
			}
		}
		for who := range p.odd {
			take(c, who)
		}
		switch {
		case !set.tells(p):
		case p.root != nil:
			p.find(set.read(p, c.row.n), func(who *party) { take(c, who) })
		default:
			for _, id := range set.found[p][c.row.n].ids {
				if who := h.claims.ids[id]; who != nil {
					take(c, who)
				}
			}
		}
	}
	c.wanted = h.bindings.filtered(c.wanted, c.met, c.event, filtered)
}

// live gives the sets of changes that are told as they come.
func (b *batch) live() (list []*imageSet) {
	done := map[*imageSet]struct{}{}
	for _, c := range b.changes {
		for _, img := range []*image{c.row, c.old} {
			if !c.live || img == nil {
				continue
			}
			if _, is := done[img.set]; !is {
				done[img.set] = struct{}{}
				list = append(list, img.set)
			}
		}
	}
	return list
}

// plan gives how a role's rights to a set are decided; nil if realtime.see must be asked.
func (h *Hub) plan(ctx context.Context, set *imageSet, role string) *plan {
	if h.Announced == nil || !h.Announced() {
		return nil
	}
	k := planKey{set.relation.OID, role}
	if _, is := h.planner.demoted[k]; is {
		return nil
	}
	p := h.planner.plans[k]
	if p == nil {
		var err error
		if p, err = h.compile(ctx, set.relation.Table, k); err != nil {
			h.Log.Warn("policies could not be read", "table", set.relation.Name, "role", role, "error", err)
			return nil
		}
		h.planner.plans[k] = p
	}
	if len(p.tables) > 0 && h.planner.xmin.Load() < p.made {
		return nil
	}
	if !p.fits(set) {
		return nil
	}
	return p
}

// fits is false for rows of before a type was changed, which have the texts of another.
func (p *plan) fits(set *imageSet) bool {
	return !slices.ContainsFunc(set.columns, func(i int) bool {
		column := set.relation.Columns[i]
		now := p.columns[column.Name]
		return now != nil && now.OID != column.Type
	})
}

// saw learns from a snapshot which transactions have ended.
func (pl *planner) saw(snapshot string) {
	lo, _, _ := strings.Cut(snapshot, ":")
	if xmin, err := strconv.ParseUint(lo, 10, 64); err == nil && xmin > pl.xmin.Load() {
		pl.xmin.Store(xmin) // a lost race costs a moment more of asking
	}
}

// decides tells whether a plan can do without realtime.see.
func (p *plan) decides() bool { return p != nil && (p.root != nil || p.statement != "") }

// tells tells whether the log has what a plan reads.
func (s *imageSet) tells(p *plan) bool {
	return !slices.ContainsFunc(p.reads, func(name string) bool { return !s.has(name) })
}

// read gives the values that a plan reads of row n.
func (s *imageSet) read(p *plan, n int) []value {
	at := s.places[p]
	if at == nil {
		at = make([]int, len(p.reads))
		for i, name := range p.reads {
			at[i] = slices.IndexFunc(s.columns, func(c int) bool { return s.relation.Columns[c].Name == name })
		}
		if s.places == nil {
			s.places = map[*plan][]int{}
		}
		s.places[p] = at
	}
	if s.last.plan == p && s.last.n == n {
		return s.last.row // for one reader after the other
	}
	row := make([]value, len(at))
	for i, place := range at {
		if text := s.rows[n-1][place]; text != nil {
			row[i] = value{*text, true}
		}
	}
	s.last.plan, s.last.n, s.last.row = p, n, row
	return row
}

// verdict is whether somebody may see a row.
type verdict byte

const (
	hidden verdict = iota
	seen
	undecided // a policy asks for a value that the log lacks
	failed    // nobody could be asked
)

// look tells whether a channel may see a row, and as what. Whoever got answers of
// realtime.see goes by them.
func (img *image) look(ch *channel) (v verdict, columns, row json.RawMessage) {
	who := ch.who.Load()
	if a := img.set.answers[caller{who.Role, who.Claims}]; a != nil {
		switch {
		case a.failed:
			return failed, nil, nil
		case a.undecided:
			return undecided, nil, nil
		}
		row, is := a.rows[img.n]
		if !is {
			return hidden, nil, nil
		}
		return seen, a.columns, row
	}
	p, s := img.set.seat(ch)
	switch {
	case s == nil:
		return failed, nil, nil // came under another token meanwhile
	case !img.set.tells(p):
		return undecided, nil, nil
	case !img.set.shows(p, img.n, s):
		return hidden, nil, nil
	}
	r := img.set.rendered[p]
	switch {
	case r.failed:
		return failed, nil, nil
	case len(r.place) == 0:
		return hidden, nil, nil
	}
	return seen, r.columns, r.row(img.set, img.n)
}

// shows tells whether row n is one for a seat.
func (s *imageSet) shows(p *plan, n int, at *seat) bool {
	if p.root != nil {
		return p.root.eval(s.read(p, n), at.claims).isTrue()
	}
	return at.party.id != 0 && s.found[p][n].has(at.party.id)
}

// seat is the place of a channel in the plan that decides for it, if one does.
func (s *imageSet) seat(ch *channel) (*plan, *seat) {
	who := ch.party.Load()
	if who == nil {
		return nil, nil
	}
	p := s.plans[who.role]
	if !p.decides() {
		return nil, nil
	}
	if found := p.seats[who]; found != nil && found.exact {
		return p, found
	}
	return nil, nil
}

// refuse has a caller for whom a policy raised be asked for by itself from now on.
func (h *Hub) refuse(c caller) {
	h.audience.mu.RLock()
	p := h.audience.parties[c]
	h.audience.mu.RUnlock()
	if p != nil && !p.refused.Swap(true) {
		h.ForgetPolicies()
	}
}
