package query

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParseJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`:                                                   ``,
		`{"where": {}}`:                                        ``,
		`{"where": {"a": 1}}`:                                  `"a".eq."1"`,
		`{"where": {"a": "x", "b": true}}`:                     `"a".eq."x","b".eq."true"`,
		`{"where": {"a": null}}`:                               `"a".is.null`,
		`{"where": {"a": {"not": null}}}`:                      `"a".not.is.null`,
		`{"where": {"a": {"is": "unknown"}}}`:                  `"a".is.unknown`,
		`{"where": {"a": {"is": false}}}`:                      `"a".is.false`,
		`{"where": {"a": {"gte": 1, "lt": 9}}}`:                `"a".gte."1","a".lt."9"`,
		`{"where": {"a": {"gt": 12345678901234567890.10}}}`:    `"a".gt."12345678901234567890.10"`,
		`{"where": {"a": {"not": {"gte": 1, "lt": 9}}}}`:       `not.and("a".gte."1","a".lt."9")`,
		`{"where": {"a": {"not": {"not": 1}}}}`:                `"a".eq."1"`,
		`{"where": {"a": {"in": [1, "x,y", "\"", true, ""]}}}`: `"a".in.("1","x,y","\"","true","")`,
		`{"where": {"a": {"in": []}}}`:                         `"a".in.()`,
		`{"where": {"a": {"eq(any)": [1, 2]}}}`:                `"a".eq(any)."{\"1\",\"2\"}"`,
		`{"where": {"a": {"ilike(all)": ["a*", "%b"]}}}`:       `"a".ilike(all)."{\"a%\",\"%b\"}"`,
		`{"where": {"a": {"wfts(english)": "cats or dogs"}}}`:  `"a".wfts(english)."cats or dogs"`,
		`{"where": {"a": {"cs": ["x", "y"]}}}`:                 `"a".cs."{\"x\",\"y\"}"`,
		`{"where": {"a": {"cs": {"k": [1, {"l": null}]}}}}`:    `"a".cs."{\"k\": [1, {\"l\": null}]}"`,
		`{"where": {"a": {"ov": "[1,5)"}}}`:                    `"a".ov."[1,5)"`,
		`{"where": {"a->b->>0": "x", "\"or\"": 1}}`:            `"a"->"b"->>0.eq."x","or".eq."1"`,
		`{"where": {"or": [{"a": 1}, {"b": 2, "c": 3}]}}`:      `or("a".eq."1",and("b".eq."2","c".eq."3"))`,
		`{"where": {"not": {"or": [{"a": 1}, {"b": 2}]}}}`:     `not.or("a".eq."1","b".eq."2")`,
		`{"where": {"and": [{"not": {"a": 1}}], "b": 2}}`:      `and("a".not.eq."1"),"b".eq."2"`,
	} {
		q, values, err := ParseJSON([]byte(in), 0)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		var got []string
		for i := range q.Where {
			got = append(got, Print(&q.Where[i], values))
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s:\ngot  %s\nwant %s", in, strings.Join(got, ","), want)
		}
	}
}

func TestParseJSONOfAWholeQuery(t *testing.T) {
	t.Parallel()
	got, values, err := ParseJSON([]byte(`{
		"select": "id,tags(name)", "order": "id.desc", "limit": 10, "offset": 20, "where": {"id": {"gt": 5}},
		"embeds": {"tags": {"where": {"name": "x"}, "order": "name", "limit": 3, "embeds": {"colours": {"offset": 1}}}}
	}`), 2)
	want := &Query{
		Select: "id,tags(name)", Order: "id.desc", Limit: 10, Offset: 20,
		Where: []Node{{Field: field("id"), Expr: Expr{Op: Gt, Value: 2}}},
		Embeds: []EmbedQuery{{"tags", Query{
			Order: "name", Limit: 3, Where: []Node{{Field: field("name"), Expr: Expr{Op: Eq, Value: 3}}},
			Embeds: []EmbedQuery{{"colours", Query{Limit: -1, Offset: 1}}},
		}}},
	}
	if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(values, []string{"5", "x"}) {
		t.Errorf("got  %+v %q %v\nwant %+v", got, values, err, want)
	}
}

func TestErrorsOfJSONNameThePlace(t *testing.T) {
	t.Parallel()
	const known = "unknown operator; known are not, eq, neq, gt, gte, lt, lte, like, ilike, match, imatch, in, is, isdistinct, " +
		"cs, cd, ov, sl, sr, nxr, nxl, adj, fts, plfts, phfts, wfts"
	const field = `expected and, or, not, or a field such as name, name->key or "a name"`
	const alone = "expected the operator alone, with (any) or (all) if it compares, with (language) if it searches"
	for _, tt := range []struct{ in, at, details string }{
		{``, ``, `the text ends too early`},
		{`{"where": {"a": `, `where.a`, `the text ends too early`},
		{`[]`, ``, `expected an object of select, where, order, limit, offset, distinct, having, embeds`},
		{`{} {}`, ``, `something follows the query`},
		{`{"where": {"a" 1}}`, `where.a`, `not JSON: invalid character '1' after object key`},
		{`{"filter": {}}`, `filter`, `unknown key; known are select, where, order, limit, offset, distinct, having, embeds`},
		{`{"embeds": {"tags": {"select": "a"}}}`, `embeds.tags.select`, `unknown key; known are where, order, limit, offset, distinct, having, embeds`},
		{`{"select": ["a", 1]}`, `select`, `expected a text as in a URL, or an array of texts`},
		{`{"limit": -1}`, `limit`, `expected a whole number of 0 or more`},
		{`{"offset": 1.5}`, `offset`, `expected a whole number of 0 or more`},
		{`{"limit": "1"}`, `limit`, `expected a whole number of 0 or more`},
		{`{"where": {"or": [{"a": 1}, {"b": {"foo": 2}}]}}`, `where.or[1].b.foo`, known},
		{`{"where": {"a": {}}}`, `where.a`, `no conditions`},
		{`{"where": {"or": []}}`, `where.or`, `no conditions`},
		{`{"where": {"and": [{}]}}`, `where.and[0]`, `no conditions`},
		{`{"where": {"not": {}}}`, `where.not`, `no conditions`},
		{`{"where": {"or": {"a": 1}}}`, `where.or`, `expected an array of objects of conditions`},
		{`{"where": {"a.b": 1}}`, `where.a.b`, field},
		{`{"where": {"": 1}}`, `where.`, field},
		{`{"where": {"a": [1]}}`, `where.a`, `expected an object of operators or one value`},
		{`{"where": {"a": {"in": 1}}}`, `where.a.in`, `expected an array`},
		{`{"where": {"a": {"eq(any)": "{1}"}}}`, `where.a.eq(any)`, `expected an array`},
		{`{"where": {"a": {"neq(any)": [1]}}}`, `where.a.neq(any)`, alone},
		{`{"where": {"a": {"eq(some)": [1]}}}`, `where.a.eq(some)`, alone},
		{`{"where": {"a": {"fts(e'x)": "y"}}}`, `where.a.fts(e'x)`, alone},
		{`{"where": {"a": {"eq": null}}}`, `where.a.eq`, `null is compared with by is alone`},
		{`{"where": {"a": {"in": [null]}}}`, `where.a.in`, `expected texts, numbers, true or false in an array; write others as text`},
		{`{"where": {"a": {"is": "maybe"}}}`, `where.a.is`, `expected null, true, false, "not_null" or "unknown"`},
		{`{"where": {"a": "\u0000"}}`, `where.a`, `a text holds a NUL or is not UTF-8`},
		{"{\"where\": {\"a\": \"\xff\"}}", `where.a`, `a text holds a NUL or is not UTF-8`},
	} {
		_, _, err := ParseJSON([]byte(tt.in), 0)
		var e *Error
		message := "failed to parse the query"
		if tt.at != "" {
			message += " at " + tt.at
		}
		if !errors.As(err, &e) || e.Message != message || e.Details != tt.details {
			t.Errorf("%s:\ngot  %v\nwant %s: %s", tt.in, err, message, tt.details)
		}
	}
}

func TestSizeOfJSONIsBounded(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"not":        `{"where": ` + strings.Repeat(`{"not": `, 5000),
		"or":         `{"where": ` + strings.Repeat(`{"or": [`, 5000),
		"tests":      `{"where": {"a": ` + strings.Repeat(`{"not": `, 5000),
		"embeds":     strings.Repeat(`{"embeds": {"a": `, 5000),
		"conditions": `{"where": {"or": [{"a": 1}` + strings.Repeat(`, {"a": 1}`, maxConditions) + `]}}`,
	} {
		_, _, err := ParseJSON([]byte(in), 0)
		if err == nil || !strings.HasSuffix(err.Error(), "nested too deep") && !strings.HasSuffix(err.Error(), "more than 1000 conditions") {
			t.Errorf("%s: %.200v", name, err)
		}
	}
	long := `{"where": {"a": {"in": [1` + strings.Repeat(`, 1`, 100_000) + `]}}}`
	if _, _, err := ParseJSON([]byte(long), 0); err != nil {
		t.Errorf("a long list: %v", err)
	}
}

