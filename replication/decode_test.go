package replication

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// wire writes messages as pgoutput does.
type wire []byte

func (w wire) u8(v byte) wire    { return append(w, v) }
func (w wire) u16(v int) wire    { return binary.BigEndian.AppendUint16(w, uint16(v)) }
func (w wire) u32(v int) wire    { return binary.BigEndian.AppendUint32(w, uint32(v)) }
func (w wire) u64(v int) wire    { return binary.BigEndian.AppendUint64(w, uint64(v)) }
func (w wire) str(s string) wire { return append(append(w, s...), 0) }

func begin(final, xid int) wire { return wire("B").u64(final).u64(0).u32(xid) }
func commit(at, end int) wire   { return wire("C").u8(0).u64(at).u64(end).u64(0) }
func truncate(oids ...int) wire {
	w := wire("T").u32(len(oids)).u8(0)
	for _, oid := range oids {
		w = w.u32(oid)
	}
	return w
}

func relation(oid int, name string, columns ...string) wire {
	w := wire("R").u32(oid).str("public").str(name).u8('d').u16(len(columns))
	for i, c := range columns {
		w = w.u8(byte(1 - min(i, 1))).str(c).u32(25).u32(math.MaxUint32)
	}
	return w
}

func (w wire) tuple(values ...string) wire {
	w = w.u16(len(values))
	for _, v := range values {
		w = append(w.u8('t').u32(len(v)), v...)
	}
	return w
}

func insert(oid int, values ...string) wire { return wire("I").u32(oid).u8('N').tuple(values...) }

func message(transactional byte, at int, prefix, content string) wire {
	return append(wire("M").u8(transactional).u64(at).str(prefix).u32(len(content)), content...)
}

// feed decodes messages and returns the transactions.
func feed(t *testing.T, d *decoder, messages ...wire) (all []*changes.Transaction) {
	t.Helper()
	for _, m := range messages {
		tx, _, err := d.decode(m)
		if err != nil {
			t.Fatalf("%q: %v", m, err)
		}
		if tx != nil {
			all = append(all, tx)
		}
	}
	return all
}

func TestWhatIsDecodedStays(t *testing.T) {
	t.Parallel()
	d := newDecoder(100, 1<<20)
	d.now = func() time.Time { return time.Unix(7, 0) }
	d.restart(changes.Epoch{System: 1, Timeline: 2}, 5)
	row := insert(9, "1", "one")
	all := feed(t, d, wire("Y").u32(1).str("").str("t"), wire("O").u64(0).str("here"),
		begin(10, 5), relation(9, "note", "id", "body"), row, message(1, 9, "in", "x"), commit(10, 20), message(0, 30, "alone", ""))
	for i := range row {
		row[i] = 'z' // as the connection uses its buffer again
	}
	feed(t, d, begin(40, 6), relation(9, "note", "id", "body"), insert(9, "2", "two"))
	if len(all) != 2 {
		t.Fatalf("got %d transactions, want 2", len(all))
	}
	tx := all[0]
	if tx.XID != 5 || tx.Commit != 10 || tx.End != 20 || tx.Position().String() != "1/2/0/14" || len(tx.Events) != 2 || tx.Large {
		t.Errorf("got %+v", tx)
	}
	e := tx.Events[0]
	if e.Op != changes.Insert || e.Relation.Name != "note" || !e.Relation.Columns[0].Key || e.Relation.Columns[1].Key || string(e.New.Value(1).Text) != "one" {
		t.Errorf("got %+v %q", e, e.New.Value(1).Text)
	}
	lone := all[1]
	if lone.XID != 0 || lone.Commit != 20 || lone.End != 30 || lone.Events[0].Prefix != "alone" || lone.Time.Unix() != 7 {
		t.Errorf("got %+v", lone)
	}
	if got := d.counts; got != (counts{inserts: 2, messages: 2}) {
		t.Errorf("counted %+v", got)
	}
}

