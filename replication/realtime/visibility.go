package realtime

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

// statusVisibility is that of a system event which says that other rows of a table may
// be seen than before, though they were not changed. Clients that don't know it ignore
// it.
const statusVisibility = "visibility_changed"

// visibility collects who may see other rows than before. It belongs to the goroutine
// that follows the stream.
type visibility struct {
	// before are the plans that held until the schema was changed.
	before map[planKey]*plan
	// changed are plans with the users for whom they give something else; "" is all.
	changed map[*plan]map[string]struct{}
}

func (v *visibility) note(p *plan, user string) {
	if v.changed[p] == nil {
		v.changed[p] = map[string]struct{}{}
	}
	v.changed[p][user] = struct{}{}
}

// touch notes whom a change of a table concerns that a plan reads.
func (v *visibility) touch(p *plan, t *dependency, e *changes.Event) {
	k := -1
	if t.Who != "" {
		k = e.Relation.Index(t.Who)
	}
	if k < 0 || e.Op == changes.Truncate {
		v.note(p, "")
		return
	}
	for _, tuple := range []changes.Tuple{e.Old, e.New} {
		if value := tuple.Value(k); value.Kind == changes.Text {
			v.note(p, string(value.Text))
		}
	}
}

// tellVisibility tells channels that they may see other rows now, each once.
func (h *Hub) tellVisibility(ctx context.Context) {
	v := &h.visibility
	for k, old := range v.before {
		if h.Announced == nil || !h.Announced() {
			break
		}
		p := h.planner.plans[k]
		if p == nil {
			var err error
			if p, err = h.compile(ctx, old.table, k); err != nil {
				h.Log.Warn("policies could not be read", "table", old.table.Name, "role", k.role, "error", err)
				continue
			}
			h.planner.plans[k] = p
		}
		if !bytes.Equal(p.text, old.text) {
			v.note(p, "")
		}
	}
	clear(v.before)
	if len(v.changed) == 0 {
		return
	}
	defer clear(v.changed)
	told := map[*channel]map[changes.Table]struct{}{}
	h.audience.mu.RLock()
	for p, users := range v.changed {
		p.follow(&h.audience, p.table)
		for user := range users {
			h.affected(p, user, told)
		}
	}
	h.audience.mu.RUnlock()
	if len(told) == 0 {
		return
	}
	// Who reads again at once must find what has changed.
	ctx, cancel := context.WithTimeout(ctx, seeTimeout)
	defer cancel()
	if _, err := h.behindFence(ctx, h.Anon, h.planner.unseen, &pg.Tx{
		Mode: pg.ReadOnly, Main: pg.Statement{SQL: `select pg_current_snapshot()::text, ''`},
	}); err == nil {
		h.planner.sawAll()
	}
	for ch, tables := range told {
		if ch.client.channel(ch.wire) != ch {
			continue
		}
		for t := range tables {
			payload, _ := json.Marshal(map[string]string{ // texts never fail
				"extension": extensionChanges, "status": statusVisibility, "channel": ch.topic, "schema": t.Schema, "table": t.Name,
				"message": "Other rows of " + t.Schema + "." + t.Name + " may be seen than before; read the table again",
			})
			ch.client.send(ch.joinRef, null, ch.wire, eventSystem, payload)
		}
	}
}

// affected adds the channels of a user, or of all, that listen to the table of a plan.
// The caller holds the audience.
func (h *Hub) affected(p *plan, user string, told map[*channel]map[changes.Table]struct{}) {
	add := func(s *seat) {
		for _, k := range keysOf(p.table) {
			c := h.audience.crowds[k][p.role]
			if c == nil {
				continue
			}
			for b := range c.bindings[s.party] {
				if told[b.ch] == nil {
					told[b.ch] = map[changes.Table]struct{}{}
				}
				told[b.ch][p.table] = struct{}{}
			}
		}
	}
	if user == "" || p.statement == "" {
		for _, s := range p.seats {
			add(s)
		}
		return
	}
	for s := range p.by[0][user] {
		add(s)
	}
	for who := range p.odd {
		add(p.seats[who]) // who knows whom the claims mean
	}
}
