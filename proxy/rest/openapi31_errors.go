package rest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Codes are those of the errors of this package, by the kind of request that they are
// an answer to. Each also has those of web.Everywhere, and any SQLSTATE.
var Codes = map[string][]string{
	"describe": describeCodes, "batch": batchCodes,
	"read": readCodes, "insert": insertCodes, "update": updateCodes, "delete": deleteCodes, "call": callCodes,
}

// manyKinds are those of the operations that tables and functions stand for.
var manyKinds = []string{"call", "delete", "insert", "read", "update"}

var (
	commonCodes = slices.Concat(web.OfTokens, web.OfDatabase, []string{
		"PGRST002", "PGRST106", "PGRST107", "PGRST111", "PGRST112", "PGRST117", "PGRST121",
	})
	describeCodes = append(slices.Clone(commonCodes), "PGRST100", "PGRST103", "PGRST126")
	rowCodes      = slices.Concat(commonCodes, []string{
		"PGRST100", "PGRST103", "PGRST108", "PGRST116", "PGRST118", "PGRST120", "PGRST122", "PGRST123", "PGRST124", "PGRST125",
		"PGRST127", "PGRST200", "PGRST201", "PGRST204", "PGRST205", "guard_cost", "guard_embed_breadth", "guard_embed_depth",
		"guard_filter", "guard_operator", "guard_order", "guard_rows", "guard_timeout", "invalid_distinct", "invalid_recursion",
		"no_distance", "precondition_failed", "precondition_needs_one_row", "too_many_requests", "unsupported_media_type",
	})
	bodyCodes = slices.Concat(rowCodes, []string{"PGRST102"}, keyCodes)

	readCodes   = slices.Concat(rowCodes, []string{"cursor_not_possible", "cursors_not_installed", "expired_cursor", "invalid_cursor"})
	insertCodes = append(slices.Clone(bodyCodes), "nested_invalid")
	deleteCodes = append(slices.Clone(bodyCodes), "unfiltered_write")
	updateCodes = slices.Concat(deleteCodes, []string{
		"PGRST105", "PGRST114", "PGRST115", "bulk_key", "patch_invalid", "patch_place", "patch_test_failed",
	})
	callCodes  = slices.Concat(bodyCodes, []string{"PGRST101", "PGRST128", "PGRST202", "PGRST203"})
	batchCodes = slices.Concat([]string{"batch_invalid", "batch_reference", "batch_too_large"}, readCodes, insertCodes, updateCodes, callCodes)
)

// kindResponse names the answer, among the components, that errors of a kind have.
func kindResponse(kind string) object {
	return object{{"$ref", "#/components/responses/fx." + kind}}
}

// kindResponses are all of them: requests for relations and functions are many, so what
// each may answer is told once for all of a kind.
func kindResponses() object {
	var list object
	for _, kind := range manyKinds {
		list = append(list, member{"fx." + kind, errorResponse(rowsOf(Codes[kind]), true)})
	}
	return list
}

// rowsOf gives the rows of the table for codes and those of everywhere, by status.
func rowsOf(names []string) []web.Code { return tableRows(slices.Concat(names, web.Everywhere)) }

func tableRows(names []string) []web.Code {
	list := make([]web.Code, 0, len(names))
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if c, ok := web.CodeOf(name); ok {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b web.Code) int { return a.Status - b.Status })
	return list
}

// tellCodes writes a list of what they mean.
func tellCodes(b *strings.Builder, list []web.Code) {
	for _, c := range list {
		b.WriteString("- " + strconv.Itoa(c.Status) + " `" + c.Code + "`: " + c.Meaning + "\n")
	}
}

// errorResponse describes an answer with one of these codes; open tells that others are
// possible, of the database and of the user's functions.
func errorResponse(list []web.Code, open bool) object {
	var about strings.Builder
	names, rows := make([]string, len(list)), make([]object, len(list))
	tellCodes(&about, list)
	for i, c := range list {
		names[i] = c.Code
		rows[i] = object{{"code", c.Code}, {"status", c.Status}, {"advice", string(web.AdviceFor(c.Code, c.Status))}}
	}
	known := object{{"type", "string"}, {"enum", names}}
	if open {
		about.WriteString("- any SQLSTATE, with the status of its class\n")
		known = object{{"anyOf", []object{known, {{"type", "string"}}}}}
	}
	of := func(name string) object {
		return object{{"schema", object{{"allOf", []object{schemaRef(name), {{"properties", object{{"code", known}}}}}}}}}
	}
	return object{
		{"description", about.String()},
		{"content", object{{"application/json", of("fx.error")}, {"application/problem+json", of("fx.problem")}}},
		{"x-codes", rows},
	}
}

