package rest

import (
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
)

// document puts all together. It does no I/O.
func (d *document31) document() object {
	title, about := "REST API", "Tables, views and functions of schema "+d.schema.Name+"."
	if d.schema.Comment != "" {
		title, about = splitComment(d.schema.Comment)
	}
	server := d.server.scheme + "://" + d.server.host
	if !d.whole {
		server += strings.TrimSuffix(d.server.base, "/")
	}
	paths := d.paths() // before the schemas: what they refer to is among these
	schemas := append(d.schemas(), d.composites()...)
	doc := object{
		{"openapi", "3.1.1"},
		{"info", object{{"title", title}}.with("description", about).with("version", "1")},
		{"servers", []object{{{"url", server}}}},
		{"security", []object{{{"bearer", []string{}}}, {{"apikey", []string{}}}, {}}},
		{"paths", appendObject(paths)},
	}
	return append(doc, member{"components", object{
		{"schemas", append(schemas, common()...)},
		{"parameters", d.parameters()},
		{"responses", kindResponses()},
		{"securitySchemes", object{
			{"bearer", object{{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}, {"description", "The token of a user."}}},
			{"apikey", object{{"type", "apiKey"}, {"in", "header"}, {"name", "apikey"}, {"description", "A key that is a JWT; without any the role is the anonymous one."}}},
		}},
	}})
}

func content(schema object) object { return object{{"application/json", object{{"schema", schema}}}} }

func arrayOf(schema object) object { return object{{"type", "array"}, {"items", schema}} }

func parameterRefs(names ...string) []object {
	list := make([]object, len(names))
	for i, name := range names {
		list[i] = object{{"$ref", "#/components/parameters/" + name}}
	}
	return list
}

// operation31 is one method of a path, whose errors are those of a kind. about's first
// line is its summary.
func operation31(kind, id, tag, about string, parameters []object, body object, answers object) object {
	summary, rest := splitComment(about)
	op := object{{"operationId", id}, {"tags", []string{tag}}}.with("summary", summary).with("description", rest)
	op = op.with("parameters", parameters)
	if body != nil {
		op = append(op, member{"requestBody", object{{"required", true}, {"content", body}}})
	}
	return append(op, member{"responses", append(answers, member{"default", kindResponse(kind)})})
}

func (d *document31) paths() object {
	prefix := ""
	if d.whole {
		prefix = strings.TrimSuffix(d.cfg.Prefix, "/")
	}
	var list object
	for _, rel := range d.relations {
		list = append(list, member{prefix + "/" + string(appendEscaped(nil, rel.Name)), d.relationPath(rel)})
	}
	for _, f := range d.functions {
		list = append(list, member{prefix + "/rpc/" + string(appendEscaped(nil, f.Name)), d.functionPath(f)})
	}
	if d.whole {
		list = append(list, fixedPaths(append(Endpoints(d.cfg.Prefix, d.keyHeader(batchName)), d.fixed...))...)
	}
	return list
}

func (d *document31) relationPath(rel *catalog.Relation) object {
	name := componentName(rel.Name)
	filters := make([]string, len(rel.Columns))
	for i, col := range rel.Columns {
		filters[i] = "filter." + name + "." + componentName(col.Name)
	}
	row := schemaRef(name)
	rows := object{
		{"application/json", object{{"schema", arrayOf(row)}}},
		{"application/vnd.pgrst.object+json", object{{"schema", row}}},
		{"text/csv", object{{"schema", object{{"type", "string"}}}}},
	}
	answered := func(status, text string) object {
		return object{
			{status, object{{"description", text}}},
			{"200", object{{"description", "The rows, with Prefer: return=representation."}, {"content", rows}}},
		}
	}
	with := func(more ...string) []object { return parameterRefs(append(more, filters...)...) }
	body := func(schema object) object {
		return append(content(schema), member{"text/csv", object{{"schema", object{{"type", "string"}}}}})
	}
	var path object
	add := func(right byte, method, verb string, parameters []object, body, answers object) {
		if d.may(rel, right) {
			path = append(path, member{method, operation31(verb, name+"."+verb, rel.Name, rel.Comment, parameters, body, answers)})
		}
	}
	reading := []string{"select", "order", "limit", "offset", "or", "range", "prefer.read"}
	if d.cfg.Extensions {
		reading = append(reading, "cursor")
	}
	add('s', "get", "read", with(reading...), nil, object{
		{"200", object{{"description", "The rows."}, {"content", rows}}},
		{"206", object{{"description", "Some of the rows that were counted."}, {"content", rows}}},
	})
	insert := schemaRef(name + ".insert")
	created := object{
		{"201", object{{"description", "Put in; the rows with Prefer: return=representation."}, {"content", rows}}},
		{"200", object{{"description", "All rows were there and are changed."}, {"content", rows}}},
	}
	add('i', "post", "insert", parameterRefs(d.writing(rel.Name, "select", "columns", "on_conflict")...),
		body(object{{"anyOf", []object{insert, arrayOf(insert)}}}), created)
	add('u', "patch", "update", with(d.writing(rel.Name, "select", "columns", "or")...), body(schemaRef(name+".update")), answered("204", "Changed."))
	add('d', "delete", "delete", with(d.writing(rel.Name, "select", "or")...), nil, answered("204", "Removed."))
	return path
}

