package query

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func field(name string, path ...Step) Field { return Field{Name: name, Path: path} }

func TestParseExpr(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in    string
		want  Expr
		value string
	}{
		{"eq.5", Expr{Op: Eq}, "5"},
		{"eq.", Expr{Op: Eq}, ""},
		{"eq.a.b", Expr{Op: Eq}, "a.b"},
		{"not.eq.5", Expr{Not: true, Op: Eq}, "5"},
		{"gte.1", Expr{Op: Gte}, "1"},
		{"gt.1", Expr{Op: Gt}, "1"},
		{"like.*a*", Expr{Op: Like}, "%a%"},
		{"ilike(any).{a*,b}", Expr{Op: ILike, Quant: Any}, "{a%,b}"},
		{"match.^a*", Expr{Op: Match}, "^a*"},
		{"eq(all).{1}", Expr{Op: Eq, Quant: All}, "{1}"},
		{"in.(1,2)", Expr{Op: In}, `{"1","2"}`},
		{"in.()", Expr{Op: In}, "{}"},
		{"in.(,)", Expr{Op: In}, `{"",""}`},
		{`in.("")`, Expr{Op: In}, "{}"},
		{`in.("a,b", c ,"d\"e\\f")`, Expr{Op: In}, `{"a,b"," c ","d\"e\\f"}`},
		{`in.("a"b,c)`, Expr{Op: In}, `{"\"a\"b","c"}`},
		{"is.null", Expr{Op: Is}, ""},
		{"is.NOT_NULL", Expr{Op: Is, Truth: NotNull}, ""},
		{"not.is.Unknown", Expr{Not: true, Op: Is, Truth: Unknown}, ""},
		{"isdistinct.x", Expr{Op: IsDistinct}, "x"},
		{"fts.cat", Expr{Op: FTS}, "cat"},
		{"wfts(english).a or b", Expr{Op: WebFTS, Lang: "english"}, "a or b"},
		{"cs.{1,2}", Expr{Op: Contains}, "{1,2}"},
		{"nxr.(1,2)", Expr{Op: NotRight}, "(1,2)"},
	} {
		got, value, err := ParseExpr(tt.in)
		if err != nil || got != tt.want || value != tt.value {
			t.Errorf("%s: %+v %q %v, want %+v %q", tt.in, got, value, err, tt.want, tt.value)
		}
	}
}

func TestParseArgument(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{"5": false, "": false, "equal": false, "x.y": false, "eq.5": true, "not.in.(1)": true} {
		if _, _, found, err := ParseArgument(in); found != want || err != nil {
			t.Errorf("%s: found %t %v, want %t", in, found, err, want)
		}
	}
	// What begins as a filter must go on as one.
	for _, in := range []string{"in.5", "is.x", "not.x"} {
		if _, _, _, err := ParseArgument(in); err == nil {
			t.Errorf("%s: no error", in)
		}
	}
}

func TestParseSelect(t *testing.T) {
	t.Parallel()
	star := Item{Field: field("*")}
	for _, tt := range []struct {
		in   string
		want []Item
	}{
		{"", []Item{}},
		{"*", []Item{star}},
		{"id, name", []Item{{Field: field("id")}, {Field: field("name")}}},
		{"a-b", []Item{{Field: field("a-b")}}},
		{`"a,b":"c""`, nil},
		{`x:"c,d"::int`, []Item{{Alias: "x", Field: field("c,d"), Cast: "int"}}},
		{"data->a->>-1", []Item{{Field: field("data", Step{Key: "a"}, Step{Key: "-1", Index: true, Text: true})}}},
		{"data->1a", []Item{{Field: field("data", Step{Key: "1a"})}}},
		{`data->"x.y"`, []Item{{Field: field("data", Step{Key: "x.y"})}}},
		{"data->!@#$%^&*_a::text", []Item{{Field: field("data", Step{Key: "!@#$%^&*_a"}), Cast: "text"}}},
		{"count()", []Item{{Field: field("*"), Agg: Count}}},
		{"n:count()::text", []Item{{Alias: "n", Field: field("*"), Agg: Count, AggCast: "text"}}},
		{"count", []Item{{Field: field("count")}}},
		{"s:a::int.sum()::text", []Item{{Alias: "s", Field: field("a"), Cast: "int", Agg: Sum, AggCast: "text"}}},
		{"rel(*)", []Item{{Embed: &Embed{Name: "rel", Items: []Item{star}}}}},
		{"rel()", []Item{{Embed: &Embed{Name: "rel", Items: []Item{}}}}},
		{"x:rel!hint!inner(a,b(c))", []Item{{Alias: "x", Embed: &Embed{Name: "rel", Hint: "hint", Join: InnerJoin, Items: []Item{
			{Field: field("a")}, {Embed: &Embed{Name: "b", Items: []Item{{Field: field("c")}}}},
		}}}}},
		{"rel!inner!hint(*)", []Item{{Embed: &Embed{Name: "rel", Hint: "hint", Join: InnerJoin, Items: []Item{star}}}}},
		{"...rel!left(a)", []Item{{Embed: &Embed{Name: "rel", Join: LeftJoin, Spread: true, Items: []Item{{Field: field("a")}}}}}},
		{"rel(data->1)", []Item{{Embed: &Embed{Name: "rel", Items: []Item{{Field: field("data", Step{Key: "1", Index: true})}}}}}},
	} {
		got, err := ParseSelect(tt.in)
		if (err != nil) != (tt.want == nil) || err == nil && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v %v, want %+v", tt.in, got, err, tt.want)
		}
	}
}