// fixedPaths describes the routes that are there whatever the database holds.
func fixedPaths(endpoints []web.Endpoint) object {
	var list object
	for _, e := range endpoints {
		op := object{{"operationId", e.ID}, {"tags", []string{e.Tag}}}
		summary, rest := splitComment(e.About)
		op = op.with("summary", summary).with("description", rest)
		var params []object
		for _, p := range e.Parameters {
			params = append(params, object{
				{"name", p.Name}, {"in", p.In}, {"required", p.In == "path"}, {"description", p.About}, {"schema", object{{"type", "string"}}},
			})
		}
		op = op.with("parameters", params)
		if e.Body != nil {
			op = append(op, member{"requestBody", object{{"required", true}, {"content", e.Body}}})
		}
		method := strings.ToLower(e.Method)
		op = append(op, member{"responses", append(goodAnswers(e.Answers), badAnswers(e)...)})
		if n := len(list); n > 0 && list[n-1].name == e.Path {
			list[n-1].value = append(list[n-1].value.(object), member{method, op})
			continue
		}
		list = append(list, member{e.Path, object{{method, op}}})
	}
	return list
}

func goodAnswers(answers []web.Answer) object {
	var list object
	for _, a := range answers {
		about := object{{"description", a.About}}
		if a.Type != "" {
			of := object{}
			if a.Schema != nil {
				of = object{{"schema", a.Schema}}
			}
			about = append(about, member{"content", object{{a.Type, of}}})
		}
		list = append(list, member{strconv.Itoa(a.Status), about})
	}
	return list
}

func badAnswers(e web.Endpoint) object {
	var list object
	for rows := rowsOf(e.Codes); len(rows) > 0; {
		status, n := rows[0].Status, 1
		for n < len(rows) && rows[n].Status == status {
			n++
		}
		list = append(list, member{strconv.Itoa(status), errorResponse(rows[:n], false)})
		rows = rows[n:]
	}
	if e.AnySQLSTATE {
		list = append(list, member{"default", object{
			{"description", "Any SQLSTATE, with the status of its class."}, {"content", content(schemaRef("fx.error"))},
		}})
	}
	return list
}

// Endpoints are the routes of this package that no table or function stands for, where
// tables are below prefix, and keyHeader has the idempotency key of a batch; empty if it
// takes none.
func Endpoints(prefix, keyHeader string) []web.Endpoint {
	prefix = strings.TrimSuffix(prefix, "/")
	about := func(kind string) []web.Answer {
		return []web.Answer{{Status: http.StatusOK, About: "OpenAPI.", Type: kind, Schema: json.RawMessage(`{"type":"object"}`)}}
	}
	var key []web.Parameter
	if keyHeader != "" {
		key = []web.Parameter{{Name: keyHeader, In: "header", About: keyAbout}}
	}
	return []web.Endpoint{
		{
			Method: http.MethodPost, Path: prefix + "/" + batchName, ID: "batch", Tag: "operations",
			About:      "Several requests in one transaction\nAll of them happen, or none.",
			Parameters: key,
			Body:       json.RawMessage(`{"` + batchMedia + `":{"schema":` + batchSchema + `}}`),
			Answers: []web.Answer{{
				Status: http.StatusOK, About: "The answers, in the order of the operations.", Type: "application/json",
				Schema: json.RawMessage(batchAnswerSchema),
			}},
			Codes: batchCodes, AnySQLSTATE: true,
		},
		{
			Method: http.MethodGet, Path: prefix + "/", ID: "describe", Tag: "operations",
			About:   "The tables and functions of a schema\nOpenAPI 2.0, or 3.1 by the version in Accept.",
			Answers: about("application/openapi+json"), Codes: describeCodes, AnySQLSTATE: true,
		},
		{
			Method: http.MethodGet, Path: "/openapi.json", ID: "openapi", Tag: "operations",
			About:   "This document\nIt is that of the caller's role.",
			Answers: about("application/openapi+json"), Codes: describeCodes, AnySQLSTATE: true,
		},
	}
}

const (
	batchSchema = `{"type":"object","required":["operations"],"properties":{"operations":{"type":"array","items":{"type":"object",` +
		`"required":["method","path"],"properties":{"id":{"type":"string"},"method":{"type":"string"},"path":{"type":"string"},` +
		`"headers":{"type":"object"},"body":{},"refs":{"type":"object"}}}}}}`
	batchAnswerSchema = `{"type":"object","required":["results"],"properties":{"results":{"type":"array","items":{"type":"object",` +
		`"required":["status","body"],"properties":{"id":{"type":"string"},"status":{"type":"integer"},"headers":{"type":"object"},"body":{}}}}}}`
)
