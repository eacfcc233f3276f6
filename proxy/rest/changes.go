package rest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// A PATCH of changesMedia says for each column what to do with the value that is
// there: {"views": {"inc": 1}}. Postgres does it to the row as it is under its lock,
// so nothing that others do at once is lost.

const changesMedia = "application/vnd.fluxbase.changes+json"

var changeNames = []string{"set", "inc", "mul", "min", "max", "append", "remove", "merge", "now"}

// change is what happens to one column.
type change struct {
	column, op string
	value      int  // index of {"v": value}
	list       bool // the value is an array
}

func badChange(message string) *web.Error { return web.New("patch_invalid", message) }

// readChanges reads a body of changesMedia.
func (r *request) readChanges() error {
	shape, err := scanJSON(r.body)
	switch {
	case err != nil:
		return err
	case shape.array || shape.other || len(shape.keys) == 0:
		return badChange("the body is an object of columns and what to do with them: {\"views\": {\"inc\": 1}}")
	}
	for i, column := range shape.keys {
		one := r.body[shape.values[i].start:shape.values[i].end]
		inner, err := scanJSON(one)
		if err != nil {
			return err
		}
		if inner.array || inner.other || len(inner.keys) != 1 || !slices.Contains(changeNames, inner.keys[0]) {
			return badChange("'" + column + "' has to be an object with one of " + strings.Join(changeNames, ", "))
		}
		value := one[inner.values[0].start:inner.values[0].end]
		r.changes = append(r.changes, change{
			column: column, op: inner.keys[0], list: value[0] == '[',
			value: r.addValue(`{"v":` + string(value) + `}`),
		})
	}
	return nil
}

func (c *change) appendShape(b []byte) []byte {
	b = append(append(b, 3, byte(b2i(c.list))), c.op...)
	return append(append(append(b, 0), c.column...), 0)
}

var numbers = []string{"smallint", "integer", "bigint", "numeric", "real", "double precision"}

// changeRow writes the update of changes.
func (p *planner) changeRow(q *query.SQL, rel *catalog.Relation, pl *plan) error {
	q.Add("update ").Ident(rel.Schema).Add(".").Ident(rel.Name).Add(" set ")
	for i := range p.r.changes {
		ch := &p.r.changes[i]
		c := rel.Column(ch.column)
		if c == nil {
			return unknownColumn(rel.Name, ch.column)
		}
		if i > 0 {
			q.Add(", ")
		}
		q.Ident(c.Name).Add(" = ")
		if !p.changed(q, rel, c, i) {
			return badChange("'" + ch.op + "' is nothing to do with '" + c.Name + "', which is " + c.Type)
		}
	}
	q.Where(rel.Name, p.root.where, noEmbeds)
	p.matchVersions(q, rel, pl)
	return nil
}

// changed writes the new value of c by the ith change; false if there is none for its
// type.
func (p *planner) changed(q *query.SQL, rel *catalog.Relation, c *catalog.Column, i int) bool {
	ch := &p.r.changes[i]
	lost := raise(raisePlace+strconv.Itoa(i)) + "::text::jsonb end"
	column := query.Ident(rel.Name) + "." + query.Ident(c.Name)
	element, isArray := strings.CutSuffix(c.Base, "[]")
	value := func(typ string) {
		q.Add("(select v from json_to_record(").Param(ch.value).Add("::json) as _fx_v(v ", typ, "))")
	}
	switch isNumber, isJSON := slices.Contains(numbers, c.Base), c.Base == "jsonb"; {
	case ch.op == "set":
		if f := p.catalog.Format("json", c.Type); f != "" {
			q.Add(f, "(")
			value("json")
			q.Add(")")
		} else {
			value(c.Type)
		}
	case ch.op == "now":
		q.Add("now()::", c.Type)
	case (ch.op == "inc" || ch.op == "mul") && isNumber:
		q.Add("coalesce(", column, ", 0) ", [...]string{"+", "*"}[b2i(ch.op == "mul")], " ")
		value(c.Base)
	case ch.op == "min" || ch.op == "max":
		q.Add([...]string{"least", "greatest"}[b2i(ch.op == "max")], "(", column, ", ")
		value(c.Type)
		q.Add(")")
	case (ch.op == "append" || ch.op == "remove") && isArray:
		switch {
		case ch.op == "remove":
			q.Add("array_remove(")
		case ch.list:
			element = c.Base
			q.Add("array_cat(")
		default:
			q.Add("array_append(")
		}
		q.Add(column, "::", c.Base, ", ")
		value(element)
		q.Add(")")
	case ch.op == "append" && isJSON:
		q.Add("case when jsonb_typeof(coalesce(", column, ", '[]')) = 'array' then coalesce(", column, ", '[]') || jsonb_build_array(")
		value("jsonb")
		q.Add(") else ", lost)
	case ch.op == "remove" && isJSON:
		q.Add("case when ", column, " is null then null when jsonb_typeof(", column,
			") = 'array' then (select coalesce(jsonb_agg(e order by n), '[]') from jsonb_array_elements(", column,
			") with ordinality as _fx_e(e, n) where e <> ")
		value("jsonb")
		q.Add(") else ", lost)
	case ch.op == "merge" && isJSON:
		q.Add("case when jsonb_typeof(coalesce(", column, ", '{}')) = 'object' and jsonb_typeof(")
		value("jsonb")
		q.Add(") = 'object' then coalesce(", column, ", '{}') || ")
		value("jsonb")
		q.Add(" else ", lost)
	default:
		return false
	}
	return true
}
