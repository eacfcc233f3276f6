package realtime

import (
	"encoding/json"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

const (
	eventChanges     = "postgres_changes"
	extensionChanges = "postgres_changes"
)

// told are bindings of a channel that select the same columns: they are told
// together.
type told struct {
	ch        *channel
	selection string
}

// deliverAll tells of the changes in the order of the log. Who can't be told of one is
// told so in its place, before anything that came later: else a client that is cut off in
// between would go on after what it never heard. Of one table that is said once, since
// who reads it after that sees all of the batch.
func (b *batch) deliverAll() {
	warned := map[*changes.Relation]map[*channel]struct{}{}
	for _, c := range b.changes {
		at := place{c.tx.Position(), c.n}
		if c.notice != "" {
			b.notice(channelsOf(c.wanted), c.notice, c.relation.Table, at)
			continue
		}
		for _, ch := range append(b.unsure[c], b.deliver(c, at)...) {
			if _, done := warned[c.relation][ch]; done || c.live && !ch.changes.takes(at) {
				continue // one that comes back was warned of what it has, and not of what follows
			}
			if warned[c.relation] == nil {
				warned[c.relation] = map[*channel]struct{}{}
			}
			warned[c.relation][ch] = struct{}{}
			b.notice([]*channel{ch}, "A change of "+c.relation.Schema+"."+c.relation.Name+" could not be checked; read the table again", c.relation.Table, at)
		}
	}
}

// deliver tells of one change those who may see it, each channel once for each selection
// of columns, and returns the channels for which that could not be decided.
func (b *batch) deliver(c *change, at place) (unsure []*channel) {
	position := at.String()
	order := make([]told, 0, len(c.wanted))
	ids := make(map[told]string, len(c.wanted))
	for _, w := range c.wanted {
		to, id := told{w.ch, w.selection}, strconv.FormatInt(w.ID, 10)
		if before, is := ids[to]; is {
			id = before + "," + id
		} else {
			order = append(order, to)
		}
		ids[to] = id
	}
	shared := map[sameRows]*sharedData{}
	for _, to := range order {
		ch := to.ch
		v, columns, row := c.row.look(ch)
		switch {
		case v == failed, v == undecided && c.event != "DELETE":
			// Of a delete the log may tell the key alone, and then nobody is told whom a
			// policy could hide it from.
			unsure = append(unsure, ch)
			continue
		case v != seen:
			continue
		}
		var old json.RawMessage
		same := sameRows{&row[0], &columns[0], nil, to.selection}
		if c.old != nil {
			old = c.oldRecord(ch)
			same.old = &old[0]
		}
		data := shared[same]
		if data == nil {
			if c.old == nil && c.event == "UPDATE" {
				old = c.keyOf(row)
			}
			data = &sharedData{
				text:   c.data(selectColumns(columns, to.selection), selectFields(row, to.selection), selectFields(old, to.selection)),
				frames: map[sameFrame][]byte{},
			}
			shared[same] = data
		}
		if ch.client.channel(ch.wire) != ch {
			continue
		}
		look := sameFrame{ch.client.v, ch.wire, ids[to], at.LSN > ch.quiet}
		text := data.frames[look]
		if text == nil {
			text = look.frame(data.text, position)
			data.frames[look] = text
		}
		b.put(ch, frame{text, c.tx.Time}, at)
	}
	return unsure
}

// sharedData is what all are told who see the same of a change, and the frames that tell
// it.
type sharedData struct {
	text   []byte
	frames map[sameFrame][]byte
}

// sameFrame is in what frames differ that have the same data.
type sameFrame struct {
	v          version
	wire, ids  string
	positioned bool
}

func (f *sameFrame) frame(data []byte, position string) []byte {
	payload := make([]byte, 0, len(data)+len(f.ids)+len(position)+40)
	payload = append(append(payload, `{"ids":[`...), f.ids...)
	payload = append(payload, ']')
	if f.positioned {
		payload = append(append(append(payload, `,"position":"`...), position...), '"')
	}
	payload = append(append(payload, `,"data":`...), data...)
	return f.v.frameText(null, null, f.wire, eventChanges, append(payload, '}'))
}

// sameRows are the texts of what somebody may see, by where they begin: all who see the
// same of them share one message.
type sameRows struct {
	row, columns, old *byte
	selection         string
}

// data is the part of the message that all who see the same share.
func (c *change) data(columns, row, old json.RawMessage) []byte {
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
		Schema: c.relation.Schema, Table: c.relation.Name, Type: c.event, Columns: columns,
		Time: c.tx.Time.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	switch c.event {
	case "DELETE":
		d.Old = row
	case "UPDATE":
		d.Record, d.Old = row, old
	default:
		d.Record = row
	}
	text, err := json.Marshal(d)
	if err != nil {
		return emptyObject // Postgres has written the parts
	}
	return text
}

// oldRecord is what of the old row of an update a caller may see, if the log has it.
func (c *change) oldRecord(ch *channel) json.RawMessage {
	if v, _, old := c.old.look(ch); v == seen {
		return old
	}
	return emptyObject
}

// keyOf leaves of a row the key, which is what is known of the old one if it was not
// changed.
func (c *change) keyOf(row json.RawMessage) json.RawMessage {
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
