package query

import (
	"errors"
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
	for _, s := range []string{"*", "id,name", "a:b::int", "r!h!inner(x,...y(z))", "d->>k", "count()", `"a""b"`, "x.sum()::t", "a(b(c(", "é☃"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		items, err := ParseSelect(s)
		checkError(t, err)
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
		{"id", "eq.5"}, {"a.b->c", "not.in.(1,\"2\")"}, {"x", "fts(english).cat"}, {"y", "is.null"}, {`"q"`, "like(any).{*}"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		_, fld, err := ParseKey(key)
		checkError(t, err)
		e, _, err2 := ParseExpr(value)
		checkError(t, err2)
		if err != nil || err2 != nil {
			return
		}
		q := new(SQL)
		q.Node("t", &Node{Field: fld, Expr: e}, nil)
		if !wellQuoted(q.String()) {
			t.Errorf("%q %q makes %s", key, value, q.String())
		}
		// What tells arguments from filters must agree with the parser.
		if _, _, found, err := ParseArgument(value); !found || err != nil {
			t.Errorf("%q is a filter, but not for ParseArgument", value)
		}
	})
}

func FuzzLogic(f *testing.F) {
	for _, s := range []string{"(a.eq.1)", "(a.eq.1,not.or(b.in.(1,2),c.is.null))", `(a.eq."x,y",b.cs.{1,2})`, "(((", "(and(or("} {
		f.Add(s, true, false)
	}
	f.Fuzz(func(t *testing.T, s string, not, or bool) {
		n, values, err := ParseLogic(s, not, or, 0)
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

func FuzzOrder(f *testing.F) {
	for _, s := range []string{"id", "a.desc,b.nullslast", "r(x->>y).asc", "a->0.desc", "id.ac"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		terms, err := ParseOrder(s)
		checkError(t, err)
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
			q.Where("t", query.Where, nil)
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
