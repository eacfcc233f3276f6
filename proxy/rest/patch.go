package rest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// A PATCH of application/json-patch+json (RFC 6902) is applied to each row that the
// filters choose, as the JSON document that a read shows. One update does it under
// the row's lock: a step for each operation, from the columns that the paths name to
// the same columns.

const (
	patchMedia      = "application/json-patch+json"
	maxPatchActions = 100
)

var (
	errPatchTest  = web.New("patch_test_failed", "a row is not as the patch expects it; nothing was changed")
	errPatchPlace = web.New("patch_place", "a row has nothing, or no object or array, where the patch leads; nothing was changed")
)

func badPatch(i int, message string) *web.Error {
	return web.New("patch_invalid", "operation "+strconv.Itoa(i)+" of the patch: "+message)
}

// patchAction is one operation of a JSON Patch.
type patchAction struct {
	op       string
	to, from patchPath
	value    int // index of the value, -1 if there is none
}

// patchPath is a way to a column, or into it. The numbers are indexes of values: the
// whole way, that to what holds its last step, and, if that may be an index, the index.
type patchPath struct {
	tokens              []string
	whole, parent, last int
	// objects are the ways to what must be an object, because Postgres would read the
	// step after it as an index although it is none (RFC 6901, 4).
	objects []int
}

func (pp *patchPath) column() string { return pp.tokens[0] }
func (pp *patchPath) deep() bool     { return len(pp.tokens) > 1 }
func (pp *patchPath) end() bool      { return pp.tokens[len(pp.tokens)-1] == "-" }

// readPatch reads a body of patchMedia.
func (r *request) readPatch() error {
	if _, err := scanJSON(r.body); err != nil {
		return err
	}
	var list []struct {
		Op, Path, From *string
		Value          json.RawMessage
	}
	if err := json.Unmarshal(r.body, &list); err != nil || len(list) == 0 || len(list) > maxPatchActions {
		return web.New("patch_invalid", "a patch is an array of 1 to 100 operations: {\"op\", \"path\", \"value\" or \"from\"}").Because(err)
	}
	for i, one := range list {
		if one.Op == nil || one.Path == nil {
			return badPatch(i, "op and path have to be there")
		}
		a := patchAction{op: *one.Op, value: -1}
		var err error
		if a.to, err = r.patchPath(i, *one.Path); err != nil {
			return err
		}
		switch a.op {
		case "add", "replace", "test":
			if one.Value == nil {
				return badPatch(i, "value has to be there")
			}
			a.value = r.addValue(string(one.Value))
		case "remove":
		case "move", "copy":
			if one.From == nil {
				return badPatch(i, "from has to be there")
			}
			if a.from, err = r.patchPath(i, *one.From); err != nil {
				return err
			}
			if n := len(a.from.tokens); a.op == "move" && n < len(a.to.tokens) && slices.Equal(a.from.tokens, a.to.tokens[:n]) {
				return badPatch(i, "nothing can be moved into itself")
			}
		default:
			return badPatch(i, "the operations are add, remove, replace, move, copy and test")
		}
		r.patch = append(r.patch, a)
	}
	return nil
}

func (r *request) patchPath(i int, s string) (pp patchPath, err error) {
	tokens, ok := parsePointer(s)
	if !ok || tokens == nil || len(tokens) > maxJSONDepth {
		return pp, badPatch(i, "\""+s+"\" is no JSON pointer to a column or into it")
	}
	pp.tokens = tokens
	n := len(tokens)
	pp.whole = r.addValue(textArray(tokens))
	pp.parent = r.addValue(textArray(tokens[:n-1]))
	pp.last = -1
	for j, t := range tokens[1:] {
		index, ok := arrayIndex(t)
		switch {
		case ok && j == n-2:
			pp.last = r.addValue(strconv.Itoa(index))
		case ok:
		case strings.Trim(t, " \t\n\r\f\v+-0123456789") == "" && t != "-":
			pp.objects = append(pp.objects, r.addValue(textArray(tokens[:j+1])))
		}
	}
	return pp, nil
}

// textArray writes an array literal of Postgres.
func textArray(list []string) string {
	b := []byte{'{'}
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)...), '"')
	}
	return string(append(b, '}'))
}

func (pp *patchPath) appendShape(b []byte) []byte {
	if pp.tokens == nil {
		return append(b, 0)
	}
	kind := 1 + b2i(pp.deep()) + 2*b2i(pp.last >= 0) + 4*b2i(pp.end())
	return append(append(append(b, byte(kind), byte(len(pp.objects))), pp.column()...), 0)
}

func (a *patchAction) appendShape(b []byte) []byte {
	b = append(append(b, 2), a.op...)
	return a.from.appendShape(a.to.appendShape(b))
}

