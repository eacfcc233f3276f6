package query

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestFiltersOfSubscriptionsAreParsed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                         "and()",
		"id=eq.5":                  `and("id".eq."5")`,
		"a b=neq.":                 `and("a b".neq."")`,
		"a.b=eq.1":                 `and("a.b".eq."1")`,
		"body=eq.a,b":              `and("body".eq."a,b")`,
		"body=eq.a,":               `and("body".eq."a,")`,
		`body=eq."a,id=eq.5"`:      `and("body".eq."a,id=eq.5")`,
		`body=eq."a\"b\\",id=lt.1`: `and("body".eq."a\"b\\","id".lt."1")`,
		`body=eq."a"b`:             `and("body".eq."\"a\"b")`,
		"id=gt.5,id=lte.9":         `and("id".gt."5","id".lte."9")`,
		"at=gte.2026-01-01T00:00Z": `and("at".gte."2026-01-01T00:00Z")`,
		"room=in.(a,b)":            `and("room".in.("a","b"))`,
		`room=in.("a,b=eq.c",d"")`: `and("room".in.("a,b=eq.c","d"))`,
		`room=in.("a),b=eq.c")`:    `and("room".in.("a),b=eq.c"))`,
		`room=not.in.("a\"b",)`:    `and("room".not.in.("a\"b",""))`,
		"room=in.()":               `and("room".in.(""))`,
		"body=like.a*,id=is.null":  `and("body".like."a%","id".is.null)`,
		"body=ilike(any).{a*,b}":   `and("body".ilike(any)."{a%,b}")`,
		"body=not.match.^a,b$":     `and("body".not.match."^a,b$")`,
		"body=plfts(english).a":    `and("body".plfts(english)."a")`,
		"tags=cs.{a,b},id=neq.1":   `and("tags".cs."{a,b}","id".neq."1")`,
		"n=isdistinct.5":           `and("n".isdistinct."5")`,
		"ok=not.is.TRUE":           `and("ok".not.is.true)`,
		"meta->a->>0=eq.x":         `and("meta"->"a"->>0.eq."x")`,
		`a=gt(col).b->>c,or=(a.lt(col).b),"x y"->k=not.eq(col)."d,e" ,id=eq.5`: `and("a".gt(col)."b"->>"c",or("a".lt(col)."b"),"x y"->"k".not.eq(col)."d,e","id".eq."5")`,
		"a=in(col).b":            "",
		`"a=b"=eq.x`:             "",
		"or=eq.5":                `and("or".eq."5")`,
		"or=(a.eq.1,b.in.(2,3))": `and(or("a".eq."1","b".in.("2","3")))`,
		"not.and=(a.eq.1,or(b.eq.2,c.not.is.null)),id=gt.5": `and(not.and("a".eq."1",or("b".eq."2","c".not.is.null)),"id".gt."5")`,
		`{"id": {"gt": 5}, "or": [{"a": 1}, {"b": null}]}`:  `and("id".gt."5",or("a".eq."1","b".is.null))`,
	} {
		nodes, values, err := ParseChanges(text, 0)
		if want == "" {
			if err == nil {
				t.Errorf("%s: got %+v", text, nodes)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := Print(&Node{Kids: append([]Node{}, nodes...)}, values); got != want {
			t.Errorf("%s: got  %s\nwant %s", text, got, want)
		}
	}
	for _, bad := range []string{
		"id", "id=5", "id=eq", "=eq.5", "id=nope.5", "id=in.a", "id=in.(a", "id=eq.5\x00", "id=is.nul", "id=is.null5", "id=neq(any).{1}",
		"or=(", "or=(a.eq.1", "or=(a.eq.1)x", "or=(a.eq.1),b", "or=()", "->a=eq.1", "{", `{"a": }`, `{"a": 1}x`, "a(id)=eq.1",
		"or=" + strings.Repeat("(or", 100),
	} {
		nodes, values, err := ParseChanges(bad, 0)
		if err == nil {
			t.Errorf("%q is taken for %s", bad, Print(&Node{Kids: append([]Node{}, nodes...)}, values))
		}
		checkError(t, err)
	}
}

// A filter in the form of URLs, printed and read again, is the same.
func FuzzChanges(f *testing.F) {
	for _, s := range []string{
		"id=gt.5,id=lte.9", `room=in.("a,b=eq.c",d"")`, "or=(a.eq.1,not.and(b.eq.2,c.is.null)),x=like.a*", `{"a": {"in": [1]}}`, `b=eq."x\"",c->d=cs.{}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		nodes, values, err := ParseChanges(text, 0)
		checkError(t, err)
		if err != nil || len(nodes) == 0 || slices.Contains(values, `{""}`) {
			return // in a URL the list of an empty text is the empty one
		}
		q := new(SQL)
		q.Where("t", nodes, nil)
		if !wellQuoted(q.String()) || len(q.Params) != len(values) {
			t.Errorf("%q makes %s with %d values", text, q.String(), len(values))
		}
		printed := Print(&Node{Kids: nodes}, values)
		again, same, err := ParseChanges("and="+strings.TrimPrefix(printed, "and"), 0)
		if err != nil || len(again) != 1 || !reflect.DeepEqual(again[0].Kids, nodes) || !reflect.DeepEqual(same, values) && len(values) > 0 {
			t.Errorf("%q is printed as %s and read as %+v %q, %v", text, printed, again, same, err)
		}
	})
}

// fuzzedRow has a text for each column but the last, which is null.
type fuzzedRow []string

func (r fuzzedRow) Value(place int) (string, Presence) {
	switch {
	case place < 0 || place > len(r):
		return "", Missing
	case place == len(r):
		return "", IsNull
	}
	return r[place], Present
}

// Nothing makes the evaluator panic, whatever stands in rows and filters, and not turns
// its verdicts round.
func FuzzEvaluator(f *testing.F) {
	types := []uint32{16, 20, 21, 23, 25, 1043, 2950, 1700, 1082, 1114, 1184, 3802, 99999}
	for _, s := range [][2]string{
		{"a=like.%a_b*,b=not.is.null", "aXb"},
		{"a=in.(1,2),or=(b.gt.-1.50,c.isdistinct.x)", "-0.5"},
		{"a=lt.2026-01-31T10:00:00.5+01:30", "2026-01-31 10:00:00+00"},
		{`a=eq(any).{1,"\\"}`, "t"},
		{`{"a": {"like(all)": ["\\", "%"]}}`, "00000000-0000-4000-8000-00000000ada0"},
	} {
		for i := range types {
			f.Add(s[0], s[1], i)
		}
	}
	f.Fuzz(func(t *testing.T, filter, value string, kind int) {
		nodes, values, err := ParseChanges(filter, 0)
		if err != nil || len(nodes) == 0 || kind < 0 {
			return
		}
		column := func(name string) (Column, bool) {
			places := map[string]int{"a": 0, "b": 1, "c": 2}
			place, ok := places[name]
			return Column{Place: place, Type: types[kind%len(types)], Loose: kind%2 > 0}, ok
		}
		row := fuzzedRow{value, value}
		got := NewEvaluator(nodes, values, column).Eval(row)
		not := NewEvaluator([]Node{{Not: true, Kids: nodes}}, values, column).Eval(row)
		if negate(got) != not {
			t.Errorf("%q over %q: %d, but not(...): %d", filter, value, got, not)
		}
		NewEvaluator(nodes, values, column).Keys()
	})
}