func TestATableThatIsTheSameKeepsItsPointer(t *testing.T) {
	t.Parallel()
	d := newDecoder(100, 1<<20)
	one := func(r wire, columns ...string) *changes.Relation {
		return feed(t, d, begin(1, 1), r, insert(9, columns...), commit(1, 2))[0].Events[0].Relation
	}
	first := one(relation(9, "note", "id"), "1")
	if again := one(relation(9, "note", "id"), "1"); again != first {
		t.Error("it was told twice, and is another")
	}
	d.restart(changes.Epoch{}, 0)
	if again := one(relation(9, "note", "id"), "1"); again != first {
		t.Error("after a reconnection it is another")
	}
	if other := one(relation(9, "note", "id", "body"), "1", "2"); other == first {
		t.Error("with one more column it is the same")
	}
}

func TestALargeTransactionTellsOnlyWhatItTouched(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]struct{ changes, bytes int }{"changes": {10, 1 << 20}, "bytes": {1000, 10 * 200}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDecoder(limits.changes, limits.bytes)
			feed(t, d, begin(1, 1), relation(1, "one", "id"), relation(2, "two", "id"), message(1, 1, "before", "b"))
			for range 100 {
				feed(t, d, insert(1, "1"))
			}
			tx := feed(t, d, truncate(1, 2), message(1, 1, "after", "a"), commit(1, 2))[0]
			var got []string
			for _, touched := range tx.Touched {
				name := touched.Prefix
				if touched.Relation != nil {
					name = touched.Relation.Name
				}
				got = append(got, fmt.Sprint(name, touched.Count))
			}
			if want := "before1 one101 two1 after1"; !tx.Large || strings.Join(got, " ") != want {
				t.Errorf("large %t, touched %v, want %s", tx.Large, got, want)
			}
			if len(tx.Events) != 2 || string(tx.Events[0].Content) != "b" || string(tx.Events[1].Content) != "a" {
				t.Errorf("its messages are %+v", tx.Events)
			}
			if next := feed(t, d, begin(3, 2), insert(1, "2"), commit(3, 4))[0]; next.Large || next.Touched != nil {
				t.Errorf("the next one is large too: %+v", next)
			}
		})
	}
}

// Nobody can take memory by making up prefixes or sending messages without end.
func TestMessagesOfALargeTransactionAreBounded(t *testing.T) {
	t.Parallel()
	d := newDecoder(10, 1<<20)
	feed(t, d, begin(1, 1))
	for i := range 1000 {
		feed(t, d, message(1, 1, fmt.Sprint("prefix", i), "x"))
	}
	tx := feed(t, d, commit(1, 2))[0]
	var total int64
	for _, touched := range tx.Touched {
		total += touched.Count
	}
	if last := tx.Touched[len(tx.Touched)-1]; len(tx.Touched) != 11 || last.Prefix != "" || total != 1000 || len(tx.Events) != 10 {
		t.Errorf("%d touched (last %+v) of %d messages, %d kept", len(tx.Touched), last, total, len(tx.Events))
	}
	ours := changes.Want{Prefixes: []string{"fluxbase."}}
	if !ours.HasTouched(&tx.Touched[10]) || ours.HasTouched(&tx.Touched[0]) {
		t.Error("whoever wants a prefix must hear of messages that can't be told apart, and of no others")
	}
}

