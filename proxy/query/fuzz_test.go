package query

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// wellQuoted walks over SQL made of quoted names and literals, parameters and
// words, and tells whether every quote that is opened is closed, and none of the
// text in between is a statement's end or a comment.
func wellQuoted(sql string) bool {
	for i := 0; i < len(sql); i++ {
		switch c := sql[i]; {
		case c == '"' || c == '\'':
			escaped := c == '\'' && i > 0 && sql[i-1] == 'E'
			for i++; ; i++ {
				if i >= len(sql) {
					return false
				}
				if escaped && sql[i] == '\\' {
					i++
				} else if sql[i] == c {
					if i+1 < len(sql) && sql[i+1] == c {
						i++
						continue
					}
					break
				}
			}
		case c == ';' || c == '\\' || strings.HasPrefix(sql[i:], "--") || strings.HasPrefix(sql[i:], "/*"):
			return false
		}
	}
	return true
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if err != nil && (!errors.As(err, &e) || e.Message == "" || e.Details == "") {
		t.Errorf("the error says nothing: %#v", err)
	}
}

func FuzzSelect(f *testing.F) {
	for _, s := range []string{
		"*", "id,name", "a:b::int", "r!h!inner(x,...y(z))", "d->>k", "count()", `"a""b"`, "x.sum()::t", "a(b(c(", "é☃",
		"a.sum().filter(b.eq.1,or(c.in.(x,\"y\"),d.gt(col).e))::int", "k:t!x!recursive.3(*)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		items, values, err := Extended.ParseSelect(s, 0)
		checkError(t, err)
		if plain, err2 := ParseSelect(s); err2 == nil && (err != nil || !reflect.DeepEqual(plain, items)) {
			t.Errorf("%q means something else with extensions: %v", s, err)
		}
		checkShape(t, s, values)
		q := new(SQL)
		for i := range items {
			if items[i].Embed == nil {
				q.Item("t", &items[i]).Add(", ")
			}
		}
		if err == nil && !wellQuoted(q.String()) {
			t.Errorf("%q makes %s", s, q.String())
		}
	})
}

func FuzzFilter(f *testing.F) {
	for _, s := range [][2]string{
		{"id", "eq.5"}, {"a.b->c", "not.in.(1,\"2\")"}, {"x", "fts(english).cat"}, {"y", "is.null"}, {"a", "not.gt(col).b->>c"}, {`"q"`, "like(any).{*}"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		_, fld, err := ParseKey(key)
		checkError(t, err)
		e, _, err2 := Extended.ParseExpr(value)
		checkError(t, err2)
		if plain, _, err := ParseExpr(value); err == nil && (err2 != nil || plain != e) {
			t.Errorf("%q means something else with extensions: %v", value, err2)
		}
		if err != nil || err2 != nil {
			return
		}
		q := new(SQL)
		q.Node("t", &Node{Field: fld, Expr: e}, nil)
		if !wellQuoted(q.String()) {
			t.Errorf("%q %q makes %s", key, value, q.String())
		}
		// What tells arguments from filters must agree with the parser.
		if _, _, found, err := ParseArgument(value); e.Quant != OtherColumn && (!found || err != nil) {
			t.Errorf("%q is a filter, but not for ParseArgument", value)
		}
	})
}

func FuzzLogic(f *testing.F) {
	for _, s := range []string{"(a.eq.1)", "(a.eq.1,not.or(b.in.(1,2),c.is.null))", `(a.eq."x,y",b.cs.{1,2})`, "(a.gt(col).b)", "(((", "(and(or("} {
		f.Add(s, true, false)
	}
	f.Fuzz(func(t *testing.T, s string, not, or bool) {
		n, values, err := Extended.ParseLogic(s, not, or, 0)
		checkError(t, err)
		if plain, _, err2 := ParseLogic(s, not, or, 0); err2 == nil && (err != nil || !reflect.DeepEqual(plain, n)) {
			t.Errorf("%q means something else with extensions: %v", s, err)
		}
		if err != nil {
			return
		}
		q := new(SQL)
		q.Node("t", &n, nil)
		if !wellQuoted(q.String()) || len(q.Params) != len(values) {
			t.Errorf("%q makes %s with %d values", s, q.String(), len(values))
		}
	})
}

func FuzzHaving(f *testing.F) {
	for _, s := range []string{"count().gt.1", "(a.sum().lt.5,b->>c::int.max()::text.eq.x)", "not.or(count().filter(a.eq.1).eq.2)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, values, err := ParseHaving(s, 0)
		checkError(t, err)
		if err != nil {
			return
		}
		q := new(SQL)
		q.Node("t", &n, nil)
		if !wellQuoted(q.String()) || len(q.Params) != len(values) {
			t.Errorf("%q makes %s with %d values", s, q.String(), len(values))
		}
	})
}

// checkShape holds that a shape is a text without its values.
func checkShape(t *testing.T, s string, v Values) {
	t.Helper()
	if strings.Count(v.Shape, "\x00") < len(v.List) || len(v.List) == 0 && v.Shape != s {
		t.Errorf("%q with %d values has the shape %q", s, len(v.List), v.Shape)
	}
}

func FuzzOrder(f *testing.F) {
	for _, s := range []string{"id", "a.desc,b.nullslast", "r(x->>y).asc", "a->0.desc", "id.ac", "rank(a,wfts(english).\"b c\").desc,distance(d,\"(1,2)\")"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		terms, values, err := Extended.ParseOrder(s, 0)
		checkError(t, err)
		if plain, err2 := ParseOrder(s); err2 == nil && (err != nil || !reflect.DeepEqual(plain, terms)) {
			t.Errorf("%q means something else with extensions: %v", s, err)
		}
		checkShape(t, s, values)
		q := new(SQL)
		q.Order("t", terms, func(r string) string { return r })
		if err == nil && !wellQuoted(q.String()) {
			t.Errorf("%q makes %s", s, q.String())
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"select": "a", "where": {"a": 1, "b->c": {"in": [1, "x"]}}, "order": "a.desc", "limit": 1, "embeds": {"r": {"offset": 2}}}`,
		`{"where": {"or": [{"a": {"not": {"cs": {"k": 1}}}}, {"not": {"b": {"fts(x)": "y"}, "c": null}}]}}`, `{"where": {"a": {"eq(any)": [`,
		`{"distinct": ["a"], "having": {"a.sum()": {"gt": 1}, "or": [{"count()": 2}]}, "where": {"a": {"lt(col)": "b->c"}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		query, values, err := ParseJSON(text, 0)
		checkError(t, err)
		if err != nil {
			return
		}
		q := new(SQL)
		var where func(*Query)
		where = func(query *Query) {
			q.Where("t", query.Where, nil).Where("t", query.Having, nil)
			for i := range query.Embeds {
				where(&query.Embeds[i].Query)
			}
		}
		where(query)
		if !wellQuoted(q.String()) || len(q.Params) != len(values) {
			t.Errorf("%s makes %s with %d values", text, q.String(), len(values))
		}
	})
}