// patchRow writes the update of a JSON Patch.
func (p *planner) patchRow(q *query.SQL, rel *catalog.Relation, pl *plan) error {
	var used, changed []*catalog.Column
	for i := range p.r.patch {
		a := &p.r.patch[i]
		for _, pp := range []*patchPath{&a.to, &a.from} {
			if pp.tokens == nil {
				continue
			}
			c := rel.Column(pp.column())
			if c == nil {
				return unknownColumn(rel.Name, pp.column())
			}
			if !slices.Contains(used, c) {
				used = append(used, c)
			}
			writes := a.op != "test" && (pp == &a.to || a.op == "move")
			if writes && !slices.Contains(changed, c) {
				changed = append(changed, c)
			}
		}
	}
	q.Add("update ").Ident(rel.Schema).Add(".").Ident(rel.Name).Add(" set (")
	if len(changed) > 0 {
		identList(q, changed)
	} else {
		q.Ident(used[0].Name) // to itself: only tests, which are made under its lock
	}
	q.Add(") = (select ")
	for i, c := range changed {
		if i > 0 {
			q.Add(", ")
		}
		p.bodyValue(q, c, "_fx_b")
	}
	if len(changed) == 0 {
		q.Add("case when _fx_d is not null then ").Column(rel.Name, used[0].Name).Add(" end")
	}
	q.Add(" from ")
	p.patchSteps(q, rel, used, len(p.r.patch))
	if len(changed) > 0 {
		q.Add(", jsonb_to_record(_fx_d) as _fx_b(")
		p.recordColumns(q, changed)
		q.Add(")")
	}
	q.Add(")")
	q.Where(rel.Name, p.root.where, noEmbeds)
	p.matchVersions(q, rel, pl)
	return nil
}

// patchSteps writes a from item with the document _fx_d after n operations. offset 0
// keeps the steps apart: merged into one expression they would double with each.
func (p *planner) patchSteps(q *query.SQL, rel *catalog.Relation, used []*catalog.Column, n int) {
	if n == 0 {
		q.Add("(select jsonb_build_object(")
		for i, c := range used {
			if i > 0 {
				q.Add(", ")
			}
			format := p.catalog.Format(c.Type, "json")
			if format == "" {
				format = "to_jsonb"
			}
			q.Add(query.Literal(c.Name), ", ", format, "(").Column(rel.Name, c.Name).Add(")")
		}
		q.Add(") as _fx_d offset 0) as _fx_s")
		return
	}
	a := &p.r.patch[n-1]
	lost := raise(raisePlace+strconv.Itoa(n-1)) + "::text::jsonb"
	at := func(value int) *query.SQL { return q.Add("_fx_d #> ").Param(value).Add("::text[]") }
	if a.op == "test" {
		lost = raise(raiseTest+strconv.Itoa(n-1)) + "::text::jsonb"
	}
	q.Add("(select case when ")
	for _, object := range slices.Concat(a.to.objects, a.from.objects) {
		q.Add("jsonb_typeof(")
		at(object).Add(") is distinct from 'object' or ")
	}
	from := a.op == "move" || a.op == "copy"
	switch {
	case from:
		q.Add("_fx_v is null then ", lost, " else ")
	case a.op == "test":
		q.Add("((")
		at(a.to.whole).Add(") = ").Param(a.value).Add("::jsonb) is not true then ", lost, " else ")
	case a.to.deep() && a.op != "add":
		q.Add("(")
		at(a.to.whole).Add(") is null then ", lost, " else ")
	default:
		q.Add("false then ", lost, " else ")
	}
	value := func() {
		if from {
			q.Add("_fx_v")
		} else {
			q.Param(a.value).Add("::jsonb")
		}
	}
	switch {
	case a.op == "test":
		q.Add("_fx_d")
	case a.op == "remove":
		takeOut(q, &a.to)
	case a.op == "replace" || !a.to.deep():
		putIn(q, &a.to, value)
	default:
		addTo(q, &a.to, value, lost, at)
	}
	q.Add(" end as _fx_d from ")
	if !from {
		p.patchSteps(q, rel, used, n-1)
		q.Add(" offset 0) as _fx_s")
		return
	}
	q.Add("(select ")
	if a.op == "move" {
		takeOut(q, &a.from)
	} else {
		q.Add("_fx_d")
	}
	q.Add(" as _fx_d, ")
	at(a.from.whole).Add(" as _fx_v from ")
	p.patchSteps(q, rel, used, n-1)
	q.Add(" offset 0) as _fx_s offset 0) as _fx_s")
}

// takeOut writes the document without what is at pp; a column becomes null.
func takeOut(q *query.SQL, pp *patchPath) {
	if pp.deep() {
		q.Add("_fx_d #- ").Param(pp.whole).Add("::text[]")
	} else {
		putIn(q, pp, func() { q.Add("'null'::jsonb") })
	}
}

func putIn(q *query.SQL, pp *patchPath, value func()) {
	q.Add("jsonb_set(_fx_d, ").Param(pp.whole).Add("::text[], ")
	value()
	q.Add(")")
}

// addTo writes the document with a new member, or a new element before the index.
func addTo(q *query.SQL, pp *patchPath, value func(), lost string, at func(int) *query.SQL) {
	q.Add("case jsonb_typeof(")
	at(pp.parent).Add(") when 'object' then ")
	putIn(q, pp, value)
	switch {
	case pp.end():
		q.Add(" when 'array' then jsonb_set(_fx_d, ").Param(pp.parent).Add("::text[], (")
		at(pp.parent).Add(") || jsonb_build_array(")
		value()
		q.Add("))")
	case pp.last >= 0:
		q.Add(" when 'array' then case when ").Param(pp.last).Add("::int <= jsonb_array_length(")
		at(pp.parent).Add(") then jsonb_insert(_fx_d, ").Param(pp.whole).Add("::text[], ")
		value()
		q.Add(") else ", lost, " end")
	}
	q.Add(" else ", lost, " end")
}
