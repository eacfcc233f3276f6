package query

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func filtersPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/reference/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestPageOfFiltersListsAllOperators(t *testing.T) {
	t.Parallel()
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `(.+?)` \\| (.*)\\|$").FindAllStringSubmatch(filtersPage(t), -1) {
		got = append(got, m[1]+" "+strings.ReplaceAll(m[2], `\|`, "|")+" "+strings.TrimSpace(m[3]))
	}
	var want []string
	for op, o := range operators {
		beside := ""
		switch {
		case o.wildcard:
			beside = "any, all; `*` is `%`"
		case o.quantified:
			beside = "any, all"
		case o.search:
			beside = "language"
		case Op(op) == Is:
			beside = "null, not_null, true, false, unknown"
		}
		want = append(want, o.name+" "+o.sql+" "+beside)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestPageOfFiltersPairsEqualFilters(t *testing.T) {
	t.Parallel()
	pairs := regexp.MustCompile("(?m)^\\| `(.+)` \\| `({\"where.+)` \\|$").FindAllStringSubmatch(filtersPage(t), -1)
	if len(pairs) < 10 {
		t.Fatalf("only %d pairs", len(pairs))
	}
	for _, pair := range pairs {
		var want []Node
		var values []string
		for parameter := range strings.SplitSeq(pair[1], "&") {
			key, value, _ := strings.Cut(parameter, "=")
			var n Node
			if word := key[strings.LastIndexByte(key, '.')+1:]; word == "and" || word == "or" {
				_, not, err := ParseLogicKey(key)
				if err != nil {
					t.Fatal(err)
				}
				var more []string
				if n, more, err = Extended.ParseLogic(value, not, word == "or", len(values)); err != nil {
					t.Fatal(err)
				}
				values = append(values, more...)
			} else {
				var err error
				if _, n.Field, err = ParseKey(key); err != nil {
					t.Fatal(err)
				}
				if n.Expr, value, err = Extended.ParseExpr(value); err != nil {
					t.Fatal(err)
				}
				if n.Expr.HasValue() {
					n.Expr.Value = len(values)
					values = append(values, value)
				}
			}
			want = append(want, n)
		}
		q, got, err := ParseJSON([]byte(pair[2]), 0)
		if err != nil || !reflect.DeepEqual(q.Where, want) {
			t.Errorf("%s\ngot  %+v %v\nwant %+v", pair[2], q, err, want)
		}
		for i := range got {
			// An array in JSON is quoted wherever it may be.
			if unquoted := strings.ReplaceAll(got[i], `"`, ""); got[i] != values[i] && unquoted != values[i] {
				t.Errorf("%s\ngot  %q\nwant %q", pair[2], got, values)
			}
		}
	}
}

func TestPageOfFiltersPairsSubscriptions(t *testing.T) {
	t.Parallel()
	pairs := regexp.MustCompile("(?m)^\\| `(.+)` \\| `({\"[^w].+)` \\|$").FindAllStringSubmatch(filtersPage(t), -1)
	if len(pairs) < 4 {
		t.Fatalf("only %d pairs", len(pairs))
	}
	for _, pair := range pairs {
		want, _, err := ParseChanges(pair[1], 0)
		if err != nil {
			t.Fatal(err)
		}
		got, values, err := ParseChanges(pair[2], 0)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v %q %v\nwant %+v", pair[1], got, values, err, want)
		}
	}
}
