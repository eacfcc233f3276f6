package realtime

import (
	"encoding/json"
	"strconv"
)

const (
	eventChanges     = "postgres_changes"
	extensionChanges = "postgres_changes"
)

// audience are bindings of a channel that select the same columns: they are told
// together.
type audience struct {
	ch        *channel
	selection string
}

// dataKey is what all callers of one kind that select the same columns are told.
type dataKey struct {
	caller
	selection string
}

// deliverChange tells of one change those who may see it, each channel once for each
// selection of columns, and returns the channels for which that could not be decided.
func (h *Hub) deliverChange(c *change) (unsure []*channel) {
	var order []audience
	ids := map[audience][]byte{}
	for _, w := range c.wanted {
		to := audience{w.ch, w.selection}
		if ids[to] == nil {
			order = append(order, to)
		} else {
			ids[to] = append(ids[to], ',')
		}
		ids[to] = strconv.AppendInt(ids[to], w.ID, 10)
	}
	data := map[dataKey][]byte{}
	for _, to := range order {
		ch, who := to.ch, to.ch.who.Load()
		as := caller{who.Role, who.Claims}
		a := c.row.set.answers[as]
		switch {
		case a == nil || a.failed, a.undecided && c.event != "DELETE":
			// Asked for another token, or not to be answered. Of a delete the log may
			// tell the key alone, and then nobody is told whom a policy could hide it from.
			unsure = append(unsure, ch)
			continue
		}
		row, seen := a.rows[c.row.n]
		if !seen {
			continue
		}
		key := dataKey{as, to.selection}
		if data[key] == nil {
			data[key] = c.data(as, a, row, to.selection)
		}
		if ch.client.channel(ch.wire) != ch {
			continue
		}
		payload := make([]byte, 0, len(data[key])+len(ids[to])+20)
		payload = append(append(payload, `{"ids":[`...), ids[to]...)
		payload = append(append(payload, `],"data":`...), data[key]...)
		ch.client.send(null, null, ch.wire, eventChanges, append(payload, '}'))
	}
	return unsure
}

// data is the part of the message that is the same for a dataKey.
func (c *change) data(as caller, a *answer, row json.RawMessage, selection string) []byte {
	d := struct {
		Schema  string          `json:"schema"`
		Table   string          `json:"table"`
		Time    string          `json:"commit_timestamp"`
		Type    string          `json:"type"`
		Columns json.RawMessage `json:"columns"`
		Record  json.RawMessage `json:"record,omitempty"`
		Old     json.RawMessage `json:"old_record,omitempty"`
		Errors  []string        `json:"errors"`
	}{
		Schema: c.relation.Schema, Table: c.relation.Name, Type: c.event, Columns: selectColumns(a.columns, selection),
		Time: c.tx.Time.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	switch c.event {
	case "DELETE":
		d.Old = selectFields(row, selection)
	case "UPDATE":
		d.Record, d.Old = selectFields(row, selection), selectFields(c.oldRecord(as, row), selection)
	default:
		d.Record = selectFields(row, selection)
	}
	text, err := json.Marshal(d)
	if err != nil {
		return emptyObject // Postgres has written the parts
	}
	return text
}

// oldRecord is what of the old row a caller may see: of an unchanged key the key.
func (c *change) oldRecord(as caller, row json.RawMessage) json.RawMessage {
	if c.old != nil {
		if a := c.old.set.answers[as]; a != nil && a.rows[c.old.n] != nil {
			return a.rows[c.old.n]
		}
		return emptyObject
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(row, &fields) != nil {
		return emptyObject
	}
	for _, column := range c.relation.Columns {
		if !column.Key {
			delete(fields, column.Name)
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return emptyObject
	}
	return text
}
