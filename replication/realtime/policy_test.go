package realtime

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

func TestConditionsHaveTheLogicOfSQL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ condition, want string }{
		{`{"text": "t"}`, "t"},
		{`{"text": null}`, ""},
		{`{"column": "yes"}`, "t"},
		{`{"not": {"column": "yes"}}`, "f"},
		{`{"not": {"column": "none"}}`, ""},
		{`{"true": {"column": "none"}}`, "f"},
		{`{"null": {"column": "none"}}`, "t"},
		{`{"null": {"column": "yes"}}`, "f"},
		{`{"equal": [{"column": "name"}, {"text": "a"}]}`, "t"},
		{`{"equal": [{"column": "name"}, {"text": "b"}]}`, "f"},
		{`{"equal": [{"column": "name"}, {"text": null}]}`, ""},
		{`{"equal": [{"claim": ["sub"], "type": "text"}, {"column": "name"}]}`, "t"},
		{`{"and": [{"text": "t"}, {"text": "t"}]}`, "t"},
		{`{"and": [{"text": null}, {"text": "t"}]}`, ""},
		{`{"and": [{"text": null}, {"text": "f"}]}`, "f"},
		{`{"or": [{"text": "f"}, {"text": "f"}]}`, "f"},
		{`{"or": [{"text": null}, {"text": "f"}]}`, ""},
		{`{"or": [{"text": null}, {"text": "t"}]}`, "t"},
	} {
		p, err := newPlan("anon", fmt.Appendf(nil, `{"reads": ["yes", "none", "name"], "condition": %s}`, tt.condition))
		if err != nil {
			t.Fatalf("%s: %v", tt.condition, err)
		}
		claims, ok := p.readClaims(`{"sub": "a"}`)
		if got := p.root.eval([]value{truth(true), {}, {"a", true}}, claims); !ok || got.text != tt.want || got.set != (tt.want != "") {
			t.Errorf("%s is %v, want %q", tt.condition, got, tt.want)
		}
	}
	for _, bad := range []string{`{}`, `{"and": [null]}`, `{"column": "other"}`, `{"equal": [{"text": "a"}]}`, `7`} {
		if p, err := newPlan("anon", fmt.Appendf(nil, `{"reads": [], "condition": %s}`, bad)); err == nil {
			t.Errorf("%s was taken: %v", bad, p.root)
		}
	}
}

func TestClaimsOfDoubtfulMeaningAreLeftToPostgres(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		claims, kind, want string
		ok                 bool
	}{
		{`{}`, "uuid", "", true},
		{`{"a": null}`, "text", "", true},
		{`{"a": {}}`, "text", "", true},
		{`{"a": 7}`, "text", "", true}, // has no part b
		{`{"a": []}`, "text", "", false},
		{`{"a": {"b": "x"}}`, "text", "x", true},
		{`{"a": {"b": 7}}`, "int4", "7", true},
		{`{"a": {"b": "-7"}}`, "int2", "-7", true},
		{`{"a": {"b": 70000}}`, "int2", "", false},
		{`{"a": {"b": 1e2}}`, "text", "", false},
		{`{"a": {"b": 1.0}}`, "text", "", false},
		{`{"a": {"b": " 7"}}`, "int4", "", false},
		{`{"a": {"b": {}}}`, "text", "", false},
		{`{"a": {"b": true}}`, "bool", "t", true},
		{`{"a": {"b": "on"}}`, "bool", "", false},
		{`{"a": {"b": "00000000-0000-4000-8000-00000000ada0"}}`, "uuid", "00000000-0000-4000-8000-00000000ada0", true},
		{`{"a": {"b": "00000000-0000-4000-8000-00000000ADA0"}}`, "uuid", "", false},
		{`{"a": {"b": "x"}, "c": "\u0000"}`, "text", "", false},
		{`{"a": {"b": "x"}, "c": "\uD800"}`, "text", "", false},
		{`{"a": {"b": "\u00e4"}}`, "text", "ä", true},
		{`[]`, "text", "", false},
		{``, "text", "", false},
	} {
		p := &plan{claims: []claim{{[]string{"a", "b"}, tt.kind}}}
		got, ok := p.readClaims(tt.claims)
		if ok != tt.ok || ok && got[0] != (value{tt.want, tt.want != ""}) {
			t.Errorf("%s as %s: got %v, %t, want %q, %t", tt.claims, tt.kind, got, ok, tt.want, tt.ok)
		}
	}
}

// listener is a channel that is admitted with one binding.
func listener(a *audience, table changes.Table, role, claims string) *channel {
	ch := &channel{}
	who := &identity{}
	who.Role, who.Claims = role, claims
	ch.who.Store(who)
	ch.bindings = []*binding{{bindingSpec: bindingSpec{Event: anyName, Schema: table.Schema, Table: &table.Name}, ch: ch}}
	a.admit(ch, ch.bindings)
	return ch
}

func newAudience() *audience {
	return &audience{parties: map[caller]*party{}, crowds: map[changes.Table]map[string]*crowd{}}
}

func TestPlansFindThoseWhoMaySee(t *testing.T) {
	t.Parallel()
	a, notes := newAudience(), changes.Table{Schema: "public", Name: "notes"}
	p, err := newPlan("authenticated", []byte(`{"reads": ["owner", "open"], "condition": {"or": [
		{"column": "open"}, {"equal": [{"column": "owner"}, {"claim": ["sub"], "type": "text"}]},
		{"and": [{"equal": [{"text": "x"}, {"claim": ["org"], "type": "text"}]}, {"equal": [{"column": "owner"}, {"claim": ["org"], "type": "text"}]}]}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	find := func(owner string, open bool) (list []string) {
		p.follow(a, notes)
		p.find([]value{{owner, true}, truth(open)}, func(who *party) { list = append(list, who.claims) })
		slices.Sort(list)
		return list
	}
	ada, bob, org := `{"sub": "ada"}`, `{"sub": "bob"}`, `{"sub": "x", "org": "x"}`
	check := func(what string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: found %v, want %v", what, got, want)
		}
	}
	one := listener(a, notes, "authenticated", ada)
	check("one", find("ada", false), ada)
	two := listener(a, notes, "authenticated", ada)
	listener(a, anyTable, "authenticated", bob)
	listener(a, notes, "anon", ada)
	both := listener(a, notes, "authenticated", org)
	check("who came later", find("bob", false), bob)
	check("two of one kind", find("ada", false), ada)
	check("two ways to see", find("x", false), org)
	check("all", find("cyd", true), ada, bob, org)
	a.dismiss(one, one.bindings)
	check("one of two has left", find("ada", false), ada)
	a.dismiss(two, two.bindings)
	check("both have", find("ada", false))
	a.dismiss(both, both.bindings)
	check("nobody listens to the table by name", find("bob", true), bob)
	for range maxVisits + 1 {
		l := listener(a, notes, "authenticated", ada)
		a.dismiss(l, l.bindings)
	}
	listener(a, notes, "authenticated", ada)
	check("after more than is remembered", find("ada", true), ada, bob)
	if a.dismiss(one, one.bindings); len(a.parties) != 3 {
		t.Errorf("%d parties are left, want three", len(a.parties))
	}
}
