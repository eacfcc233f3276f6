package realtime

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// People of the benchmarks, each with claims of their own.
const benchPeople = 10_000

// cpu reports processor time instead of that of a clock, which others share.
func cpu(b *testing.B) (report func()) {
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	return func() {
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
		spent := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
		b.ReportMetric(float64(spent)/float64(b.N), "cpu-ns/change")
	}
}

func sub(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// BenchmarkOwnRow finds who of ten thousand may see a row of their own.
func BenchmarkOwnRow(b *testing.B) {
	a, notes := newAudience(), changes.Table{Schema: "public", Name: "notes"}
	p, err := newPlan("authenticated", []byte(`{"reads": ["owner_id"], "condition": {"and": [{"or": [
		{"equal": [{"column": "owner_id"}, {"claim": ["sub"], "type": "uuid"}]}]}]}}`))
	if err != nil {
		b.Fatal(err)
	}
	for i := range benchPeople {
		listener(a, notes, "authenticated", `{"sub": "`+sub(i)+`"}`)
	}
	p.follow(a, notes)
	owners := make([]string, benchPeople)
	for i := range owners {
		owners[i] = sub(i)
	}
	found := 0
	report := cpu(b)
	for i := 0; b.Loop(); i++ {
		p.find([]value{{owners[i%benchPeople], true}}, func(*party) { found++ })
	}
	report()
	if found != b.N {
		b.Fatalf("found %d for %d rows", found, b.N)
	}
}

// BenchmarkRememberedMembers looks up the two hundred members of rooms, of which one in
// a hundred changes its members between two rows and is decided anew.
func BenchmarkRememberedMembers(b *testing.B) {
	const rooms, members = 1000, 200
	p := &plan{statement: "select", decided: map[string]*decision{}, tables: []*dependency{{Key: "room", Of: "room", by: map[value]map[*decision]struct{}{}}}}
	h := &Hub{Deps: Deps{Reg: prometheus.NewRegistry()}}
	h.decisions = decisions{maxEntries: 100_000, maxBytes: 64 << 20, ttl: 1 << 60, metrics: newMetrics(h)}
	ids := make([]int64, members)
	for i := range ids {
		ids[i] = int64(i)
	}
	decide := func(room value) {
		h.decisions.put(&decision{plan: p, row: rowKey([]value{room}), ids: ids, keys: []value{room}})
	}
	names := make([]value, rooms)
	for i := range names {
		names[i] = value{fmt.Sprintf("room %d", i), true}
		decide(names[i])
	}
	seen := 0
	report := cpu(b)
	for i := 0; b.Loop(); i++ {
		room := names[i%rooms]
		if i%100 == 0 {
			for d := range p.tables[0].by[room] {
				h.decisions.drop(d)
			}
			decide(room)
		}
		d := p.decided[rowKey([]value{room})]
		for _, id := range d.ids {
			if d.has(id) {
				seen++
			}
		}
	}
	report()
}
