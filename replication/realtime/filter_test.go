package realtime

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

func TestFiltersAreBounded(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "id=eq.5", "room=in.(" + strings.Repeat("1,", 99) + "1)", strings.Repeat("id=eq.5,", 99) + "id=eq.5"} {
		if _, err := parseFilter(text); err != nil {
			t.Errorf("%.30s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"id": "is not COLUMN=OPERATOR.VALUE",
		"id=in.(" + strings.Repeat("1,", 100) + "1)":          "too many values for `in` filter. Maximum 100",
		"or=(id.in.(" + strings.Repeat("1,", 100) + "1))":     "too many values for `in` filter. Maximum 100",
		"id=eq(any).{" + strings.Repeat("1,", 100) + "1}":     "too many values for `eq` filter. Maximum 100",
		strings.Repeat("id=eq.5,", 100) + "id=eq.5":           "at most 100 conditions",
		"or=(" + strings.Repeat("id.eq.5,", 100) + "id.eq.5)": "at most 100 conditions",
		"body=eq." + strings.Repeat("x", maxFilter):           "at most 65536 bytes",
	} {
		if _, err := parseFilter(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30s: got %v, want %s", text, err, want)
		}
	}
}

func TestColumnsAreSelected(t *testing.T) {
	t.Parallel()
	row := json.RawMessage(`{"id":1,"body":"a, \"b\"","data":{"id": [2]},"n":1.50}`)
	for want, columns := range map[string][]string{
		string(row):                    nil,
		`{"id":1}`:                     {"id"},
		`{"n":1.50,"body":"a, \"b\""}`: {"n", "body", "n"},
		`{"data":{"id": [2]}}`:         {"data", "gone"},
		`{}`:                           {"a\"b"},
	} {
		if got := string(selectFields(row, selectionOf(columns))); got != want {
			t.Errorf("%q: got %s, want %s", columns, got, want)
		}
	}
	all := json.RawMessage(`[{"name":"id","type":"int4"},{"name":"body","type":"text"}]`)
	if got := string(selectColumns(all, selectionOf([]string{"body", "i"}))); got != `[{"name":"body","type":"text"}]` {
		t.Errorf("got %s", got)
	}
}

// relationOf has a key and a text.
func relationOf() *changes.Relation {
	return &changes.Relation{Table: changes.Table{Schema: "public", Name: "t"}, OID: 1, Columns: []changes.Column{
		{Name: "id", Type: 23, Key: true}, {Name: "body", Type: 25}, {Name: "gone", Type: 25},
	}}
}

// tupleOf writes a row as pgoutput does; nil is null, "unchanged" is that.
func tupleOf(t testing.TB, values ...any) changes.Tuple {
	t.Helper()
	data := []byte{0, byte(len(values))}
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			data = append(data, 'n')
		case changes.Kind:
			data = append(data, byte(v))
		case string:
			data = append(append(data, 't', 0, 0, 0, byte(len(v))), v...)
		}
	}
	tuple, _, err := changes.ParseTuple(data)
	if err != nil {
		t.Fatal(err)
	}
	return tuple
}