// printJSON writes a tree in its JSON form.
func printJSON(n *Node, values []string) any {
	if !n.Leaf() {
		word, kids := "and", []any{}
		if n.Or {
			word = "or"
		}
		for i := range n.Kids {
			kids = append(kids, printJSON(&n.Kids[i], values))
		}
		if n.Not {
			return map[string]any{"not": map[string]any{word: kids}}
		}
		return map[string]any{word: kids}
	}
	op, value := n.Expr.Op.String(), any(nil)
	switch {
	case n.Expr.Op == Is:
		value = truths[n.Expr.Truth].name
	case n.Expr.Quant == OtherColumn:
		var other strings.Builder
		n.Expr.Other.print(&other)
		op, value = op+"(col)", other.String()
	case n.Expr.Op == In || n.Expr.Quant != One:
		value = elements(values[n.Expr.Value])
		op += [...]string{"", "(any)", "(all)"}[n.Expr.Quant]
	default:
		value = values[n.Expr.Value]
	}
	if n.Expr.Lang != "" {
		op += "(" + n.Expr.Lang + ")"
	}
	test := map[string]any{op: value}
	if n.Expr.Not {
		test = map[string]any{"not": test}
	}
	var name strings.Builder
	n.Field.print(&name)
	return map[string]any{name.String(): test}
}

