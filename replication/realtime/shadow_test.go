package realtime

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fluxbase/fluxbase/replication/bus"
)

// A decision with which Postgres does not agree counts once all that was on its way has
// come, unless it was made anew meanwhile; then each subscriber's own answer is asked for.
func TestAMismatchEndsAPlan(t *testing.T) {
	t.Parallel()
	h := &Hub{Deps: Deps{Reg: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler)}}
	h.metrics = newMetrics(h)
	h.decisions.metrics = h.metrics
	wrong, other := planKey{1, "authenticated"}, planKey{2, "authenticated"}
	asked, old := &plan{}, &plan{}
	// The policy of the other was changed since.
	h.planner.plans, h.planner.demoted = map[planKey]*plan{wrong: asked, other: {}}, map[planKey]struct{}{}
	now := time.Now()
	h.doubts = []doubt{{key: wrong, plan: asked, at: now}, {key: other, plan: old, at: now}}

	h.judge(now.Add(bus.Lease))
	if len(h.doubts) != 2 || len(h.planner.demoted) != 0 {
		t.Fatalf("%d doubts are left, %d are demoted, before all can be known", len(h.doubts), len(h.planner.demoted))
	}
	h.judge(now.Add(2 * bus.Lease))
	if n := testutil.ToFloat64(h.metrics.mismatches); n != 1 || len(h.doubts) != 0 {
		t.Errorf("%v mismatches, %d doubts left; want 1 and none", n, len(h.doubts))
	}
	for key, demoted := range map[planKey]bool{wrong: true, other: false} {
		if _, is := h.planner.demoted[key]; is != demoted {
			t.Errorf("of %v: demoted %t, want %t", key, is, demoted)
		}
	}
}
