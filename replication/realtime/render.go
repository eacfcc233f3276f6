package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// rendering is a set of rows as JSON, for all of a role who may see them.
type rendering struct {
	columns json.RawMessage
	place   []int             // of the columns in rows
	names   []string          // as JSON, with the colon
	forms   []string          // of their values
	rows    []json.RawMessage // by number from 1; nil until it is made
	failed  bool
}

// render prepares what those get for whom plans decide: here where it is known how
// Postgres writes a type as JSON, and else by Postgres.
func (h *Hub) render(ctx context.Context, b *batch) {
	for _, c := range b.changes {
		for _, img := range []*image{c.row, c.old} {
			if img == nil {
				continue
			}
			for _, w := range c.wanted {
				p, s := img.set.seat(w.ch)
				if s == nil || img.set.rendered[p] != nil {
					continue
				}
				if img.set.rendered == nil {
					img.set.rendered = map[*plan]*rendering{}
				}
				img.set.rendered[p] = h.rendering(ctx, img.set, p)
			}
		}
	}
}

func (h *Hub) rendering(ctx context.Context, set *imageSet, p *plan) *rendering {
	r := &rendering{rows: make([]json.RawMessage, len(set.rows))}
	type named struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	columns := []named{}
	simple := true
	for i, place := range set.columns {
		c := p.columns[set.relation.Columns[place].Name]
		if c == nil || !c.Granted {
			continue
		}
		columns = append(columns, named{c.Name, c.Type})
		r.place, r.names, r.forms = append(r.place, i), append(r.names, string(plainQuote(c.Name))+":"), append(r.forms, c.Form)
		for _, row := range set.rows {
			simple = simple && (row[i] == nil || fits(c.Form, *row[i]))
		}
	}
	r.columns, _ = json.Marshal(columns) // texts never fail
	if simple || len(r.place) == 0 {
		return r
	}
	if err := h.renderThere(ctx, set, p, r); err != nil {
		h.Log.Warn("changed rows could not be written", "table", set.relation.Name, "role", p.role, "error", err)
		r.failed = true
	}
	return r
}

// renderThere has Postgres write the rows.
func (h *Hub) renderThere(ctx context.Context, set *imageSet, p *plan, r *rendering) error {
	part := imageSet{relation: set.relation}
	for _, place := range r.place {
		part.columns = append(part.columns, set.columns[place])
	}
	for _, row := range set.rows {
		texts := make([]*string, len(r.place))
		for i, place := range r.place {
			texts[i] = row[place]
		}
		part.rows = append(part.rows, texts)
	}
	names, types, rows := part.arguments()
	ctx, cancel := context.WithTimeout(ctx, seeTimeout)
	defer cancel()
	res, err := h.pool(pg.Caller{Role: p.role}).Do(ctx, &pg.Tx{SearchPath: searchPath, Mode: pg.ReadOnly, Main: pg.Statement{
		SQL: `select realtime.render($1, $2, $3, $4)`, Args: [][]byte{[]byte(p.role), names, types, rows},
	}})
	if err != nil {
		return err
	}
	defer res.Free()
	r.rows = nil
	if err := json.Unmarshal(res.Values[0], &r.rows); err != nil || len(r.rows) != len(set.rows) {
		return errors.New("realtime.render is not that of this release")
	}
	return nil
}

// row is row n as row_to_json writes it.
func (r *rendering) row(set *imageSet, n int) json.RawMessage {
	if r.rows[n-1] != nil {
		return r.rows[n-1]
	}
	text := []byte{'{'}
	for i, place := range r.place {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, r.names[i]...)
		v := set.rows[n-1][place]
		switch {
		case v == nil:
			text = append(text, null...)
		case r.forms[i] == "json", r.forms[i] == "number" && isNumber(*v):
			text = append(text, *v...)
		case r.forms[i] == "boolean":
			text = append(text, map[string]string{"t": "true", "f": "false"}[*v]...)
		case r.forms[i] == "timestamp":
			text = append(text, plainQuote(timestamp(*v))...)
		default:
			text = append(text, plainQuote(*v)...)
		}
	}
	r.rows[n-1] = append(text, '}')
	return r.rows[n-1]
}

// fits tells whether a value of a form is of those that are written here.
func fits(form, v string) bool {
	switch form {
	case "boolean":
		return v == "t" || v == "f"
	case "timestamp":
		return zoned.MatchString(v)
	}
	return form != ""
}

// zoned are the usual texts of timestamp and timestamptz in UTC.
var zoned = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?(\+00)?$`)

// timestamp writes one of zoned as XML Schema has it, which is how JSON gets it.
func timestamp(v string) string {
	v = v[:10] + "T" + v[11:]
	if strings.HasSuffix(v, "+00") {
		v += ":00"
	}
	return v
}

// isNumber tells a number of JSON from infinities and the like.
func isNumber(v string) bool {
	v = strings.TrimPrefix(v, "-")
	return v != "" && v[0] >= '0' && v[0] <= '9'
}

// plainQuote is quote without the escapes that are there for HTML.
func plainQuote(s string) []byte {
	if slices.ContainsFunc([]byte(s), func(c byte) bool { return c < ' ' || c == '"' || c == '\\' || c > '~' }) {
		return quote(s)
	}
	return append(append([]byte{'"'}, s...), '"')
}
