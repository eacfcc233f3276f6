package query

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// randomNode makes a tree, and values for its filters.
func randomNode(r *rand.Rand, depth int, values *[]string) Node {
	if depth == 0 || r.IntN(3) == 0 {
		return randomFilter(r, values)
	}
	n := Node{Not: r.IntN(2) == 0, Or: r.IntN(2) == 0}
	for range 1 + r.IntN(3) {
		n.Kids = append(n.Kids, randomNode(r, depth-1, values))
	}
	return n
}

func randomFilter(r *rand.Rand, values *[]string) Node {
	n := Node{Field: Field{Name: randomText(r)}}
	for range r.IntN(3) {
		st := Step{Key: randomText(r), Text: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			st.Key, st.Index = []string{"0", "-1", "12"}[r.IntN(3)], true
		}
		n.Field.Path = append(n.Field.Path, st)
	}
	e := Expr{Not: r.IntN(2) == 0, Op: Op(r.IntN(len(operators)))}
	op := operators[e.Op]
	if op.quantified {
		e.Quant = Quantifier(r.IntN(3))
	}
	if op.search && r.IntN(2) == 0 {
		e.Lang = "english"
	}
	switch {
	case e.Op == Is:
		e.Truth = Truth(r.IntN(len(truths)))
	case e.Op.compares() && r.IntN(4) == 0:
		e.Quant, e.Other = OtherColumn, &Field{Name: randomText(r), Path: n.Field.Path}
	default:
		value := randomText(r)
		if op.wildcard {
			value = strings.ReplaceAll(value, "*", "%")
		}
		if e.Op == In {
			value = Array([]string{randomText(r) + "x", randomText(r)})
		}
		e.Value = len(*values)
		*values = append(*values, value)
	}
	n.Expr = e
	return n
}

func randomText(r *rand.Rand) string {
	const letters = `abcXYZ019 _-.,:()[]{}"\'%*é☃!>`
	runes := []rune(letters)
	var b strings.Builder
	for range 1 + r.IntN(8) {
		b.WriteRune(runes[r.IntN(len(runes))])
	}
	return b.String()
}

// random is another source at each run, and tells its seed where a test fails.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func TestPrintedTreesParseToTheSame(t *testing.T) {
	t.Parallel()
	r := random(t)
	for range 5_000 {
		var values []string
		n := randomNode(r, 3, &values)
		if n.Leaf() {
			n = Node{Kids: []Node{n}}
		}
		text := Print(&n, values)
		not, rest := n.Not, strings.TrimPrefix(text, "not.")
		got, gotValues, err := Extended.ParseLogic(rest[strings.IndexByte(rest, '('):], not, n.Or, 0)
		if err != nil || !reflect.DeepEqual(got, n) || !reflect.DeepEqual(gotValues, values) {
			t.Fatalf("%s\ngot  %+v %q %v\nwant %+v %q", text, got, gotValues, err, n, values)
		}
	}
}

// Two filters of one shape differ in nothing but their values; of two shapes the
// SQL may differ.
func TestShapesTellTreesApart(t *testing.T) {
	t.Parallel()
	r := random(t)
	byShape := map[string]string{}
	for range 20_000 {
		var values []string
		n := randomNode(r, 2, &values)
		q := new(SQL)
		q.Node("t", &n, nil)
		shape, sql := string(n.AppendShape(nil)), q.String()
		if other, ok := byShape[shape]; ok && other != sql {
			t.Fatalf("one shape %q, two statements\n%s\n%s", shape, other, sql)
		}
		byShape[shape] = sql
	}
}