// bindingsOf makes one binding for each filter, with its place as id.
func bindingsOf(t testing.TB, filters ...string) []*binding {
	t.Helper()
	table := "t"
	var list []*binding
	for i, text := range filters {
		b := &binding{bindingSpec: bindingSpec{ID: int64(i), Event: anyName, Schema: "public", Table: &table}}
		var err error
		if b.filter, err = parseFilter(text); err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

func newBindings() *bindings { return &bindings{by: map[changes.Table]*tableBindings{}} }

func TestIndexFindsWhoWantsAChange(t *testing.T) {
	t.Parallel()
	filters := []string{
		"", "id=eq.1", "id=eq.+01", "id=in.(1,2)", "id=eq.2", "id=gt.0", "body=eq.a", "body=eq.a,id=eq.2", "or=(id.eq.1,id.eq.2)",
		"body=ilike.A", "body=is.null", "id=in.(3,3)", "id=not.eq.1", "nope=eq.1", "gone=eq.x",
	}
	r := relationOf()
	for _, tt := range []struct {
		name string
		row  loggedRow
		want []int64
	}{
		{"a row", loggedRow{relation: r, tuple: tupleOf(t, "1", "a", nil)}, []int64{0, 1, 2, 3, 5, 6, 8, 9}},
		{"another", loggedRow{relation: r, tuple: tupleOf(t, "2", nil, "x")}, []int64{0, 3, 4, 5, 8, 10, 12, 14}},
		{"the key alone", loggedRow{relation: r, tuple: tupleOf(t, "1", nil, nil), isKey: true}, []int64{0, 1, 2, 3, 5, 8}},
		{"a long value that was not touched", loggedRow{relation: r, tuple: tupleOf(t, "1", changes.Unchanged, nil)}, []int64{0, 1, 2, 3, 5, 6, 8, 9, 10}},
		{"which the old row has", loggedRow{relation: r, tuple: tupleOf(t, "1", changes.Unchanged, nil), whole: tupleOf(t, "1", "b", nil)}, []int64{0, 1, 2, 3, 5, 8, 9}},
	} {
		bs := newBindings()
		list := bindingsOf(t, filters...)
		bs.add(list[:8])
		bs.learn(&facts{relation: r})
		bs.add(list[8:])
		check := func(want []int64) {
			t.Helper()
			var got []int64
			m := bs.met(&tt.row)
			for _, b := range bs.of(r.Table) {
				if m.has(b) {
					got = append(got, b.ID)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", tt.name, got, want)
			}
		}
		check(tt.want)
		bs.remove(list[:3])
		check(slices.DeleteFunc(slices.Clone(tt.want), func(id int64) bool { return id < 3 }))
		bs.remove(list[3:])
		if len(bs.by) > 0 || bs.met(&tt.row) != nil {
			t.Errorf("%s: something is left: %v", tt.name, bs.by)
		}
	}
}

func TestIndexIsThatOfTheTableAsItWas(t *testing.T) {
	t.Parallel()
	bs := newBindings()
	bs.add(bindingsOf(t, "body=eq.a", "body=eq.b"))
	bs.learn(&facts{relation: relationOf()})
	changed := relationOf()
	row := loggedRow{relation: changed, tuple: tupleOf(t, "1", "a", nil)}
	if got := bs.met(&row); len(got.filters) != 2 {
		t.Errorf("a table of which nothing is known: %d filters are asked, want all", len(got.filters))
	}
	bs.learn(&facts{relation: changed, loose: []string{"body"}})
	if got := bs.met(&row); len(got.filters) != 2 {
		t.Errorf("a collation that is not deterministic: %d filters are asked, want all", len(got.filters))
	}
	if bs.facts(changed) == nil || bs.facts(relationOf()) != nil {
		t.Error("facts are those of another table")
	}
}

// What a change costs must not depend on how many listen for other rows.
func BenchmarkIndex(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			filters := make([]string, n)
			for i := range filters {
				filters[i] = "id=eq." + strconv.Itoa(i)
			}
			bs := newBindings()
			bs.add(bindingsOf(b, filters...))
			r := relationOf()
			bs.learn(&facts{relation: r})
			row := loggedRow{relation: r, tuple: tupleOf(b, "7", "a", nil)}
			b.ReportAllocs()
			for b.Loop() {
				if bs.met(&row).bindings != 1 {
					b.Fatal("not found")
				}
			}
		})
	}
}

func TestArraysAreWrittenForPostgres(t *testing.T) {
	t.Parallel()
	for want, list := range map[string][]string{
		`{}`:                 {},
		`{"a"}`:              {"a"},
		`{"a\"b","c\\d",""}`: {`a"b`, `c\d`, ``},
	} {
		if got := string(textArray(list)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
