package realtime

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fluxbase/fluxbase/replication/bus"
)

// doubt is a decision with which realtime.see did not agree. The database may just have
// been ahead of the stream; but what still holds here when all it knew has come is wrong.
type doubt struct {
	key      planKey
	plan     *plan
	decision *decision // nil where the plan decides alone
	at       time.Time
}

// maxChecked are compared in one check.
const maxChecked = 20

// check has realtime.see repeat some decisions of a batch. It never changes who hears
// of them.
func (h *Hub) check(ctx context.Context, b *batch) {
	h.judge(time.Now())
	for _, c := range b.changes {
		if !c.live {
			continue
		}
		for role, p := range c.row.set.plans {
			if !p.decides() || !c.row.set.tells(p) || rand.IntN(h.cfg.ShadowOneIn) > 0 {
				continue
			}
			var list []*seat
			for _, s := range p.seats { // in no order
				if s.exact {
					list = append(list, s)
				}
				if len(list) == maxChecked {
					break
				}
			}
			h.compare(ctx, b, c.row, p, role, list)
		}
	}
}

func (h *Hub) compare(ctx context.Context, b *batch, img *image, p *plan, role string, list []*seat) {
	if len(list) == 0 {
		return
	}
	one := &imageSet{relation: img.set.relation, columns: img.set.columns, rows: img.set.rows[img.n-1 : img.n], answers: map[caller]*answer{}}
	who := make([]caller, len(list))
	for i, s := range list {
		who[i] = s.party.caller
	}
	h.see(ctx, b, one, who)
	h.metrics.checked.Inc()
	for _, s := range list {
		a := one.answers[s.party.caller]
		if a == nil || a.failed || a.undecided {
			continue
		}
		if _, is := a.rows[1]; is == (img.set.shows(p, img.n, s) && p.shownColumns(img.set)) {
			continue
		}
		d := doubt{key: planKey{img.set.relation.OID, role}, plan: p, at: time.Now()}
		if p.root == nil {
			d.decision = img.set.found[p][img.n]
		}
		h.doubts = append(h.doubts, d)
		return
	}
}

// shownColumns tells whether a role may see anything of a set at all.
func (p *plan) shownColumns(s *imageSet) bool {
	return slices.ContainsFunc(s.columns, func(i int) bool {
		c := p.columns[s.relation.Columns[i].Name]
		return c != nil && c.Granted
	})
}

// judge looks at doubts again after all that could explain them is known.
func (h *Hub) judge(now time.Time) {
	h.doubts = slices.DeleteFunc(h.doubts, func(d doubt) bool {
		if now.Sub(d.at) < 2*bus.Lease {
			return false
		}
		still := h.planner.plans[d.key] == d.plan && (d.decision == nil || d.plan.decided[d.decision.row] == d.decision)
		if still {
			h.metrics.mismatches.Inc()
			h.Log.Error("a policy was decided otherwise than Postgres does; it is asked for each subscriber from now on",
				"oid", d.key.rel, "role", d.key.role)
			h.planner.demote(d.key)
			h.forget()
		}
		return true
	})
}