// elements reads an array literal as Array writes it.
func elements(literal string) []string {
	list := []string{}
	p := parser{s: literal, i: 1}
	for p.i < len(literal)-1 {
		el, _ := p.quoted()
		list = append(list, el)
		p.text(",")
	}
	return list
}

// A tree is the same whichever form it is written in, and so is the SQL that
// comes of it.
func TestBothFormsMakeTheSameTree(t *testing.T) {
	t.Parallel()
	r := random(t)
	for range 2_000 {
		var values []string
		n := randomNode(r, 3, &values)
		if n.Leaf() {
			n = Node{Kids: []Node{n}}
		}
		quantifiedValuesAreArrays(&n, values)
		text, err := json.Marshal(map[string]any{"where": printJSON(&n, values)})
		if err != nil {
			t.Fatal(err)
		}
		q, fromJSON, err := ParseJSON(text, 0)
		if err != nil || len(q.Where) != 1 || !reflect.DeepEqual(q.Where[0], n) {
			t.Fatalf("%s\ngot  %+v %v\nwant %+v", text, q, err, n)
		}
		if !reflect.DeepEqual(fromJSON, values) {
			t.Fatalf("%s\ngot  %q\nwant %q", text, fromJSON, values)
		}
		printed := Print(&q.Where[0], fromJSON)
		not, rest := n.Not, strings.TrimPrefix(printed, "not.")
		parsed, fromURL, err := Extended.ParseLogic(rest[strings.IndexByte(rest, '('):], not, n.Or, 0)
		if err != nil || !reflect.DeepEqual(parsed, n) || !reflect.DeepEqual(fromURL, values) {
			t.Fatalf("%s\ngot  %+v %q %v\nwant %+v %q", printed, parsed, fromURL, err, n, values)
		}
	}
}

func quantifiedValuesAreArrays(n *Node, values []string) {
	if n.Leaf() && n.Expr.HasValue() && n.Expr.Quant != One {
		values[n.Expr.Value] = Array([]string{values[n.Expr.Value], "x"})
	}
	for i := range n.Kids {
		quantifiedValuesAreArrays(&n.Kids[i], values)
	}
}
