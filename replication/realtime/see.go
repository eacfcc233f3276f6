package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

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

// tell delivers a batch: whom it may concern, then filters, then policies that only
// Postgres can evaluate, then to clients in the order of the commits.
func (h *Hub) tell(ctx context.Context, b *batch) {
	if len(b.changes) == 0 {
		return
	}
	// What is told again is not for the plans, which belong to who follows the stream.
	live := slices.ContainsFunc(b.changes, func(c *change) bool { return c.live })
	if live {
		h.resolve(ctx, b)
	}
	for _, c := range b.changes {
		c.wanted = slices.DeleteFunc(c.wanted, func(w *binding) bool { return w.knows(c.tx) })
	}
	b.filter(ctx, h)
	b.ask(ctx, h)
	if live {
		h.check(ctx, b)
	}
	h.render(ctx, b)
	if live && len(b.changes) > 1 {
		defer h.hold()()
	}
	b.deliverAll()
}

// ask finds out who may see what of each set, of those for whom no plan decides.
func (b *batch) ask(ctx context.Context, h *Hub) {
	callers := map[*imageSet]map[caller]struct{}{}
	for _, c := range b.changes {
		for _, img := range []*image{c.row, c.old} {
			if img == nil {
				continue
			}
			for _, w := range c.wanted {
				if _, s := img.set.seat(w.ch); s != nil {
					continue
				}
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
			var asking sync.WaitGroup
			room := make(chan struct{}, maxAsking)
			for part := range slices.Chunk(list, max(1, min(maxCallers, maxAsked/len(set.rows)))) {
				room <- struct{}{}
				asking.Go(func() {
					h.see(ctx, b, set, part)
					<-room
				})
			}
			asking.Wait()
		}
	}
}

const (
	// maxCallers are asked for in one statement, and about each row as many as make
	// maxAsked together, so that it ends well within its time.
	maxCallers, maxAsked = 500, 20_000
	// maxAsking are how many statements of a batch are under way at once.
	maxAsking = 3
)

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
	values, err := h.behindFence(ctx, h.pool(pg.Caller{Role: list[0].role}), b.xids, &pg.Tx{
		SearchPath: searchPath, Mode: pg.ReadOnly, Main: pg.Statement{SQL: seeSQL, Args: args},
	})
	h.metrics.see.Observe(time.Since(begun).Seconds())
	answers := make([]json.RawMessage, 0, len(list))
	if err == nil {
		err = json.Unmarshal(values[0], &answers)
	}
	if err == nil && len(answers) != len(list) {
		err = errors.New("realtime.see is not that of this release")
	}
	if err != nil {
		h.Log.Warn("who may see changes could not be decided", "table", set.relation.Name, "error", err)
	}
	read := make([]*answer, len(list))
	for i, c := range list {
		a := &answer{failed: err != nil}
		if err == nil {
			a.read(answers[i])
		}
		if a.failed && err == nil {
			h.metrics.errors.Inc()
			h.refuse(c)
			h.Log.Warn("a policy failed for a subscriber", "table", set.relation.Name, "role", c.role, "sqlstate", string(answers[i]))
		}
		read[i] = a
	}
	set.mu.Lock()
	defer set.mu.Unlock()
	for i, c := range list {
		set.take(c, read[i])
	}
}

// take keeps an answer, of texts that others have got too their copy. The caller holds s.mu.
func (s *imageSet) take(c caller, a *answer) {
	one := func(text json.RawMessage) json.RawMessage {
		known, is := s.texts[string(text)]
		if !is {
			if s.texts == nil {
				s.texts = map[string]json.RawMessage{}
			}
			known, s.texts[string(text)] = text, text
		}
		return known
	}
	a.columns = one(a.columns)
	for n, row := range a.rows {
		a.rows[n] = one(row)
	}
	s.answers[c] = a
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

// behindFence asks until what was read shows some commits: one is streamed a moment
// before it is visible, and policies read other tables. The first value of tx is its
// snapshot; the others are returned.
func (h *Hub) behindFence(ctx context.Context, db *pg.DB, xids map[uint32]struct{}, tx *pg.Tx) ([][]byte, error) {
	for pause := 200 * time.Microsecond; ; pause = min(2*pause, 50*time.Millisecond) {
		res, err := db.Do(ctx, tx)
		if err != nil {
			return nil, err
		}
		if len(res.Values) < 2 {
			res.Free()
			return nil, errors.New("a function of schema realtime is not that of this release")
		}
		visible := true
		for xid := range xids {
			sees, err := bus.Sees(string(res.Values[0]), xid)
			visible = visible && sees && err == nil
		}
		if visible {
			h.planner.saw(string(res.Values[0]))
			var values [][]byte
			for _, v := range res.Values[1:] {
				values = append(values, slices.Clone(v))
			}
			res.Free()
			return values, nil
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
