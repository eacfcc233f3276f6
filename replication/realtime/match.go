package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// ask is a filter that Postgres has to hold against the rows of a set.
type ask struct {
	*filter
	// negated asks which rows do not meet it: those that neither way tells of may meet
	// it by what the log left out.
	negated bool
	rows    map[int]struct{} // that meet it
	err     error
}

type askKey struct {
	set     *imageSet
	filter  *filter
	negated bool
}

// asked is a change that waits for an ask.
type asked struct {
	*change
	binding *binding
}

// filter leaves of the wanted bindings those whose filters a change meets.
func (b *batch) filter(ctx context.Context, h *Hub) {
	asks := map[askKey]*ask{}
	lists := map[*imageSet][]*ask{}
	var open []asked
	known := map[*changes.Relation]*facts{}
	for _, c := range b.changes {
		if c.row == nil {
			continue
		}
		var last *filter
		var v query.Verdict
		c.wanted = slices.DeleteFunc(c.wanted, func(w *binding) bool {
			if w.filter == nil {
				return false
			}
			if w.filter != last {
				last = w.filter
				if known[c.relation] == nil {
					known[c.relation] = h.facts(ctx, c.relation)
				}
				v = last.in(known[c.relation]).Eval(c.row)
			}
			switch {
			case v == query.Undecided:
				open = append(open, asked{c, w})
				for _, negated := range []bool{false, true}[:1+count(c.row.lacks(last))] {
					k := askKey{c.row.set, last, negated}
					if asks[k] == nil {
						asks[k] = &ask{filter: last, negated: negated}
						lists[c.row.set] = append(lists[c.row.set], asks[k])
					}
				}
			case v == query.VerdictNull && c.row.lacks(last):
				b.unsure[c] = append(b.unsure[c], w.ch)
			}
			return v != query.VerdictTrue
		})
	}
	within, cancel := context.WithTimeout(ctx, filterTimeout)
	defer cancel()
	for set, list := range lists {
		h.match(within, set, list)
	}
	for _, o := range open {
		yes, no := asks[askKey{o.row.set, o.binding.filter, false}], asks[askKey{o.row.set, o.binding.filter, true}]
		switch {
		case errors.Is(yes.err, errSlow):
			o.binding.ch.client.shut(o.binding.ch, "The filter takes too long: "+o.binding.filter.text)
		case yes.err != nil || no != nil && no.err != nil:
			b.unsure[o.change] = append(b.unsure[o.change], o.binding.ch)
		case yes.has(o.row):
			o.wanted = append(o.wanted, o.binding)
		case no != nil && o.row.lacks(o.binding.filter) && !no.has(o.row):
			b.unsure[o.change] = append(b.unsure[o.change], o.binding.ch)
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (a *ask) has(img *image) bool {
	_, ok := a.rows[img.n]
	return ok
}

// facts asks for what has to be known of a table, once.
func (h *Hub) facts(ctx context.Context, r *changes.Relation) *facts {
	if k := h.bindings.facts(r); k != nil {
		return k
	}
	k := &facts{relation: r}
	ctx, cancel := context.WithTimeout(ctx, seeTimeout)
	defer cancel()
	res, err := h.Anon.Do(ctx, &pg.Tx{SearchPath: searchPath, Mode: pg.ReadOnly, Main: pg.Statement{
		SQL: `select array_to_json(realtime.loose_columns($1))`, Args: [][]byte{strconv.AppendUint(nil, uint64(r.OID), 10)},
	}})
	if err == nil {
		err = json.Unmarshal(res.Values[0], &k.loose)
		res.Free()
	}
	if err != nil {
		h.Log.Warn("the collations of a table could not be read", "table", r.Name, "error", err)
		for _, c := range r.Columns {
			k.loose = append(k.loose, c.Name)
		}
		return k
	}
	h.bindings.learn(k)
	return k
}

const (
	// filterTimeout is for all filters of a batch, matchTimeout for one statement.
	filterTimeout = 10 * time.Second
	matchTimeout  = 2 * time.Second
)

var errSlow = errors.New("a filter takes too long")

// match holds filters against all rows of a set. Where some fail together they are
// asked apart: one that fails, or takes too long, concerns nobody else.
func (h *Hub) match(ctx context.Context, set *imageSet, list []*ask) {
	again, err := h.matchAll(ctx, set, list)
	switch {
	case errors.Is(err, errSlow) && len(list) > 1:
		again = list
	case err != nil:
		for _, a := range list {
			a.err = err
		}
		h.Log.Warn("filters could not be evaluated", "table", set.relation.Name, "filters", len(list), "error", err)
	}
	if half := len(again) / 2; half > 0 {
		h.match(ctx, set, again[:half])
		h.match(ctx, set, again[half:])
	}
}

// jsonCondition is a condition as realtime.match takes it; each list of values has a
// number.
type jsonCondition struct {
	Tree   *query.Data `json:"tree"`
	Values [][2]any    `json:"values"`
}

func (a *ask) condition() jsonCondition {
	root := a.root()
	root.Not = a.negated
	return jsonCondition{Tree: root.Data()}
}

func (f *filter) operands() []string {
	if f.values == nil {
		return []string{}
	}
	return f.values
}

// errMatch is an answer that realtime.match of this release does not give.
var errMatch = errors.New("realtime.match is not that of this release")

// matchAll returns those of which some failed.
func (h *Hub) matchAll(ctx context.Context, set *imageSet, list []*ask) (again []*ask, err error) {
	type shape struct {
		text    string
		negated bool
	}
	places := map[shape]int{}
	var conditions []jsonCondition
	var members [][]*ask
	for _, a := range list {
		s := shape{a.shape, a.negated}
		i, known := places[s]
		if !known {
			i = len(conditions)
			places[s] = i
			conditions, members = append(conditions, a.condition()), append(members, nil)
		}
		conditions[i].Values = append(conditions[i].Values, [2]any{len(members[i]), a.operands()})
		members[i] = append(members[i], a)
	}
	answers, err := h.matchSQL(ctx, set, conditions)
	if err == nil && len(answers) != len(conditions) {
		err = errMatch
	}
	if err != nil {
		return nil, err
	}
	for i, answer := range answers {
		var pairs [][2]int
		if json.Unmarshal(answer, &pairs) == nil {
			for _, a := range members[i] {
				a.rows = map[int]struct{}{}
			}
			for _, p := range pairs {
				if p[0] < 0 || p[0] >= len(members[i]) {
					return nil, errMatch
				}
				members[i][p[0]].rows[p[1]] = struct{}{}
			}
			continue
		}
		if len(members[i]) > 1 {
			again = append(again, members[i]...)
			continue
		}
		members[i][0].err = errors.New(string(answer))
		h.Log.Warn("a filter could not be evaluated", "table", set.relation.Name, "error", members[i][0].err)
	}
	return again, nil
}

func (h *Hub) matchSQL(ctx context.Context, set *imageSet, conditions []jsonCondition) (answers []json.RawMessage, err error) {
	data, err := json.Marshal(conditions)
	if err != nil {
		return nil, err
	}
	names, types, rows := set.arguments()
	within, cancel := context.WithTimeout(ctx, matchTimeout)
	defer cancel()
	res, err := h.Anon.Do(within, &pg.Tx{SearchPath: searchPath, Mode: pg.ReadOnly, Main: pg.Statement{
		SQL:  `select realtime.match($1, $2, $3, $4, $5)`,
		Args: [][]byte{strconv.AppendUint(nil, uint64(set.relation.OID), 10), names, types, rows, data},
	}})
	var fault *pgconn.PgError
	if err != nil && ctx.Err() == nil && (within.Err() != nil || errors.As(err, &fault) && fault.Code == "57014") {
		return nil, errSlow
	}
	if err != nil {
		return nil, err
	}
	defer res.Free()
	return answers, json.Unmarshal(res.Values[0], &answers)
}
