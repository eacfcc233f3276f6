package realtime

import (
	"encoding/json"
	"strconv"
)

const (
	eventChanges     = "postgres_changes"
	extensionChanges = "postgres_changes"
)

// deliver tells of one change those who may see it, each channel once, and returns the
// channels for which that could not be decided.
func (b *batch) deliver(c *change, at place) (unsure []*channel) {
	position := at.String()
	var order []*channel
	ids := map[*channel][]byte{}
	for _, w := range c.wanted {
		if ids[w.ch] == nil {
			order = append(order, w.ch)
		} else {
			ids[w.ch] = append(ids[w.ch], ',')
		}
		ids[w.ch] = strconv.AppendInt(ids[w.ch], w.ID, 10)
	}
	data := map[caller][]byte{}
	for _, ch := range order {
		who := ch.who.Load()
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
		if data[as] == nil {
			data[as] = c.data(as, a, row)
		}
		if ch.client.channel(ch.wire) != ch {
			continue
		}
		payload := make([]byte, 0, len(data[as])+len(ids[ch])+len(position)+40)
		payload = append(append(payload, `{"ids":[`...), ids[ch]...)
		payload = append(payload, ']')
		if at.LSN > ch.quiet {
			payload = append(append(append(payload, `,"position":"`...), position...), '"')
		}
		payload = append(append(payload, `,"data":`...), data[as]...)
		b.put(ch, ch.client.v.frameText(null, null, ch.wire, eventChanges, append(payload, '}')), at)
	}
	return unsure
}

// data is the part of the message that all callers of one kind share.
func (c *change) data(as caller, a *answer, row json.RawMessage) []byte {
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
		Schema: c.relation.Schema, Table: c.relation.Name, Type: c.event, Columns: a.columns,
		Time: c.tx.Time.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	switch c.event {
	case "DELETE":
		d.Old = row
	case "UPDATE":
		d.Record, d.Old = row, c.oldRecord(as, row)
	default:
		d.Record = row
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
