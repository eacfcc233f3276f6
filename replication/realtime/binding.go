package realtime

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

// binding is one subscription of a channel to changes of tables.
type binding struct {
	bindingSpec
	ch     *channel
	filter *filter // nil is none
	// selection is Select as selectFields takes it.
	selection string
	// snapshot is what it has been told of at once; nil if it asks for none.
	snapshot *tableSnapshot
}

// bindingSpec is as the client writes it, and gets it back with an id: the client
// compares the two.
type bindingSpec struct {
	// ID is the place in the list, so that who asks for the same is told with the same bytes.
	ID     int64   `json:"id"`
	Event  string  `json:"event"`
	Schema string  `json:"schema"`
	Table  *string `json:"table,omitempty"`
	Filter *string `json:"filter,omitempty"`
	// Select are the columns to tell of; none is all.
	Select []string `json:"select,omitempty"`
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

// hears tells whether an event of its tables is asked for.
func (b *binding) hears(event string) bool { return b.Event == anyName || b.Event == event }

// knows tells whether what a transaction has done is told already: by the snapshot, or
// because it was before the join.
func (b *binding) knows(tx *changes.Transaction) bool {
	if b.snapshot != nil {
		return b.snapshot.shows(tx)
	}
	return !after(tx).isAfter(b.ch.from)
}

// bindingsOf returns the bindings of a channel that a table's changes may concern.
func (ch *channel) bindingsOf(t changes.Table) (list []*binding) {
	if t.Schema == internalSchema {
		return nil
	}
	keys := keysOf(t)
	for _, b := range ch.bindings {
		if slices.Contains(keys[:], b.key()) {
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
			if b.filter, err = parseFilter(*b.Filter); err != nil {
				return fmt.Errorf("RealtimeDisabledForConfiguration: %w", err)
			}
		}
		b.selection = selectionOf(b.Select)
		if asks.Snapshot {
			if b.key().Name == "" {
				return errors.New("RealtimeDisabledForConfiguration: a snapshot needs a table")
			}
			b.snapshot, ch.snapshots = new(tableSnapshot), true
		}
		b.ID = int64(len(ch.bindings)) + 1
		ch.bindings = append(ch.bindings, b)
	}
	return h.checkBindings(ctx, ch, ch.who.Load())
}

// jsonBinding is a binding as checkSQL takes it.
type jsonBinding struct {
	Schema     string          `json:"schema"`
	Table      *string         `json:"table"`
	Conditions []jsonCondition `json:"conditions"`
	Selected   []string        `json:"selected"`
}

// checkSQL asks for the first binding that can't be, and why.
const checkSQL = `select b.i - 1, c.why
	from jsonb_array_elements($2) with ordinality as b (value, i)
	cross join realtime.check_changes($1, b.value ->> 'schema', b.value ->> 'table', b.value -> 'conditions',
	  case when jsonb_typeof(b.value -> 'selected') = 'array' then array(select jsonb_array_elements_text(b.value -> 'selected')) end) as c (why)
	where c.why is not null
	order by b.i
	limit 1`

// checkBindings tells why somebody can't have what a channel listens to.
func (h *Hub) checkBindings(ctx context.Context, ch *channel, who *identity) error {
	if len(ch.bindings) == 0 {
		return nil
	}
	list := make([]jsonBinding, len(ch.bindings))
	for i, b := range ch.bindings {
		if !who.Scope.Has(b.Schema) {
			return denied("Unauthorized: The API key is not for this schema: " + b.Schema)
		}
		list[i] = jsonBinding{Schema: b.Schema, Selected: b.Select, Conditions: []jsonCondition{}}
		if k := b.key(); k.Name != "" {
			list[i].Table = &k.Name
		}
		if f := b.filter; f != nil {
			list[i].Conditions = append(list[i].Conditions, jsonCondition{f.root().Data(), [][2]any{{0, f.operands()}}})
		}
	}
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	res, err := h.pool(who.Caller).Do(ctx, &pg.Tx{SearchPath: searchPath, RequestID: ch.client.request, Mode: pg.ReadOnly, Main: pg.Statement{
		SQL: checkSQL, Args: [][]byte{[]byte(who.Role), data},
	}})
	switch {
	case errors.As(err, new(*pgconn.PgError)):
		h.Log.Warn("a subscription could not be checked", "request_id", ch.client.request, "error", err)
		return denied("RealtimeDisabledForConfiguration: Unable to subscribe to changes with given parameters")
	case err != nil:
		return errDatabase
	}
	defer res.Free()
	if len(res.Values) != 2 {
		return nil
	}
	i, err := strconv.Atoi(string(res.Values[0]))
	if err != nil || i >= len(ch.bindings) {
		return errDatabase
	}
	b := ch.bindings[i]
	var name, filter string
	if b.Table != nil {
		name = *b.Table
	}
	if b.Filter != nil {
		filter = *b.Filter
	}
	return denied(fmt.Sprintf("RealtimeDisabledForConfiguration: Unable to subscribe to changes with given parameters "+
		"[event: %s, schema: %s, table: %s, filter: %s]: %s", b.Event, b.Schema, cmp.Or(name, anyName), filter, res.Values[1]))
}
