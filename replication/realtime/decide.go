package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// maxRows are asked about in one statement.
const maxRows = 500

// question is a row that a statement must be asked about.
type question struct {
	key    string
	values []value
	known  *decision // for those who were registered before; or nil
}

// decide finds the decisions of plans that Postgres makes for all of a role at once, for
// all rows of sets. Sets for which that fails are left to realtime.see.
func (h *Hub) decide(ctx context.Context, sets []*imageSet) {
	byPlan := map[*plan][]*imageSet{}
	for _, set := range sets {
		for _, p := range set.plans {
			if p.decides() && p.root == nil && set.tells(p) {
				byPlan[p] = append(byPlan[p], set)
			}
		}
	}
	if len(byPlan) == 0 {
		return
	}
	now := time.Now()
	h.release(ctx, now)
	for p, sets := range byPlan {
		err := h.decideFor(ctx, p, sets, now)
		if err != nil {
			h.Log.Warn("policies are asked for each subscriber, because asking for all failed",
				"table", sets[0].relation.Name, "role", p.role, "error", err)
			for _, set := range sets {
				set.plans[p.role] = nil
			}
		}
		if errors.Is(err, errMissing) {
			// What was decided before names claims that are gone too.
			for p, sets := range byPlan {
				for _, set := range sets {
					set.plans[p.role] = nil
				}
			}
			return
		}
	}
}

func (h *Hub) decideFor(ctx context.Context, p *plan, sets []*imageSet, now time.Time) error {
	once := map[*party]struct{}{}
	fresh := slices.DeleteFunc(p.fresh, func(who *party) bool {
		_, twice := once[who]
		once[who] = struct{}{}
		return twice || who.id != 0 || p.seats[who] == nil || !p.seats[who].exact
	})
	if err := h.register(ctx, p.role, fresh); err != nil {
		p.fresh = fresh
		return err
	}
	p.fresh = p.fresh[:0]

	last := h.claims.last[p.role]
	found := map[string]*decision{}
	var questions []question
	for _, set := range sets {
		for n := range set.rows {
			values := set.read(p, n+1)
			key := rowKey(values)
			if _, asked := found[key]; asked {
				h.metrics.hits.Inc()
				continue
			}
			d := h.decisions.get(p, key, now)
			found[key] = d
			if d != nil && d.upTo >= last {
				h.metrics.hits.Inc()
				continue
			}
			h.metrics.misses.Inc()
			questions = append(questions, question{key, values, d})
		}
	}
	for part := range slices.Chunk(questions, maxRows) {
		ids, err := h.askAll(ctx, p, part)
		if err != nil {
			return err
		}
		for i, q := range part {
			d := &decision{plan: p, row: q.key, ids: ids[i], upTo: last, at: now}
			if q.known != nil {
				d.ids, d.at = append(slices.Clone(q.known.ids), d.ids...), q.known.at
			}
			for _, t := range p.tables {
				var v value
				if t.Of != "" {
					v = q.values[slices.Index(p.reads, t.Of)]
				}
				d.keys = append(d.keys, v)
			}
			found[q.key] = d
			h.decisions.put(d)
		}
	}
	for _, set := range sets {
		if set.found == nil {
			set.found = map[*plan][]*decision{}
		}
		list := make([]*decision, len(set.rows)+1)
		for n := range set.rows {
			list[n+1] = found[rowKey(set.read(p, n+1))]
		}
		set.found[p] = list
	}
	return nil
}

var errMissing = errors.New("registered claims are gone, as after a crash of Postgres")

// askAll finds the registered claims that may see each row.
func (h *Hub) askAll(ctx context.Context, p *plan, list []question) ([][]int64, error) {
	rows := make([][]*string, len(list))
	for i, q := range list {
		after := "0"
		if q.known != nil {
			after = strconv.FormatInt(q.known.upTo, 10)
		}
		rows[i] = append(rows[i], &after)
		for _, v := range q.values {
			var text *string
			if v.set {
				text = &v.text
			}
			rows[i] = append(rows[i], text)
		}
	}
	data, _ := json.Marshal(rows) // texts never fail
	ctx, cancel := context.WithTimeout(ctx, seeTimeout)
	defer cancel()
	begun := time.Now()
	as := pg.Caller{Role: p.role, Claims: `{}`}
	values, err := h.behindFence(ctx, h.pool(as), h.planner.unseen, &pg.Tx{
		Caller: as, SearchPath: searchPath, Mode: pg.ReadOnly,
		Settings: []pg.Setting{{Name: "fluxbase.claims_key", Value: h.claims.key}},
		Main:     pg.Statement{SQL: p.statement, Args: [][]byte{data}},
	})
	h.metrics.visible.Observe(time.Since(begun).Seconds())
	if err != nil {
		return nil, err
	}
	h.planner.sawAll()
	var answers [][2]json.RawMessage
	if len(values) != 2 || json.Unmarshal(values[1], &answers) != nil {
		return nil, errors.New("realtime.join_policies is not that of this release")
	}
	if string(values[0]) != strconv.Itoa(h.claims.size[p.role]) {
		h.forget()
		h.claims.reset()
		return nil, errMissing
	}
	found := make([][]int64, len(list))
	for _, a := range answers {
		n, err := strconv.Atoi(string(a[0]))
		if err == nil && (n < 1 || n > len(list)) {
			err = errors.New("a row that was not asked about")
		}
		if err == nil {
			err = json.Unmarshal(a[1], &found[n-1])
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
