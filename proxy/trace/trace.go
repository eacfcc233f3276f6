// Package trace makes the spans of OpenTelemetry, and carries where a request is in its
// trace to whom it leads: to Postgres, to jobs and to hooks.
//
// Whether there is tracing stands in the context, so that no package has to be told. Where
// there is none, nothing here allocates, and all that it gives may be used as it is.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Span is a piece of work in a trace.
type Span = trace.Span

const (
	scope = "github.com/fluxbase/fluxbase"
	// maxParent and maxState are in bytes; the latter is what every participant should
	// pass on (W3C Trace Context, 3.3.1.5).
	maxParent = 256
	maxState  = 512
	// maxValue is how much of an attribute is kept, in characters, because some of them
	// are what a client sends.
	maxValue = 1024
	// flushTimeout is how long a process that ends waits for its last spans to be taken.
	flushTimeout = 5 * time.Second
)

// Tracer makes spans. A nil one makes none.
type Tracer struct {
	tracer   trace.Tracer
	provider *sdk.TracerProvider
	trust    bool
	log      *slog.Logger
	// server is what each span of a request says of where it was taken.
	server trace.SpanStartEventOption
}

// About is what traces tell of the process.
type About struct {
	Version string
	// URL is where its clients reach it.
	URL string
}

// addressOf is the address of a URL; nothing for a Unix socket.
func addressOf(text string) []attribute.KeyValue {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	port := map[string]int{"http": 80, "https": 443}[u.Scheme]
	if n, err := strconv.Atoi(u.Port()); err == nil {
		port = n
	}
	return []attribute.KeyValue{semconv.URLScheme(u.Scheme), semconv.ServerAddress(u.Hostname()), semconv.ServerPort(port)}
}

// New makes a Tracer of cfg, which must have passed Check; nil if it is off. It connects
// to nothing: a collector that is away is found again when it is back. What the SDK has to
// say, of variables that it can't read for example, goes to log.
func New(ctx context.Context, cfg Config, about About, log *slog.Logger, reg prometheus.Registerer) (*Tracer, error) {
	if !cfg.On() {
		return nil, nil
	}
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("tracing", "error", err) }))
	next, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("make the exporter of spans: %w", err)
	}
	service, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(semconv.ServiceName(cfg.ServiceName), semconv.ServiceVersion(about.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("read OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	limits := sdk.NewSpanLimits()
	if limits.AttributeValueLengthLimit < 0 {
		limits.AttributeValueLengthLimit = maxValue
	}
	c := newCounts(reg)
	batches := sdk.NewBatchSpanProcessor(&exporter{SpanExporter: next, counts: c, log: log}, sdk.WithMaxQueueSize(cfg.QueueSize))
	provider := sdk.NewTracerProvider(sdk.WithResource(service), sdk.WithRawSpanLimits(limits),
		sdk.WithSpanProcessor(&processor{batches, c, int64(cfg.QueueSize)}))
	return &Tracer{
		tracer: provider.Tracer(scope, trace.WithInstrumentationVersion(about.Version)), provider: provider, trust: cfg.Trust, log: log,
		server: trace.WithAttributes(addressOf(about.URL)...),
	}, nil
}

// Close sends what is left, for at most five seconds.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("the last spans could not be exported", "error", err)
	}
}

// key is that of the Tracer in a context.
type key struct{}

// Into gives a context in which Start makes spans.
func (t *Tracer) Into(ctx context.Context) context.Context {
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, t)
}

// Serve begins the span of a request with these headers; its context holds it.
func (t *Tracer) Serve(ctx context.Context, h http.Header) context.Context {
	ctx = t.Into(ctx)
	how := append(make([]trace.SpanStartOption, 0, 3), trace.WithSpanKind(trace.SpanKindServer), t.server)
	if caller := callerOf(h); caller.IsValid() && t.trust {
		ctx = trace.ContextWithRemoteSpanContext(ctx, caller)
	} else if caller.IsValid() {
		how = append(how, trace.WithLinks(trace.Link{SpanContext: caller}))
	}
	ctx, _ = t.tracer.Start(ctx, "HTTP", how...)
	return ctx
}

// callerOf is the span of the caller that the headers of a request name. What is not as it
// should be counts as nothing, and so do two of them.
// Source: W3C Trace Context, 2.2 and 4.3.
func callerOf(h http.Header) trace.SpanContext {
	parent := h["Traceparent"]
	if len(parent) != 1 {
		return trace.SpanContext{}
	}
	c := carrier{"traceparent": parent[0]}
	if state := strings.Join(h["Tracestate"], ","); len(state) <= maxState {
		c["tracestate"] = state
	}
	return c.read()
}

// none is the span where nothing is traced.
var none Span = noop.Span{}

// Start begins a span of the trace that ctx is in, or a trace. Its context holds it; it
// must be ended.
func Start(ctx context.Context, name string, about ...attribute.KeyValue) (context.Context, Span) {
	t, ok := ctx.Value(key{}).(*Tracer)
	if !ok {
		return ctx, none
	}
	return t.tracer.Start(ctx, name, trace.WithAttributes(about...))
}

// On tells whether Start begins spans: else nothing has to be found out for them.
func On(ctx context.Context) bool {
	_, ok := ctx.Value(key{}).(*Tracer)
	return ok
}

// Client begins a span for what is asked of somebody else, such as the database. Ask
// Recording before; else it may begin a trace.
func Client(ctx context.Context, name string, about ...attribute.KeyValue) (context.Context, Span) {
	t, ok := ctx.Value(key{}).(*Tracer)
	if !ok {
		return ctx, none
	}
	return t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(about...))
}

// Current is the span of ctx, or one that does nothing.
func Current(ctx context.Context) Span { return trace.SpanFromContext(ctx) }

// Recording tells whether ctx is in a trace that is sent somewhere.
func Recording(ctx context.Context) bool { return trace.SpanFromContext(ctx).IsRecording() }

// Inject gives the place of ctx in its trace, as the header traceparent has it; empty if it
// is in none.
func Inject(ctx context.Context) string {
	c := carrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return c["traceparent"]
}

// Continue gives a context whose next span belongs to the trace of traceparent, which was
// given by Inject or, in SQL, by current_setting('request.traceparent', true). It is ctx
// where that names none.
func Continue(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	if sc := (carrier{"traceparent": traceparent}).read(); sc.IsValid() {
		return trace.ContextWithRemoteSpanContext(ctx, sc)
	}
	return ctx
}

// carrier is a few headers.
type carrier map[string]string

func (c carrier) read() trace.SpanContext {
	if len(c["traceparent"]) > maxParent {
		return trace.SpanContext{}
	}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), c))
}

// Get is part of propagation.TextMapCarrier, as are the others.
func (c carrier) Get(name string) string { return c[name] }

// Set keeps one.
func (c carrier) Set(name, value string) { c[name] = value }

// Keys is of no use to what reads one trace.
func (c carrier) Keys() []string { return nil }
