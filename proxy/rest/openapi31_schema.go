package rest

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// formats are those of JSON Schema and OpenAPI for what Postgres writes as text.
var formats = map[string]string{
	"uuid": "uuid", "date": "date", "timestamp with time zone": "date-time",
	"smallint": "int32", "integer": "int32", "bigint": "int64", "real": "float", "double precision": "double",
}

// typeSchema is the JSON Schema (2020-12) of a type as format_type writes it.
func (d *document31) typeSchema(typ string, nullable bool) object {
	if element, ok := strings.CutSuffix(typ, "[]"); ok {
		return typed("array", nullable).with("items", d.typeSchema(element, true))
	}
	made := d.types[typ]
	switch {
	case made.Base != "":
		return d.typeSchema(made.Base, nullable)
	case made.Enum != nil:
		return enumSchema(made.Enum, nullable)
	case made.Fields != nil:
		d.used[typ] = true
		ref := schemaRef("type." + componentName(typ))
		if nullable {
			return object{{"anyOf", []object{ref, {{"type", "null"}}}}}
		}
		return ref
	}
	base, _, _ := strings.Cut(typ, "(")
	kind := swaggerType(base)
	if kind == "" {
		return object{{"description", "any JSON"}}
	}
	s := typed(kind, nullable).with("format", formats[typ])
	if kind == "string" && formats[typ] == "" && base != "text" && base != "character varying" && base != "character" {
		s = append(s, member{"x-postgres-type", typ})
	}
	return s
}

// typed is a schema of a type, or of it and null.
func typed(kind string, nullable bool) object {
	if nullable {
		return object{{"type", []string{kind, "null"}}}
	}
	return object{{"type", kind}}
}

func enumSchema(labels []string, nullable bool) object {
	s := typed("string", nullable)
	list := appendValue(nil, labels)
	if nullable {
		list = append(list[:len(list)-1], ",null]"...)
	}
	return append(s, member{"enum", json.RawMessage(list)})
}

func (d *document31) columnSchema(rel *catalog.Relation, col *catalog.Column) object {
	var s object
	if len(col.Enum) > 0 {
		s = enumSchema(col.Enum, col.Nullable)
	} else {
		s = d.typeSchema(col.Base, col.Nullable)
	}
	if col.MaxLength > 0 {
		s = s.with("maxLength", col.MaxLength)
	}
	notes := []string{col.Comment}
	if slices.Contains(rel.PrimaryKey, col.Name) {
		notes = append(notes, "Primary key.")
	}
	if table, column := reference(rel, col.Name); table != "" {
		notes = append(notes, "Foreign key to "+table+"."+column+".")
	}
	if text := strings.TrimSpace(strings.Join(notes, "\n")); text != "" {
		s = slices.DeleteFunc(s, func(m member) bool { return m.name == "description" })
		s = append(s, member{"description", text})
	}
	if value := defaultValue(columnType(col), col.Default); value != nil {
		s = append(s, member{"default", value})
	}
	if fixed(col) {
		s = append(s, member{"readOnly", true})
	}
	return s
}

// fixed tells a column that nobody gives a value.
func fixed(col *catalog.Column) bool { return col.Generated != "" || col.Identity == "a" }

// schemas are those of the relations, one for what is read and one each for what is
// put in and changed, of the types, and of what is the same everywhere.
func (d *document31) schemas() object {
	var list object
	for _, rel := range d.relations {
		name := componentName(rel.Name)
		var row, put object
		var present, required []string
		for _, col := range rel.Columns {
			s := d.columnSchema(rel, col)
			row = append(row, member{col.Name, s})
			present = append(present, col.Name)
			if fixed(col) {
				continue
			}
			// Of a body, generators take what has a default for what must be there.
			put = append(put, member{col.Name, slices.DeleteFunc(slices.Clone(s), func(m member) bool { return m.name == "default" })})
			if !col.Nullable && col.Default == "" && col.Identity == "" && !rel.IsView() {
				required = append(required, col.Name)
			}
		}
		of := func(what string, properties object, required []string) object {
			s := object{{"type", "object"}}.with("description", strings.TrimSpace(rel.Comment+what))
			return append(s.with("required", required), member{"properties", appendObject(properties)})
		}
		list = append(list, member{name, of("", row, present)})
		if d.may(rel, 'i') {
			list = append(list, member{name + ".insert", of("\n\nA new row.", put, required)})
		}
		if d.may(rel, 'u') {
			list = append(list, member{name + ".update", of("\n\nColumns to change.", put, nil)})
		}
	}
	return list
}

// appendObject keeps an object that has no members.
func appendObject(o object) json.RawMessage { return appendValue(nil, o) }

// composites are the types that schemas have referred to, and those that these do.
func (d *document31) composites() object {
	var list object
	for done := map[string]bool{}; len(done) < len(d.used); {
		for _, name := range sortedKeys(d.used) {
			if done[name] {
				continue
			}
			done[name] = true
			var fields object
			var present []string
			for _, f := range d.types[name].Fields {
				fields = append(fields, member{f.Name, d.typeSchema(f.Type, true)})
				present = append(present, f.Name)
			}
			s := object{{"type", "object"}}.with("description", d.types[name].Comment).with("required", present)
			list = append(list, member{"type." + componentName(name), append(s, member{"properties", appendObject(fields)})})
		}
	}
	return list
}

func sortedKeys(m map[string]bool) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// common are the schemas that every document has.
func common() object {
	var operators []string
	for op := query.Eq; op <= query.WebFTS; op++ {
		operators = append(operators, op.String())
	}
	codes := make([]string, len(web.Codes))
	for i, c := range web.Codes {
		codes[i] = c.Code
	}
	text := func(about string) object { return object{{"type", "string"}, {"description", about}} }
	return object{
		{"fx.filter", object{
			{"type", "string"},
			{"description", "An operator, a dot and a value: eq.5, not.in.(1,2), like(any).{a*,b*}, fts(english).word, is.null."},
			{"pattern", `^(not\.)?(` + strings.Join(operators, "|") + `)(\([^)]*\))?\.`},
		}},
		{"fx.error", object{
			{"type", "object"},
			{"description", "What was wrong. docs/reference/errors.md lists the codes."},
			{"required", []string{"code", "message", "details", "hint"}},
			{"properties", object{
				{"code", object{
					{"description", "One of ours, or an SQLSTATE, also of your own functions."},
					{"anyOf", []object{{{"type", "string"}, {"enum", codes}}, {{"type", "string"}}}},
				}},
				{"message", text("What happened, for people.")},
				{"details", object{{"description", "More about it: text or JSON."}}},
				{"hint", append(typed("string", true), member{"description", "How to mend it."})},
				{"error", text("The message once more.")},
				{"request_id", text("Leads to the line in the server's log.")},
			}},
		}},
		{"fx.problem", object{
			{"type", "object"},
			{"description", "The same as problem+json (RFC 9457), for who prefers that in Accept."},
			{"required", []string{"type", "title", "status", "detail", "instance", "code", "request_id"}},
			{"properties", object{
				{"type", text("urn:fluxbase:error: and the code.")},
				{"title", text("What all errors of this code have in common.")},
				{"status", object{{"type", "integer"}}},
				{"detail", text("What happened, for people.")},
				{"instance", text("urn:fluxbase:request: and the request id.")},
				{"code", text("As in fx.error.")},
				{"details", object{{"description", "More about it: text or JSON."}}},
				{"hint", append(typed("string", true), member{"description", "How to mend it."})},
				{"request_id", text("Leads to the line in the server's log.")},
			}},
		}},
	}
}