func TestParseOrder(t *testing.T) {
	t.Parallel()
	got, err := ParseOrder("a, b->k.desc,c.asc.nullsfirst,d.nullslast,r(e->>f).desc.nullslast")
	want := []Term{
		{Field: field("a")},
		{Field: field("b", Step{Key: "k"}), Dir: Desc},
		{Field: field("c"), Dir: Asc, Nulls: NullsFirst},
		{Field: field("d"), Nulls: NullsLast},
		{Relation: "r", Field: field("e", Step{Key: "f", Text: true}), Dir: Desc, Nulls: NullsLast},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	path, f, err := ParseKey(`a."b.c".d->x->>0`)
	if err != nil || !reflect.DeepEqual(path, Path{"a", "b.c"}) ||
		!reflect.DeepEqual(f, field("d", Step{Key: "x"}, Step{Key: "0", Index: true, Text: true})) {
		t.Errorf("%v %+v %v", path, f, err)
	}
	path, not, err := ParseLogicKey("a.b.not.or")
	if err != nil || !not || !reflect.DeepEqual(path, Path{"a", "b"}) {
		t.Errorf("%v %t %v", path, not, err)
	}
	if list, err := ParseColumns("columns", `"a b",c , d`); err != nil || !reflect.DeepEqual(list, []string{"a b", "c", "d"}) {
		t.Errorf("%q %v", list, err)
	}
}

func TestParseLogic(t *testing.T) {
	t.Parallel()
	n, values, err := ParseLogic(`(a.eq.1, not.and(b.in.(x,"y,z"),c.not.is.null) ,d.cs.{1,2},e.eq."p,(q)")`, true, true, 3)
	want := Node{Not: true, Or: true, Kids: []Node{
		{Field: field("a"), Expr: Expr{Op: Eq, Value: 3}},
		{Not: true, Kids: []Node{
			{Field: field("b"), Expr: Expr{Op: In, Value: 4}},
			{Field: field("c"), Expr: Expr{Not: true, Op: Is}},
		}},
		{Field: field("d"), Expr: Expr{Op: Contains, Value: 5}},
		{Field: field("e"), Expr: Expr{Op: Eq, Value: 6}},
	}}
	if err != nil || !reflect.DeepEqual(n, want) || !reflect.DeepEqual(values, []string{"1", `{"x","y,z"}`, "{1,2}", "p,(q)"}) {
		t.Errorf("%+v %q %v", n, values, err)
	}
}

// The messages are PostgREST's, to the letter: clients show them.
func TestErrorsPointAtThePlace(t *testing.T) {
	t.Parallel()
	expr := func(s string) error { _, _, err := ParseExpr(s); return err }
	sel := func(s string) error { _, err := ParseSelect(s); return err }
	order := func(s string) error { _, err := ParseOrder(s); return err }
	or := func(s string) error { _, _, err := ParseLogic(s, false, true, 0); return err }
	and := func(s string) error { _, _, err := ParseLogic(s, false, false, 0); return err }
	key := func(s string) error { _, _, err := ParseKey(s); return err }
	for _, tt := range []struct {
		parse       func(string) error
		in          string
		at, details string
	}{
		{expr, "noop.0", "column 1", `unexpected "o" expecting "not" or operator (eq, gt, ...)`},
		{expr, "val", "column 1", `unexpected "v" expecting "not" or operator (eq, gt, ...)`},
		{expr, "", "column 1", `unexpected end of input expecting "not" or operator (eq, gt, ...)`},
		{expr, "fts().value", "column 5", `unexpected ")" expecting operator (eq, gt, ...)`},
		{expr, "eq().value", "column 4", `unexpected ")" expecting operator (eq, gt, ...)`},
		{expr, "is().value", "column 3", `unexpected "(" expecting operator (eq, gt, ...)`},
		{expr, "in().value", "column 3", `unexpected "(" expecting operator (eq, gt, ...)`},
		{expr, "is.x", "column 4", `unexpected "x" expecting isVal: (null, not_null, true, false, unknown)`},
		{expr, "in.1", "column 4", `unexpected "1" expecting "("`},
		{sel, "id,clients(name[])", "column 16", `unexpected '[' expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input`},
		{sel, "data->(a", "column 7", `unexpected "(" expecting "-", digit or any non reserved character different from: .,>()`},
		{sel, "data->>-78xy", "column 11", `unexpected 'x' expecting digit, "->", "::", ".", "," or end of input`},
		{sel, "name!hint", "column 5", `unexpected '!' expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input`},
		{sel, "*!hint", "column 2", `unexpected '!' expecting ")", "," or end of input`},
		{sel, "name::", "column 7", `unexpected end of input expecting letter or digit`},
		{order, "id.ac", "column 4", `unexpected "c" expecting "asc", "desc", "nullsfirst" or "nullslast"`},
		{order, "id.descc", "column 8", `unexpected 'c' expecting delimiter (.), "," or end of input`},
		{order, "id.nulsfist", "column 4", `unexpected "n" expecting "asc", "desc", "nullsfirst" or "nullslast"`},
		{order, "id.nullslasttt", "column 13", `unexpected 't' expecting "," or end of input`},
		{order, "id.smth34", "column 4", `unexpected "s" expecting "asc", "desc", "nullsfirst" or "nullslast"`},
		{order, "id.asc.nlsfst", "column 8", `unexpected "l" expecting "nullsfirst" or "nullslast"`},
		{order, "id.asc.smth34", "column 8", `unexpected "s" expecting "nullsfirst" or "nullslast"`},
		{order, "clients(name,id)", "column 8", `unexpected '(' expecting letter, digit, "-", "->>", "->", delimiter (.), "," or end of input`},
		{or, "()", "column 4", `unexpected ")" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)`},
		{or, "(id.in.1,2,id.eq.3)", "column 10", `unexpected "1" expecting "("`},
		{or, ")(", "column 3", `unexpected ")" expecting "("`},
		{and, "(ord(id.eq.1,id.eq.1),id.eq.2)", "column 7", `unexpected "d" expecting "("`},
		{or, "(id.eq.1,not.xor(id.eq.2,id.eq.3))", "column 16", `unexpected "x" expecting logic operator (and, or)`},
		{key, ":", "column 1", `unexpected ":" expecting field name (* or [a..z0..9_$])`},
	} {
		var e *Error
		if err := tt.parse(tt.in); !errors.As(err, &e) {
			t.Errorf("%s: %v, want an *Error", tt.in, err)
			continue
		}
		if want := "(" + tt.in + `)" (line 1, ` + tt.at + ")"; !strings.HasSuffix(e.Message, want) || e.Details != tt.details {
			t.Errorf("%s:\ngot  %s\n     %s\nwant … %s\n     %s", tt.in, e.Message, e.Details, want, tt.details)
		}
	}
}

func TestDepthIsBounded(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("a(", 5000)
	if _, err := ParseSelect(deep); err == nil {
		t.Error("select nests without bound")
	}
	if _, _, err := ParseLogic("("+strings.Repeat("and(", 5000), false, true, 0); err == nil {
		t.Error("logic nests without bound")
	}
}
