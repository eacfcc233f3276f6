package changes

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

func TestPositionsReadAsWritten(t *testing.T) {
	t.Parallel()
	for _, want := range []Position{
		{},
		{Epoch{7301234567890123456, 3}, 0x16_B374D848},
		{Epoch{math.MaxUint64, math.MaxUint32}, math.MaxUint64},
	} {
		if got, err := ParsePosition(want.String()); err != nil || got != want {
			t.Errorf("%s reads as %s, %v", want, got, err)
		}
	}
	if got := LSN(0x16_B374D848).String(); got != "16/B374D848" {
		t.Errorf("got %s, want it as Postgres writes it", got)
	}
	for _, bad := range []string{"", "1", "1/2", "1/2/3", "x/1/0/0", "1/x/0/0", "1/1/0/100000000", "1/1/-1/0", "1/1/0/0/0"} {
		if p, err := ParsePosition(bad); err == nil {
			t.Errorf("%q reads as %s", bad, p)
		}
	}
}

// row writes values as pgoutput does; nil is null.
func row(values ...[]byte) []byte {
	data := binary.BigEndian.AppendUint16(nil, uint16(len(values)))
	for _, v := range values {
		if v == nil {
			data = append(data, byte(Null))
			continue
		}
		data = append(data, byte(Text))
		data = binary.BigEndian.AppendUint32(data, uint32(len(v)))
		data = append(data, v...)
	}
	return data
}

func TestRowsAreReadWithoutAllocation(t *testing.T) {
	data := append(row([]byte("7"), nil, []byte(""), bytes.Repeat([]byte("x"), 1000)), "rest"...)
	data[1]++ // a fifth column
	data = append(data[:len(data)-len("rest")], "urest"...)

	var text, nulls, unchanged int
	allocs := testing.AllocsPerRun(100, func() {
		text, nulls, unchanged = 0, 0, 0
		tuple, rest, err := ParseTuple(data)
		if err != nil || string(rest) != "rest" || tuple.Len() != 5 {
			t.Fatalf("%d columns, %q left, %v", tuple.Len(), rest, err)
		}
		for _, v := range tuple.All() {
			switch v.Kind {
			case Text:
				text += len(v.Text)
			case Null:
				nulls++
			case Unchanged:
				unchanged++
			}
		}
	})
	if text != 1001 || nulls != 1 || unchanged != 1 {
		t.Errorf("got %d bytes of text, %d nulls, %d unchanged", text, nulls, unchanged)
	}
	if allocs != 0 {
		t.Errorf("%v allocations a row, want none", allocs)
	}
}

func TestARowOfNothingHasNullsOnly(t *testing.T) {
	t.Parallel()
	var none Tuple
	if !none.IsZero() || none.Len() != 0 || none.Value(0).Kind != Null {
		t.Error("the zero tuple has values")
	}
	for i := range none.All() {
		t.Errorf("the zero tuple has column %d", i)
	}
	empty, _, err := ParseTuple(row())
	if err != nil || empty.IsZero() || empty.Len() != 0 {
		t.Errorf("a row without columns is %v, %v", empty, err)
	}
}

func FuzzTuple(f *testing.F) {
	f.Add(row([]byte("7"), nil, []byte("")))
	f.Add([]byte{0, 1, 't', 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0xff, 0xff, 'n'})
	f.Fuzz(func(t *testing.T, data []byte) {
		tuple, rest, err := ParseTuple(data)
		if err != nil {
			return
		}
		if !bytes.Equal(append(tuple.Bytes()[:len(tuple.Bytes()):len(tuple.Bytes())], rest...), data) {
			t.Fatal("bytes were lost")
		}
		n := 0
		for i, v := range tuple.All() {
			if w := tuple.Value(i); w.Kind != v.Kind || !bytes.Equal(w.Text, v.Text) {
				t.Fatalf("column %d is %v and %v", i, v, w)
			}
			n++
		}
		if n != tuple.Len() {
			t.Fatalf("%d values in %d columns", n, tuple.Len())
		}
	})
}

func TestWantKnowsItsEvents(t *testing.T) {
	t.Parallel()
	notes := &Relation{Table: Table{"public", "notes"}}
	other := &Relation{Table: Table{"private", "notes"}}
	want := Want{Tables: []Table{notes.Table}, Prefixes: []string{"fluxbase."}}
	for _, tt := range []struct {
		e  Event
		is bool
	}{
		{Event{Op: Insert, Relation: notes}, true},
		{Event{Op: Insert, Relation: other}, false},
		{Event{Op: Message, Prefix: "fluxbase.ddl"}, true},
		{Event{Op: Message, Prefix: "app"}, false},
	} {
		if got := want.Has(&tt.e); got != tt.is {
			t.Errorf("%v: wanted is %t", tt.e, got)
		}
		touched := Touched{Relation: tt.e.Relation, Prefix: tt.e.Prefix}
		if got := want.HasTouched(&touched); got != tt.is {
			t.Errorf("touched %v: wanted is %t", touched, got)
		}
	}
	if all := (Want{AllTables: true}); !all.HasTable(other.Table) || all.HasPrefix("fluxbase.ddl") {
		t.Error("all tables are not just all tables")
	}
}
