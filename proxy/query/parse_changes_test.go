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
		`"a=b"=eq.x`:               "",
		"or=eq.5":                  `and("or".eq."5")`,
		"or=(a.eq.1,b.in.(2,3))":   `and(or("a".eq."1","b".in.("2","3")))`,
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
