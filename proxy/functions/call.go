package functions

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/fluxbase/fluxbase/proxy/functions/worker"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/trace"
)

// call is an invocation under way.
type call struct {
	Call
	worker.Invocation
	h     *Handler
	ctx   context.Context // with the span of the function
	span  trace.Span
	began time.Time

	mu  sync.Mutex
	seq int
}

// begin makes a call of d under ctx.
func (h *Handler) begin(ctx context.Context, d *Definition, caller pg.Caller) *call {
	c := &call{h: h, began: time.Now()}
	c.Call = Call{
		ID: newID(c.began), At: stamp(c.began), Function: d.Name, Version: d.Version, Process: h.Process, Caller: nameOf(caller),
	}
	c.Invocation = worker.Invocation{ID: c.Call.ID, Line: c.line}
	c.ctx, c.span = trace.Start(ctx, "function "+d.Name,
		attribute.String("execution_id", c.Call.ID), attribute.String("name", d.Name), attribute.Int("version", d.Version))
	c.Traceparent = trace.Inject(c.ctx)
	if place := c.span.SpanContext(); place.HasTraceID() {
		c.TraceID = place.TraceID().String()
	}
	if caller.Subject != "" {
		c.span.SetAttributes(attribute.String("user_id", caller.Subject))
	}
	return c
}

// of says which request it is.
func (c *call) of(id, method, path string) {
	c.Call.RequestID, c.Invocation.RequestID, c.Method, c.Path = id, id, method, path
}

// newID makes a UUID of version 7 (RFC 9562), so that rows that come one after the other are
// beside each other.
func newID(at time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	binary.BigEndian.PutUint64(b[:8], uint64(at.UnixMilli())<<16|uint64(b[6])<<8|uint64(b[7]))
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// stamp is a time as Postgres reads it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// line keeps what the function said.
func (c *call) line(at time.Time, level, text string, truncated bool) {
	c.mu.Lock()
	c.seq++
	seq := c.seq
	c.mu.Unlock()
	c.h.Recorder.Line(&Line{
		Invocation: c.Call.ID, At: stamp(at), Seq: seq, Function: c.Function, Version: c.Version, Level: level, Message: text, Truncated: truncated,
	})
}

// output keeps what was said outside of calls, each line as if it were of a call of its own.
func (h *Handler) output(s *worker.Spec, at time.Time, level, text string, truncated bool) {
	h.Recorder.Line(&Line{
		Invocation: newID(at), At: stamp(at), Seq: 1, Function: s.Name, Version: s.Version, Level: level, Message: text, Truncated: truncated,
	})
}

// end notes how it went.
func (c *call) end(out worker.Outcome) {
	took := time.Since(c.began)
	c.Duration, c.CPU = took.Seconds()*1000, out.CPU.Seconds()*1000
	c.Status, c.Outcome, c.Cold, c.Truncated, c.Output, c.Memory = out.Status, out.Kind, out.Cold, out.Truncated, out.Output, out.MemoryPeak
	if c.Outcome == worker.OK && c.Status >= http.StatusInternalServerError {
		c.Outcome = worker.Error
	}
	c.span.SetAttributes(
		attribute.String("method", c.Method), attribute.String("url", c.Path), attribute.Int("status_code", c.Status),
		attribute.Float64("duration_ms", c.Duration), attribute.String("outcome", c.Outcome), attribute.Bool("cold", c.Cold),
	)
	if c.Outcome != worker.OK {
		c.span.SetStatus(codes.Error, c.Outcome)
	}
	c.span.End()
	c.h.Metrics.observe(c, took)
	call := c.Call
	c.h.Recorder.Call(&call)
}
