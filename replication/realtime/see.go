package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/replication/bus"
)

// caller tells identities apart by what policies can see of them.
type caller struct{ role, claims string }

// answer is what a caller may see of an imageSet.
type answer struct {
	columns json.RawMessage
	rows    map[int]json.RawMessage // by number
	// undecided: a policy asks for a value that the log lacks. failed: it could not be
	// evaluated.
	undecided, failed bool
}

// tell delivers a batch: filters first, then policies, then to clients in the order of
// the commits.
func (h *Hub) tell(ctx context.Context, b *batch) {
	if len(b.changes) == 0 {
		return
	}
	b.filter(ctx, h)
	b.ask(ctx, h)
	unsure := map[*changes.Relation][]*channel{}
	var at place
	for _, c := range b.changes {
		at = place{c.tx.Position(), c.n}
		if c.notice != "" {
			b.notice(channelsOf(c.wanted), c.notice, c.relation.Table, at)
			continue
		}
		unsure[c.relation] = append(unsure[c.relation], b.unsure[c]...)
		unsure[c.relation] = append(unsure[c.relation], b.deliver(c, at)...)
	}
	for r, list := range unsure {
		b.notice(list, "A change of "+r.Schema+"."+r.Name+" could not be checked; read the table again", r.Table, at)
	}
}

// ask finds out who may see what of each set.
func (b *batch) ask(ctx context.Context, h *Hub) {
	callers := map[*imageSet]map[caller]struct{}{}
	for _, c := range b.changes {
		for _, img := range []*image{c.row, c.old} {
			if img == nil {
				continue
			}
			for _, w := range c.wanted {
				if callers[img.set] == nil {
					callers[img.set] = map[caller]struct{}{}
				}
				who := w.ch.who.Load()
				callers[img.set][caller{who.Role, who.Claims}] = struct{}{}
			}
		}
	}
	for set, who := range callers {
		var service, others []caller
		for c := range maps.Keys(who) {
			if c.role == serviceRole {
				service = append(service, c)
			} else {
				others = append(others, c)
			}
		}
		for _, list := range [][]caller{service, others} {
			// One after the other within a role, for which a condition is made once.
			slices.SortFunc(list, func(a, b caller) int { return strings.Compare(a.role, b.role) })
			for part := range slices.Chunk(list, maxCallers) {
				h.see(ctx, b, set, part)
			}
		}
	}
}

// maxCallers are asked for in one statement.
const maxCallers = 500

const (
	seeSQL     = `select s.snapshot, s.answers from realtime.see($1, $2, $3, $4, $5, $6) as s`
	seeTimeout = 5 * time.Second
)

// see asks for some callers, all of one pool.
func (h *Hub) see(ctx context.Context, b *batch, set *imageSet, list []caller) {
	roles, claims := make([]string, len(list)), make([]string, len(list))
	for i, c := range list {
		roles[i], claims[i] = c.role, c.claims
	}
	names, types, rows := set.arguments()
	args := [][]byte{
		strconv.AppendUint(nil, uint64(set.relation.OID), 10), names, types, rows, textArray(roles), textArray(claims),
	}
	ctx, cancel := context.WithTimeout(ctx, seeTimeout)
	defer cancel()
	begun := time.Now()
	text, err := h.behindFence(ctx, h.pool(pg.Caller{Role: list[0].role}), b, args)
	h.metrics.see.Observe(time.Since(begun).Seconds())
	answers := make([]json.RawMessage, 0, len(list))
	if err == nil {
		err = json.Unmarshal(text, &answers)
	}
	if err == nil && len(answers) != len(list) {
		err = errors.New("realtime.see is not that of this release")
	}
	if err != nil {
		h.Log.Warn("who may see changes could not be decided", "table", set.relation.Name, "error", err)
	}
	for i, c := range list {
		a := &answer{failed: err != nil}
		if err == nil {
			a.read(answers[i])
		}
		if a.failed && err == nil {
			h.Log.Warn("a policy failed for a subscriber", "table", set.relation.Name, "role", c.role, "sqlstate", string(answers[i]))
		}
		set.answers[c] = a
	}
}

// read takes the form that realtime.see gives: null, a SQLSTATE, or columns and rows.
func (a *answer) read(data json.RawMessage) {
	switch data[0] {
	case 'n':
		a.undecided = true
	case '{':
		var seen struct {
			Columns json.RawMessage
			Rows    [][2]json.RawMessage
		}
		if json.Unmarshal(data, &seen) != nil {
			a.failed = true
			return
		}
		a.columns, a.rows = seen.Columns, make(map[int]json.RawMessage, len(seen.Rows))
		for _, r := range seen.Rows {
			n, err := strconv.Atoi(string(r[0]))
			if err != nil {
				a.failed = true
				return
			}
			a.rows[n] = r[1]
		}
	default:
		a.failed = true
	}
}

