package realtime

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// party are all who are the same to policies: channels with one role and claims.
type party struct {
	caller
	// id is the number under which Postgres knows it, for the goroutine that follows the
	// stream.
	id int64
	// refused is set when a policy raised for it: it is then asked for by itself, so
	// that nobody else is kept from an answer.
	refused atomic.Bool

	// Guarded by audience.mu. A party without channels is kept for a while in case it
	// comes back.
	channels int
	left     time.Time
	known    bool // to Postgres
}

// crowd are the parties of a role that listen to a table, or to any of a schema.
type crowd struct {
	bindings map[*party]map[*binding]struct{}
	// plain are those of bindings without a filter.
	plain map[*party]map[*binding]struct{}
	// log tells who came and went since entry number base, for indexes to follow.
	log  []visit
	base int
}

type visit struct {
	party *party
	came  bool
}

// maxVisits are remembered; an index that is further behind is built anew.
const maxVisits = 10_000

// audience is who listens to what, by what decides whether they may hear it.
type audience struct {
	mu      sync.RWMutex
	parties map[caller]*party
	crowds  map[changes.Table]map[string]*crowd // by what bindings name, then by role
}

// admit counts a channel in under the identity that it has.
func (a *audience) admit(ch *channel, list []*binding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(ch, list)
}

func (a *audience) add(ch *channel, list []*binding) {
	if len(list) == 0 {
		return
	}
	who := ch.who.Load()
	as := caller{who.Role, who.Claims}
	p := a.parties[as]
	if p == nil {
		p = &party{caller: as}
		a.parties[as] = p
	}
	p.channels++
	ch.party.Store(p)
	for _, b := range list {
		roles := a.crowds[b.key()]
		if roles == nil {
			roles = map[string]*crowd{}
			a.crowds[b.key()] = roles
		}
		c := roles[as.role]
		if c == nil {
			c = &crowd{bindings: map[*party]map[*binding]struct{}{}, plain: map[*party]map[*binding]struct{}{}}
			roles[as.role] = c
		}
		if c.bindings[p] == nil {
			c.bindings[p] = map[*binding]struct{}{}
			c.note(p, true)
		}
		c.bindings[p][b] = struct{}{}
		if b.filter != nil {
			continue
		}
		if c.plain[p] == nil {
			c.plain[p] = map[*binding]struct{}{}
		}
		c.plain[p][b] = struct{}{}
	}
}

// dismiss undoes admit; of a channel that was not admitted it does nothing.
func (a *audience) dismiss(ch *channel, list []*binding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remove(ch, list)
}

// rename has a channel listen as somebody else, if it listens; no change finds it absent.
func (a *audience) rename(ch *channel, who *identity) {
	a.mu.Lock()
	defer a.mu.Unlock()
	listens := ch.party.Load() != nil
	a.remove(ch, ch.bindings)
	ch.who.Store(who)
	if listens {
		a.add(ch, ch.bindings)
	}
}

func (a *audience) remove(ch *channel, list []*binding) {
	p := ch.party.Swap(nil)
	if p == nil {
		return
	}
	for _, b := range list {
		roles := a.crowds[b.key()]
		c := roles[p.role]
		delete(c.bindings[p], b)
		if delete(c.plain[p], b); len(c.plain[p]) == 0 {
			delete(c.plain, p)
		}
		if len(c.bindings[p]) > 0 {
			continue
		}
		delete(c.bindings, p)
		c.note(p, false)
		if len(c.bindings) == 0 {
			delete(roles, p.role)
		}
		if len(roles) == 0 {
			delete(a.crowds, b.key())
		}
	}
	if p.channels--; p.channels == 0 {
		if p.left = time.Now(); !p.known {
			delete(a.parties, p.caller)
		}
	}
}

func (c *crowd) note(p *party, came bool) {
	if len(c.log) >= maxVisits {
		c.base += len(c.log)
		c.log = c.log[:0]
	}
	c.log = append(c.log, visit{p, came})
}

// keysOf are the names under which bindings to a table are found.
func keysOf(t changes.Table) [3]changes.Table {
	return [3]changes.Table{t, {Schema: t.Schema}, anyTable}
}

// hears tells whether anybody may want changes of a table.
func (a *audience) hears(t changes.Table) bool {
	if t.Schema == internalSchema {
		return false
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, k := range keysOf(t) {
		if len(a.crowds[k]) > 0 {
			return true
		}
	}
	return false
}

// roles adds those of whoever listens to a table.
func (a *audience) roles(t changes.Table, found map[string]struct{}) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, k := range keysOf(t) {
		for role := range a.crowds[k] {
			found[role] = struct{}{}
		}
	}
}

// plain tells whether anybody of a role listens to a table without a filter.
func (a *audience) plain(t changes.Table, role string) bool {
	for _, k := range keysOf(t) {
		if c := a.crowds[k][role]; c != nil && len(c.plain) > 0 {
			return true
		}
	}
	return false
}

// wants adds the bindings of a party that a change may concern. The caller holds mu.
func (a *audience) wants(c *change, who *party) {
	for _, k := range keysOf(c.relation.Table) {
		if found := a.crowds[k][who.role]; found != nil {
			c.want(found.bindings[who])
		}
	}
}

// wantsPlain adds those without a filter, of all parties of a role if who is nil. The
// caller holds mu.
func (a *audience) wantsPlain(c *change, role string, who *party) {
	for _, k := range keysOf(c.relation.Table) {
		found := a.crowds[k][role]
		switch {
		case found == nil:
		case who != nil:
			c.want(found.plain[who])
		default:
			for _, set := range found.plain {
				c.want(set)
			}
		}
	}
}

func (c *change) want(set map[*binding]struct{}) {
	for b := range set {
		if b.hears(c.event) && c.met.has(b) {
			c.wanted = append(c.wanted, b)
		}
	}
}