func (d *document31) functionPath(f *catalog.Function) object {
	name, tag := "rpc."+componentName(f.Name), "rpc"
	ok := object{{"200", object{{"description", "What it returns."}, {"content", content(d.returned(f))}}}}
	if f.Returns.Void() {
		ok = object{{"204", object{{"description", "Done; it returns nothing."}}}}
	}
	var path object
	if f.Volatility != catalog.Volatile && (len(f.Params) == 0 || f.Params[0].Name != "") {
		var list []object
		for i := range f.Params {
			a := &f.Params[i]
			s := d.typeSchema(a.Type, false)
			if !a.Variadic && strings.HasSuffix(a.Type, "[]") {
				s = object{{"type", "string"}, {"description", "an array as Postgres writes it: {1,2}"}}
			}
			list = append(list, object{{"name", a.Name}, {"in", "query"}, {"required", a.Required}, {"schema", s}})
		}
		path = append(path, member{"get", operation31("call", name+".get", tag, f.Comment, append(list, parameterRefs("prefer.read")...), nil, ok)})
	}
	body := content(d.arguments(f))
	if len(f.Params) == 1 && f.Params[0].Name == "" {
		switch f.Params[0].Type {
		case "text", "xml":
			body = object{{map[string]string{"text": "text/plain", "xml": "text/xml"}[f.Params[0].Type], object{{"schema", object{{"type", "string"}}}}}}
		case "bytea":
			body = object{{"application/octet-stream", object{}}}
		default:
			body = content(object{{"description", "any JSON"}})
		}
	}
	calling := []string{"prefer.write"}
	if f.Volatility == catalog.Volatile { // others write nothing
		calling = d.writing("rpc/" + f.Name)
	}
	return append(path, member{"post", operation31("call", name, tag, f.Comment, parameterRefs(calling...), body, ok)})
}

// arguments are the body of a call.
func (d *document31) arguments(f *catalog.Function) object {
	var required []string
	var properties object
	for i := range f.Params {
		a := &f.Params[i]
		if a.Required {
			required = append(required, a.Name)
		}
		properties = append(properties, member{a.Name, d.typeSchema(a.Type, true)})
	}
	s := object{{"type", "object"}}.with("required", required)
	return append(s, member{"properties", appendObject(properties)})
}

// returned is the answer of a function.
func (d *document31) returned(f *catalog.Function) object {
	var one object
	switch rel := d.catalog.Relation(f.Returns.Schema, f.Returns.Name); {
	case f.Returns.Composite && rel != nil && rel.Schema == d.schema.Name && d.rights[rel.OID()] != "":
		one = schemaRef(componentName(rel.Name))
	case f.Returns.Composite && d.types[f.Returns.Type].Fields == nil, f.Returns.Type == "record":
		one = object{{"type", "object"}}
	default:
		one = d.typeSchema(f.Returns.Type, !f.Returns.Set)
	}
	if f.Returns.Set {
		return arrayOf(one)
	}
	return one
}

// parameters are those that operations refer to.
func (d *document31) parameters() object {
	param := func(name, in, about string, schema object) object {
		return object{{"name", name}, {"in", in}, {"description", about}, {"schema", schema}}
	}
	text, number := object{{"type", "string"}}, object{{"type", "integer"}, {"minimum", 0}}
	list := object{
		{"select", param("select", "query", "Columns and embedded relations: id,title,comments(body)", text)},
		{"order", param("order", "query", "created_at.desc,id", text)},
		{"limit", param("limit", "query", "Most rows.", number)},
		{"offset", param("offset", "query", "Rows to pass over.", number)},
		{"or", param("or", "query", "Conditions of which one must hold: (id.eq.1,title.like.A*)", text)},
		{"cursor", param("cursor", "query", "Empty for the first page; then the X-Next-Cursor of the last answer.", text)},
		{"columns", param("columns", "query", "The keys of the body that count.", text)},
		{"on_conflict", param("on_conflict", "query", "Columns of a unique key, for Prefer: resolution.", text)},
		{"range", param("Range", "header", "Rows by number: 0-9", text)},
		{"prefer.read", param("Prefer", "header", "count=exact, count=planned, count=estimated; handling=strict; timezone=Europe/Vienna", text)},
		{"prefer.write", param("Prefer", "header", "return=representation, return=headers-only, return=minimal; count=exact; resolution=merge-duplicates, "+
			"resolution=ignore-duplicates; missing=default; max-affected=10; handling=strict; tx=rollback", text)},
	}
	if d.keyName != "" {
		list = append(list, member{keyParameter, param(d.keyName, "header", keyAbout, text)})
	}
	for _, rel := range d.relations {
		for _, col := range rel.Columns {
			list = append(list, member{
				"filter." + componentName(rel.Name) + "." + componentName(col.Name),
				object{{"name", col.Name}, {"in", "query"}}.with("description", col.Comment).with("schema", schemaRef("fx.filter")),
			})
		}
	}
	return list
}
