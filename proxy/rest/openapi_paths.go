package rest

import (
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
)

func (d *description) paths() object {
	list := object{{"/", object{{"get", object{
		{"produces", []string{"application/openapi+json", "application/json"}},
		{"responses", responses("200", "OK")},
		{"summary", "OpenAPI description (this document)"},
		{"tags", []string{"Introspection"}},
	}}}}}
	for _, rel := range d.relations {
		list = append(list, member{"/" + rel.Name, relationPath(rel)})
	}
	for _, f := range d.functions {
		list = append(list, member{"/rpc/" + f.Name, functionPath(f)})
	}
	return list
}

func responses(status, text string) object {
	return object{{status, object{{"description", text}}}}
}

// operation puts together what every operation has, in the order of names.
func operation(comment, tag string, parameters []object, produces []string, resp object) object {
	summary, about := splitComment(comment)
	op := object{}.with("description", about).with("parameters", parameters).with("produces", produces)
	op = append(op, member{"responses", resp}).with("summary", summary)
	return append(op, member{"tags", []string{tag}})
}

// relationPath is what can be done with a relation. One that takes any write is
// shown with all of them.
func relationPath(rel *catalog.Relation) object {
	filters := make([]string, len(rel.Columns))
	for i, col := range rel.Columns {
		filters[i] = "rowFilter." + rel.Name + "." + col.Name
	}
	body := "body." + rel.Name
	op := func(resp object, filters []string, more ...string) object {
		var list []object
		for _, names := range [][]string{filters, more} {
			for _, name := range names {
				list = append(list, object{{"$ref", "#/parameters/" + name}})
			}
		}
		return operation(rel.Comment, rel.Name, list, nil, resp)
	}
	rows := object{
		{"200", object{
			{"description", "OK"},
			{"schema", object{
				{"items", object{{"$ref", "#/definitions/" + rel.Name}}},
				{"type", "array"},
			}},
		}},
		{"206", object{{"description", "Partial Content"}}},
	}
	path := object{{"get", op(rows, filters, "select", "order", "range", "rangeUnit", "offset", "limit", "preferCount")}}
	if rel.Insertable || rel.Updatable || rel.Deletable {
		path = append(
			path,
			member{"post", op(responses("201", "Created"), nil, body, "select", "preferPost")},
			member{"delete", op(responses("204", "No Content"), filters, "preferReturn")},
			member{"patch", op(responses("204", "No Content"), filters, body, "preferReturn")},
		)
	}
	return path
}

func functionPath(f describedFunction) object {
	op := func(parameters []object) object {
		return operation(f.Comment, "(rpc) "+f.Name, parameters, jsonTypes, responses("200", "OK"))
	}
	var path object
	if f.Volatility != catalog.Volatile {
		var query []object
		for i := range f.Params {
			query = append(query, queryArgument(&f.Params[i], f.types[i]))
		}
		path = append(path, member{"get", op(query)})
	}
	return append(path, member{"post", op([]object{
		{
			{"in", "body"},
			{"name", "args"},
			{"required", true},
			{"schema", argumentsSchema(f)},
		},
		{{"$ref", "#/parameters/preferParams"}},
	})})
}

// queryArgument is an argument in the URL. There an array is a string, as
// Postgres writes it, but a variadic parameter is given several times.
func queryArgument(a *catalog.Param, typ string) object {
	kind := swaggerType(typ)
	if a.Variadic {
		element := strings.TrimSuffix(typ, "[]")
		return object{
			{"collectionFormat", "multi"},
			{"in", "query"},
			{"items", object{{"format", format(element)}}.with("type", swaggerType(element))},
			{"name", a.Name},
			{"required", a.Required},
			{"type", kind},
		}
	}
	if kind == "" || kind == "array" {
		kind = "string"
	}
	return object{
		{"format", format(typ)},
		{"in", "query"},
		{"name", a.Name},
		{"required", a.Required},
		{"type", kind},
	}
}

// argumentsSchema is the body of a call.
func argumentsSchema(f describedFunction) object {
	var required []string
	var properties object
	for i, typ := range f.types {
		a := &f.Params[i]
		if a.Required {
			required = append(required, a.Name)
		}
		s := withItems(object{{"format", format(typ)}}, typ)
		properties = append(properties, member{a.Name, s.with("type", swaggerType(typ))})
	}
	s := object{}.with("description", f.Comment).with("required", required).with("properties", properties)
	return append(s, member{"type", "object"})
}

// parameters are those that operations refer to.
func (d *description) parameters() object {
	returning := []string{"return=representation", "return=minimal", "return=none"}
	resolving := append(returning[:len(returning):len(returning)], "resolution=ignore-duplicates", "resolution=merge-duplicates")
	const paging = "Limiting and Pagination"
	list := object{
		{"preferParams", sharedParameter("Prefer", "Preference", "header", nil)},
		{"preferReturn", sharedParameter("Prefer", "Preference", "header", object{{"enum", returning}})},
		{"preferCount", sharedParameter("Prefer", "Preference", "header", object{{"enum", []string{"count=none"}}})},
		{"preferPost", sharedParameter("Prefer", "Preference", "header", object{{"enum", resolving}})},
		{"select", sharedParameter("select", "Filtering Columns", "query", nil)},
		{"on_conflict", sharedParameter("on_conflict", "On Conflict", "query", nil)},
		{"order", sharedParameter("order", "Ordering", "query", nil)},
		{"range", sharedParameter("Range", paging, "header", nil)},
		{"rangeUnit", sharedParameter("Range-Unit", paging, "header", object{{"default", "items"}})},
		{"offset", sharedParameter("offset", paging, "query", nil)},
		{"limit", sharedParameter("limit", paging, "query", nil)},
	}
	for _, rel := range d.relations {
		list = append(list, member{"body." + rel.Name, object{
			{"name", rel.Name},
			{"description", rel.Name},
			{"required", false},
			{"in", "body"},
			{"schema", object{{"$ref", "#/definitions/" + rel.Name}}},
		}})
		for _, col := range rel.Columns {
			list = append(list, member{
				"rowFilter." + rel.Name + "." + col.Name,
				sharedParameter(col.Name, col.Comment, "query", nil),
			})
		}
	}
	return list
}

func sharedParameter(name, about, in string, more object) object {
	p := object{{"name", name}}.with("description", about)
	p = append(append(p, member{"required", false}), more...)
	return append(p, member{"in", in}, member{"type", "string"})
}