func TestMalformedMessagesAreErrors(t *testing.T) {
	t.Parallel()
	for name, messages := range map[string][]wire{
		"empty":                     {{}},
		"unknown":                   {wire("Z")},
		"short":                     {wire("B").u64(1)},
		"long":                      {begin(1, 1).u8(0)},
		"two begins":                {begin(1, 1), begin(1, 1)},
		"commit without begin":      {commit(1, 2)},
		"commit ends before itself": {begin(1, 1), commit(2, 2)},
		"row outside":               {relation(1, "t", "id"), insert(1, "1")},
		"unknown table":             {begin(1, 1), insert(1, "1")},
		"truncate of unknown":       {begin(1, 1), truncate(1)},
		"too few columns":           {begin(1, 1), relation(1, "t", "a", "b"), insert(1, "1")},
		"insert without row":        {begin(1, 1), relation(1, "t", "a"), wire("I").u32(1)},
		"insert with old row":       {begin(1, 1), relation(1, "t", "a"), wire("I").u32(1).u8('O').tuple("1")},
		"delete with new row":       {begin(1, 1), relation(1, "t", "a"), wire("D").u32(1).u8('N').tuple("1")},
		"update with old row alone": {begin(1, 1), relation(1, "t", "a"), wire("U").u32(1).u8('O').tuple("1")},
		"rows after the new one":    {begin(1, 1), relation(1, "t", "a"), insert(1, "1").u8('N').tuple("1")},
		"endless columns":           {wire("R").u32(1).str("s").str("t").u8('d').u16(65535)},
		"endless message":           {begin(1, 1), wire("M").u8(1).u64(1).str("p").u32(math.MaxUint32)},
		"lone message inside":       {begin(1, 1), message(0, 1, "p", "c")},
	} {
		d := newDecoder(100, 1<<20)
		var err error
		for _, m := range messages {
			_, _, err = d.decode(m)
		}
		if err == nil {
			t.Errorf("%s: decoded", name)
		}
	}
}

// FuzzDecode cuts its input into messages, each after its length.
func FuzzDecode(f *testing.F) {
	join := func(messages ...wire) (all []byte) {
		for _, m := range messages {
			all = append(wire(all).u16(len(m)), m...)
		}
		return all
	}
	f.Add(join(begin(1, 1), relation(1, "t", "a", "b"), insert(1, "1", "2"), truncate(1), message(1, 2, "p", "c"), commit(1, 2)))
	f.Add(join(begin(1, 1), relation(1, "t", "a"), wire("U").u32(1).u8('K').tuple("1").u8('N').tuple("2"), wire("D").u32(1).u8('O').tuple("1"), commit(1, 2)))
	f.Add(join(message(0, 2, "p", "c"), wire("O").u64(1).str("o"), wire("Y").u32(1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newDecoder(3, 1000)
		for len(data) >= 2 {
			n := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
			tx, size, err := d.decode(data[2 : 2+n])
			data = data[2+n:]
			if err != nil || tx == nil {
				continue
			}
			if tx.XID != 0 && tx.End <= tx.Commit || size <= 0 {
				t.Fatalf("%+v has size %d", tx, size)
			}
			for i := range tx.Events {
				e := &tx.Events[i]
				if (e.Relation == nil) != (e.Op == changes.Message) {
					t.Fatalf("%+v", e)
				}
				for _, row := range []changes.Tuple{e.Old, e.New} {
					if !row.IsZero() && row.Len() != len(e.Relation.Columns) {
						t.Fatalf("%d values in %d columns", row.Len(), len(e.Relation.Columns))
					}
				}
			}
		}
	})
}

func rowOf(n int) wire {
	return insert(1, "12345", "a title of some length", "2026-01-01 00:00:00+00", "true", "7d3c1a52-93a7-4d55-8f3e-0a2b4c6d8e9f", strings.Repeat("x", n))
}

func TestRowsAreDecodedWithoutAllocation(t *testing.T) {
	d := newDecoder(math.MaxInt, math.MaxInt)
	feed(t, d, relation(1, "t", "a", "b", "c", "d", "e", "f"), begin(1, 1))
	row := rowOf(10)
	for range 2000 {
		feed(t, d, row) // until the memory for events has grown
	}
	d.events = d.events[:0]
	allocs := testing.AllocsPerRun(100, func() {
		d.slab = d.slab[:0]
		if _, _, err := d.decode(row); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a row, want none", allocs)
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, n := range map[string]int{"small": 10, "1kB": 1000} {
		b.Run(name, func(b *testing.B) {
			d := newDecoder(10_000, 16<<20)
			if _, _, err := d.decode(relation(1, "t", "a", "b", "c", "d", "e", "f")); err != nil {
				b.Fatal(err)
			}
			all := []wire{begin(1, 1), rowOf(n), commit(1, 2)}
			b.ReportAllocs()
			for b.Loop() {
				for _, m := range all {
					if _, _, err := d.decode(m); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
