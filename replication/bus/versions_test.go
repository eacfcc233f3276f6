package bus

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// still is a subscription to a stream that is current.
type still struct{ fresh time.Time }

func (s *still) Done(changes.Position) {}
func (s *still) Fresh() time.Time      { return s.fresh }
func (s *still) Close()                {}

func (s *still) Next(context.Context) (*changes.Transaction, error) { return nil, changes.ErrClosed }

// versions are those of a process that holds its lease.
func versions() (*Versions, *Bus, *still) {
	v, sub := NewVersions(), &still{fresh: time.Now()}
	v.bus = &Bus{sub: sub, announces: true}
	v.bus.take(time.Now(), true)
	sub.fresh = time.Now()
	return v, v.bus, sub
}

var (
	notes = changes.Table{Schema: "public", Name: "notes"}
	tags  = changes.Table{Schema: "public", Name: "tags"}
)

func changed(xid uint32, tables ...changes.Table) *changes.Transaction {
	tx := &changes.Transaction{XID: xid}
	for i, t := range tables {
		if r := (&changes.Relation{Table: t}); i%2 == 0 {
			tx.Events = append(tx.Events, changes.Event{Op: changes.Insert, Relation: r}, changes.Event{Op: changes.Insert, Relation: r})
		} else {
			tx.Touched = append(tx.Touched, changes.Touched{Relation: r})
		}
	}
	return tx
}

func TestVersionsGrowWithTheirTables(t *testing.T) {
	t.Parallel()
	v, bus, sub := versions()
	of := func(tables ...changes.Table) uint64 {
		t.Helper()
		version, ok := v.Of(tables, time.Time{})
		if !ok {
			t.Fatal("the version is not known")
		}
		return version
	}
	both, one := of(notes, tags), of(tags)
	v.count(changed(7, notes))
	if of(notes, tags) <= both || of(tags) != one {
		t.Error("a change of one table is not that of the sets with it alone")
	}
	both, one = of(notes, tags), of(tags)
	v.count(changed(8, notes, tags))
	if of(notes, tags) <= both || of(tags) <= one {
		t.Error("a transaction of two tables changed one")
	}
	one = of(tags)
	v.schemaChanged()
	if of(tags) <= one {
		t.Error("another schema is no other version")
	}

	if _, ok := v.Of(nil, sub.fresh); ok {
		t.Error("a time is taken for proven that is not")
	}
	bus.announces = false
	if _, ok := v.Of(nil, time.Time{}); ok {
		t.Error("versions are told although nobody tells of the schema")
	}
	bus.announces, sub.fresh = true, time.Now().Add(-Lease)
	if _, ok := v.Of(nil, time.Time{}); ok {
		t.Error("versions are told from a stream older than its lease")
	}
}

// A commit is counted before snapshots show it.
func TestSnapshotsMustShowWhatIsCounted(t *testing.T) {
	t.Parallel()
	v, _, _ := versions()
	tables := []changes.Table{notes}
	check := func(snapshot string, want bool) {
		t.Helper()
		if got := v.Shows(tables, v.last, snapshot); got != want {
			t.Errorf("%s shows all: %t, want %t", snapshot, got, want)
		}
	}
	check("1:1:", true) // nothing is counted
	v.count(changed(12, notes))
	v.count(changed(10, notes))
	v.count(changed(99, tags))
	check("10:13:10", false)
	check("10:12:", false)
	check("nonsense", false)
	check("11:13:", true)
	check("1:1:", true) // it was shown before
	for xid := range uint32(3 * maxUnsettled) {
		v.count(changed(100+xid, notes))
	}
	last := 100 + 3*maxUnsettled - 1
	check(fmt.Sprintf("%d:%d:", last, last+1), false)
	check(fmt.Sprintf("%d:%d:", last+1, last+1), true)

	// What the stream has left out may be shown later than anything that it told.
	v.startOver()
	if v.Shows(tables, v.last-1, "900:900:") {
		t.Error("a snapshot counts that may be older than the gap")
	}
	check("200:210:205", false)
	check("206:220:", false)
	check("210:220:", true)
}
