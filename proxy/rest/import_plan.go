package rest

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// load is what of a plan is for an import.
type load struct {
	// stage makes the temporary table, copy fills it, insert takes the rows of the
	// lines from $1 to $2 out of it; after gives what functions said of headers and
	// status, and whether rows are new.
	stage, copy, insert, after string
	// names are the columns that the body fills, hows how their values are written.
	names []string
	hows  []staging
	// rest tells that there are columns of stageRest.
	rest bool
	// defaults tells that a missing value is its column's default.
	defaults bool
	// progress tells that the answer says how far it is.
	progress bool
}

// staging is how a value comes into the temporary table.
type staging uint8

const (
	stageText staging = iota // as the input function of its type reads it
	stageJSON
	stageRest // in an object of JSON, for types that only the caller may be allowed to use
)

var modifiers = regexp.MustCompile(`\([^)]*\)`)

// stagingOf tells how the temporary table has a column, and its type there.
func (p *planner) stagingOf(c *catalog.Column) (staging, string) {
	switch {
	case p.catalog.Format("json", c.Type) != "":
	case c.Type == "json" || c.Type == "jsonb":
		return stageJSON, c.Type
	case len(c.Enum) > 0 && c.Base == c.Type:
		return stageText, "text"
	case inputTypes[c.Base] && modifiers.ReplaceAllString(c.Type, "") == c.Base:
		return stageText, c.Type
	}
	return stageRest, ""
}

// importRows plans an import.
func (p *planner) importRows(rel *catalog.Relation) (*plan, error) {
	pl := &plan{mode: readWrite, relation: rel.Name, applied: p.writeApplied(rel)}
	cols, err := p.bodyColumns(rel)
	if err != nil {
		return nil, err
	}
	l := &load{defaults: p.r.columns && p.r.prefs.missing == missingDefault}
	pl.load = l
	pl.guard = p.guard // but for the cost, of which nobody can tell before the rows have come
	if types := acceptable(p.r.accept); len(types) > 0 && types[0].lines() {
		l.progress = true
	} else if err := p.negotiate(pl, nil); err != nil {
		return nil, err
	}

	stage := new(query.SQL).Add("create temporary table pg_temp._fx_import (line bigint, missing smallint[], rest json")
	into := new(query.SQL).Add("copy pg_temp._fx_import (line, missing, rest")
	for i, c := range cols {
		how, kind := p.stagingOf(c)
		l.names, l.hows = append(l.names, c.Name), append(l.hows, how)
		if how == stageRest {
			l.rest = true
			continue
		}
		name := "c" + strconv.Itoa(i)
		stage.Add(", ", name, " ", kind)
		into.Add(", ", name)
	}
	l.stage = stage.Add(") on commit drop").String()
	l.copy = into.Add(") from stdin").String()

	q := new(query.SQL).Add("insert into ").Ident(rel.Schema).Add(".").Ident(rel.Name)
	if len(cols) > 0 {
		q.Add(" (")
		identList(q, cols)
		q.Add(")")
	}
	q.Add(" select ")
	for i, c := range cols {
		if i > 0 {
			q.Add(", ")
		}
		p.staged(q, l, i, c)
	}
	q.Add(" from pg_temp._fx_import as _fx_import")
	if l.rest {
		p.restRecord(q, l, cols)
	}
	q.Add(" where _fx_import.line between $1 and $2")
	if p.upserts() {
		q.Add(" and ", countInserted("+ 1", "0"))
		pl.inserted = nextColumn
	}
	if err := p.onConflict(q, rel, cols, false); err != nil {
		return nil, err
	}
	l.insert = q.String()
	l.after = "select null, null" + gucs + ", nullif(current_setting('" + insertedGUC + "', true), '')"
	return pl, nil
}

// staged writes the value of the column at place i out of the temporary table.
func (p *planner) staged(q *query.SQL, l *load, i int, c *catalog.Column) {
	n := strconv.Itoa(i)
	value := "_fx_import.c" + n
	if l.hows[i] == stageRest {
		value = "_fx_rest.c" + n
		if f := p.catalog.Format("json", c.Type); f != "" {
			value = f + "(" + value + ")"
		}
	} else if len(c.Enum) > 0 {
		value += "::" + c.Type
	}
	if l.defaults && c.Default != "" {
		value = "case when " + n + " = any (_fx_import.missing) then " + c.Default + " else " + value + " end"
	}
	q.Add(value)
}

// restRecord writes the from item that reads the objects of JSON.
func (p *planner) restRecord(q *query.SQL, l *load, cols []*catalog.Column) {
	q.Add(", json_to_record(_fx_import.rest) as _fx_rest(")
	first := true
	for i, c := range cols {
		if l.hows[i] != stageRest {
			continue
		}
		kind := c.Type
		if p.catalog.Format("json", c.Type) != "" {
			kind = "json"
		}
		if !first {
			q.Add(", ")
		}
		first = false
		q.Add("c", strconv.Itoa(i), " ", kind)
	}
	q.Add(")")
}

// lines tells one JSON value a line.
func (m mediaType) lines() bool { return m.kind == mediaOther && slices.Contains(lineTypes, m.name()) }