// behindFence asks until what was read shows all commits of the batch: a commit is
// streamed a moment before it is visible, and policies read other tables.
func (h *Hub) behindFence(ctx context.Context, db *pg.DB, b *batch, args [][]byte) ([]byte, error) {
	for pause := 200 * time.Microsecond; ; pause = min(2*pause, 50*time.Millisecond) {
		res, err := db.Do(ctx, &pg.Tx{
			SearchPath: searchPath, Mode: pg.ReadOnly, Main: pg.Statement{SQL: seeSQL, Args: args},
		})
		if err != nil {
			return nil, err
		}
		if len(res.Values) != 2 {
			res.Free()
			return nil, errors.New("realtime.see is not that of this release")
		}
		visible := true
		for xid := range b.xids {
			sees, err := bus.Sees(string(res.Values[0]), xid)
			visible = visible && sees && err == nil
		}
		if visible {
			text := slices.Clone(res.Values[1])
			res.Free()
			return text, nil
		}
		res.Free()
		h.metrics.fenced.Inc()
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		case <-t.C:
		}
	}
}

// filter leaves of the wanted bindings those whose filters a change meets.
func (b *batch) filter(ctx context.Context, h *Hub) {
	type valueKey struct{ column, op, value string }
	bySet := map[*imageSet][]*change{}
	for _, c := range b.changes {
		if c.row != nil {
			bySet[c.row.set] = append(bySet[c.row.set], c)
		}
	}
	for set, list := range bySet {
		met := map[valueKey]map[int]struct{}{} // the rows that meet a condition
		groups := map[[2]string]*jsonCondition{}
		var order []*jsonCondition
		var keys [][]valueKey // of each of order
		place := map[*jsonCondition]int{}
		for _, c := range list {
			for _, w := range c.wanted {
				for _, cond := range w.conditions {
					for _, v := range cond.values {
						k := valueKey{cond.column, cond.op, v}
						if _, known := met[k]; known {
							continue
						}
						met[k] = map[int]struct{}{}
						g := groups[[2]string{cond.column, cond.op}]
						if g == nil {
							g = &jsonCondition{Column: cond.column, Op: cond.op}
							groups[[2]string{cond.column, cond.op}] = g
							place[g] = len(order)
							order, keys = append(order, g), append(keys, nil)
						}
						i := place[g]
						g.Values = append(g.Values, [2]any{len(keys[i]), v})
						keys[i] = append(keys[i], k)
					}
				}
			}
		}
		if len(order) == 0 {
			continue
		}
		pairs, err := h.match(ctx, set, order)
		if err != nil {
			h.Log.Warn("filters could not be evaluated", "table", set.relation.Name, "error", err)
		}
		for i, list := range pairs {
			for _, p := range list {
				met[keys[i][p[0]]][p[1]] = struct{}{}
			}
		}
		for _, c := range list {
			c.wanted = slices.DeleteFunc(c.wanted, func(w *binding) bool {
				for _, cond := range w.conditions {
					if err != nil || c.row.incomplete && !set.has(cond.column) {
						b.unsure[c] = append(b.unsure[c], w.ch)
						return true
					}
					if !slices.ContainsFunc(cond.values, func(v string) bool {
						_, ok := met[valueKey{cond.column, cond.op, v}][c.row.n]
						return ok
					}) {
						return true
					}
				}
				return false
			})
		}
	}
}

// match evaluates conditions on all rows of a set.
func (h *Hub) match(ctx context.Context, set *imageSet, conditions []*jsonCondition) (pairs [][][2]int, err error) {
	data, err := json.Marshal(conditions)
	if err != nil {
		return nil, err
	}
	names, types, rows := set.arguments()
	ctx, cancel := context.WithTimeout(ctx, seeTimeout)
	defer cancel()
	res, err := h.Anon.Do(ctx, &pg.Tx{SearchPath: searchPath, Mode: pg.ReadOnly, Main: pg.Statement{
		SQL: `select realtime.match($1, $2, $3, $4)`, Args: [][]byte{names, types, rows, data},
	}})
	if err != nil {
		return nil, err
	}
	defer res.Free()
	err = json.Unmarshal(res.Values[0], &pairs)
	if err == nil && len(pairs) != len(conditions) {
		err = errors.New("realtime.match is not that of this release")
	}
	return pairs, err
}

func (s *imageSet) has(column string) bool {
	return slices.ContainsFunc(s.columns, func(i int) bool { return s.relation.Columns[i].Name == column })
}

// arguments are columns, types and rows as SQL takes them.
func (s *imageSet) arguments() (columns, types, rows []byte) {
	names, oids := make([]string, len(s.columns)), make([]string, len(s.columns))
	for i, c := range s.columns {
		names[i], oids[i] = s.relation.Columns[c].Name, strconv.FormatUint(uint64(s.relation.Columns[c].Type), 10)
	}
	rows, _ = json.Marshal(s.rows) // texts never fail
	return textArray(names), textArray(oids), rows
}

var arrayQuote = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// textArray writes an array as Postgres reads it.
func textArray(list []string) []byte {
	var b strings.Builder
	for i, s := range list {
		b.WriteString("{,"[min(i, 1):][:1])
		b.WriteString(`"` + arrayQuote.Replace(s) + `"`)
	}
	if len(list) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return []byte(b.String())
}
