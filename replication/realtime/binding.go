package realtime

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

// binding is one subscription of a channel to changes of tables.
type binding struct {
	bindingSpec
	ch         *channel
	conditions []condition
	// snapshot is what it has been told of at once; nil if it asks for none.
	snapshot *snapshot
}

// bindingSpec is as the client writes it, and gets it back with an id: the client
// compares the two.
type bindingSpec struct {
	ID     int64   `json:"id"`
	Event  string  `json:"event"`
	Schema string  `json:"schema"`
	Table  *string `json:"table,omitempty"`
	Filter *string `json:"filter,omitempty"`
}

// bindings are all of this process, by the table. A table without a name is any of
// its schema; anyTable is any of all.
type bindings struct {
	mu   sync.RWMutex
	by   map[changes.Table]map[*binding]struct{}
	last atomic.Int64 // id
}

const anyName = "*"

var anyTable = changes.Table{Schema: anyName}

// key is where a binding is found.
func (b *binding) key() changes.Table {
	k := changes.Table{Schema: b.Schema}
	if b.Schema != anyName && b.Table != nil && *b.Table != anyName {
		k.Name = *b.Table
	}
	return k
}

func (bs *bindings) add(list []*binding) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, b := range list {
		set := bs.by[b.key()]
		if set == nil {
			set = map[*binding]struct{}{}
			bs.by[b.key()] = set
		}
		set[b] = struct{}{}
	}
}

func (bs *bindings) remove(list []*binding) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, b := range list {
		set := bs.by[b.key()]
		delete(set, b)
		if len(set) == 0 {
			delete(bs.by, b.key())
		}
	}
}

// internalSchema has tables that are published for processes alone.
const internalSchema = "fluxbase"

// of returns the bindings that a table's changes may concern, of one event or of any.
func (bs *bindings) of(t changes.Table, event string) (list []*binding) {
	if t.Schema == internalSchema {
		return nil
	}
	bs.mu.RLock()
	defer bs.mu.RUnlock()
	for _, k := range []changes.Table{t, {Schema: t.Schema}, anyTable} {
		for b := range bs.by[k] {
			if b.hears(event) {
				list = append(list, b)
			}
		}
	}
	return list
}

// hears tells whether an event of its tables is asked for.
func (b *binding) hears(event string) bool {
	return event == "" || b.Event == anyName || b.Event == event
}

// knows tells whether what a transaction has done is told already: by the snapshot, or
// because it was before the join.
func (b *binding) knows(tx *changes.Transaction) bool {
	if b.snapshot != nil {
		return b.snapshot.shows(tx)
	}
	return !after(tx).isAfter(b.ch.from)
}

// bindingsOf is bindings.of for one channel.
func (ch *channel) bindingsOf(t changes.Table, event string) (list []*binding) {
	if t.Schema == internalSchema {
		return nil
	}
	for _, b := range ch.bindings {
		if k := b.key(); (k == t || k == changes.Table{Schema: t.Schema} || k == anyTable) && b.hears(event) {
			list = append(list, b)
		}
	}
	return list
}

// want is what of the stream a channel's bindings may concern.
func (ch *channel) want() changes.Want {
	var w changes.Want
	for _, b := range ch.bindings {
		k := b.key()
		w.Tables = append(w.Tables, k)
		w.AllTables = w.AllTables || k.Name == ""
	}
	return w
}

// all returns those whose channels must hear that something may be missing.
func (bs *bindings) all() (list []*binding) {
	bs.mu.RLock()
	defer bs.mu.RUnlock()
	for _, set := range bs.by {
		for b := range set {
			list = append(list, b)
		}
	}
	return list
}

const maxBindings = 100

// bind reads and checks what a join wants to hear of. Its error is for the client.
func (h *Hub) bind(ctx context.Context, ch *channel, raw []json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	if len(raw) > maxBindings {
		return fmt.Errorf("RealtimeDisabledForConfiguration: a channel takes at most %d postgres_changes", maxBindings)
	}
	if h.Source.State().Phase != changes.Streaming {
		return errors.New("PostgresChangesSubscribeTimeout: The stream of changes is not up; try again")
	}
	for _, r := range raw {
		b := &binding{ch: ch}
		var asks struct{ Snapshot bool }
		if json.Unmarshal(r, &b.bindingSpec) != nil || json.Unmarshal(r, &asks) != nil {
			return errors.New("RealtimeDisabledForConfiguration: postgres_changes are not well formed")
		}
		switch b.Event {
		case anyName, "INSERT", "UPDATE", "DELETE":
		default:
			return errors.New("RealtimeDisabledForConfiguration: an event is INSERT, UPDATE, DELETE or *")
		}
		if b.Filter != nil {
			var err error
			if b.conditions, err = parseFilter(*b.Filter); err != nil {
				return fmt.Errorf("RealtimeDisabledForConfiguration: %w", err)
			}
		}
		if asks.Snapshot {
			if b.key().Name == "" {
				return errors.New("RealtimeDisabledForConfiguration: a snapshot needs a table")
			}
			b.snapshot, ch.snapshots = new(snapshot), true
		}
		b.ID = h.bindings.last.Add(1)
		ch.bindings = append(ch.bindings, b)
	}
	return h.checkBindings(ctx, ch, ch.who.Load())
}

// checkBindings tells why somebody can't have what a channel listens to.
func (h *Hub) checkBindings(ctx context.Context, ch *channel, who *identity) error {
	for _, b := range ch.bindings {
		var table []byte
		if k := b.key(); k.Name != "" {
			table = []byte(k.Name)
		}
		data, err := json.Marshal(b.jsonConditions())
		if err != nil {
			return err
		}
		res, err := h.pool(who.Caller).Do(ctx, &pg.Tx{SearchPath: searchPath, Mode: pg.ReadOnly, Main: pg.Statement{
			SQL:  `select realtime.check_changes($1, $2, $3, $4)`,
			Args: [][]byte{[]byte(who.Role), []byte(b.Schema), table, data},
		}})
		switch {
		case errors.As(err, new(*pgconn.PgError)):
			h.Log.Warn("a subscription could not be checked", "error", err)
			return denied("RealtimeDisabledForConfiguration: Unable to subscribe to changes with given parameters")
		case err != nil:
			return errDatabase
		}
		var why string
		if len(res.Values) == 1 {
			why = string(res.Values[0])
		}
		res.Free()
		if why != "" {
			var name, filter string
			if b.Table != nil {
				name = *b.Table
			}
			if b.Filter != nil {
				filter = *b.Filter
			}
			return denied(fmt.Sprintf("RealtimeDisabledForConfiguration: Unable to subscribe to changes with given parameters "+
				"[event: %s, schema: %s, table: %s, filter: %s]: %s", b.Event, b.Schema, cmp.Or(name, anyName), filter, why))
		}
	}
	return nil
}

func (b *binding) jsonConditions() []jsonCondition {
	conditions := make([]jsonCondition, len(b.conditions))
	for i, c := range b.conditions {
		conditions[i] = jsonCondition{Column: c.column, Op: c.op}
		for n, v := range c.values {
			conditions[i].Values = append(conditions[i].Values, [2]any{n, v})
		}
	}
	return conditions
}

// jsonCondition is a condition as realtime.match takes it; each value has a number.
type jsonCondition struct {
	Column string   `json:"column"`
	Op     string   `json:"op"`
	Values [][2]any `json:"values"`
}
