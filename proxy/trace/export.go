package trace

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// counts is what became of the spans.
type counts struct {
	exported, failed, dropped prometheus.Counter
	// pending are those that wait or are under way.
	pending atomic.Int64
}

func newCounts(reg prometheus.Registerer) *counts {
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fluxbase_trace_spans_total",
		Help: "Spans of traced requests, by what became of them: exported, failed (the collector did not take them), dropped (too many waited).",
	}, []string{"outcome"})
	reg.MustRegister(spans)
	return &counts{
		exported: spans.WithLabelValues("exported"), failed: spans.WithLabelValues("failed"), dropped: spans.WithLabelValues("dropped"),
	}
}

// processor keeps spans from a queue that is full. That of the SDK would drop them too, but
// without telling.
type processor struct {
	sdk.SpanProcessor
	*counts
	most int64
}

// OnEnd is called with each span that has ended, by whoever ended it.
func (p *processor) OnEnd(s sdk.ReadOnlySpan) {
	if p.pending.Add(1) > p.most {
		p.pending.Add(-1)
		p.dropped.Inc()
		return
	}
	p.SpanProcessor.OnEnd(s)
}

// exporter says once when spans are not taken, and once when they are again.
type exporter struct {
	sdk.SpanExporter
	*counts
	log  *slog.Logger
	away bool
}

// ExportSpans is called with one batch at a time.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	n := len(spans)
	e.pending.Add(-int64(n))
	if err != nil {
		e.failed.Add(float64(n))
	} else {
		e.exported.Add(float64(n))
	}
	switch away := err != nil; {
	case away && !e.away:
		e.log.Warn("spans are not exported; they are lost until the collector takes them", "error", brief(err))
	case !away && e.away:
		e.log.Info("spans are exported again")
	}
	e.away = err != nil
	return nil // it is told
}

// brief is an error without all that a server may have said.
func brief(err error) string {
	const most = 300
	text := err.Error()
	return text[:min(len(text), most)]
}
