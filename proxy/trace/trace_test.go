package trace

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// collector counts what it is sent, and answers with status.
type collector struct {
	*httptest.Server
	posts, status atomic.Int64
	hold          chan struct{}
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{hold: make(chan struct{})}
	c.status.Store(http.StatusOK)
	close(c.hold)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c.posts.Add(1)
		<-c.hold
		w.WriteHeader(int(c.status.Load()))
	}))
	t.Cleanup(c.Close)
	return c
}

// tracer gives one that sends to a collector, its log and its metrics. The exporter reads
// the environment, which is the process's.
func tracer(t *testing.T, c *collector, change func(*Config)) (*Tracer, *bytes.Buffer, *prometheus.Registry) {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	cfg := Config{Endpoint: c.URL}
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	log, reg := new(bytes.Buffer), prometheus.NewRegistry()
	tr, err := New(t.Context(), cfg, About{Version: "1", URL: "https://api.example.com"}, slog.New(slog.NewTextHandler(log, nil)), reg)
	if err != nil {
		t.Fatal(err)
	}
	return tr, log, reg
}

// spans are how many have had an outcome.
func spans(t *testing.T, reg *prometheus.Registry, outcome string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == outcome {
			return m.GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no outcome %s", outcome)
	return 0
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 30 s: " + what)
		}
	}
}

func TestWhatIsOffCostsNothing(t *testing.T) {
	var off *Tracer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	log := slog.New(Handler{slog.DiscardHandler})
	allocs := testing.AllocsPerRun(1000, func() {
		ctx := off.Into(ctx)
		if Recording(ctx) {
			t.Error("it records")
		}
		ctx, span := Start(ctx, "work")
		Current(ctx).End()
		span.End()
		log.InfoContext(ctx, "done")
	})
	if allocs != 0 {
		t.Errorf("%v allocations without tracing, want none", allocs)
	}
	if got := Inject(ctx); got != "" {
		t.Errorf("without tracing Inject gives %q", got)
	}
	off.Close()
}

func TestOnlyAnEndpointTurnsItOn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cfg  Config
		on   bool
		want string // of the error
	}{
		{Config{}, false, ""},
		{Config{Sampler: "nonsense", Protocol: "grpc"}, false, ""},
		{Config{Endpoint: "http://c:4318", Disabled: true}, false, ""},
		{Config{Endpoint: "http://c:4318", Exporter: "none"}, false, ""},
		{Config{Endpoint: "http://c:4318"}, true, ""},
		{Config{TracesEndpoint: "https://c/v1/traces", Headers: "api-key=a%20b,x=1", Sampler: "parentbased_traceidratio", SamplerArg: "0.1"}, true, ""},
		{Config{Endpoint: "c:4318"}, true, "OTEL_EXPORTER_OTLP_ENDPOINT"},
		{Config{Endpoint: "http://user:hunter2@"}, true, "OTEL_EXPORTER_OTLP_ENDPOINT"},
		{Config{Endpoint: "http://c:4318", Protocol: "grpc"}, true, "4318"},
		{Config{Endpoint: "http://c:4318", Exporter: "console"}, true, "OTEL_TRACES_EXPORTER"},
		{Config{Endpoint: "http://c:4318", Sampler: "sometimes"}, true, "OTEL_TRACES_SAMPLER"},
		{Config{Endpoint: "http://c:4318", SamplerArg: "NaN"}, true, "OTEL_TRACES_SAMPLER_ARG"},
		{Config{Endpoint: "http://c:4318", Headers: "hunter2"}, true, "OTEL_EXPORTER_OTLP_HEADERS"},
		{Config{Endpoint: "http://c:4318", Headers: "a=hunter2%"}, true, "OTEL_EXPORTER_OTLP_HEADERS"},
		{Config{Endpoint: "http://c:4318", Resource: "team"}, true, "OTEL_RESOURCE_ATTRIBUTES"},
	} {
		c := tt.cfg
		err := c.Check()
		if c.On() != tt.on || (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: on %t, %v; want %t, an error with %q", tt.cfg, c.On(), err, tt.on, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

// Who calls us says in which trace that is; whether it is believed says the setting.
func TestATraceGoesOnWhereCallersAreTrusted(t *testing.T) {
	c := newCollector(t)
	for _, tt := range []struct {
		trust           bool
		sampler, header string
		sameTrace, told bool
	}{
		{true, "parentbased_always_on", parent, true, true},
		{true, "parentbased_always_on", parent[:53] + "00", true, false},
		{true, "parentbased_always_off", parent, true, true},
		{false, "parentbased_always_on", parent, false, true},
		{false, "parentbased_always_on", parent[:53] + "00", false, true},
		{false, "parentbased_always_off", parent, false, false},
	} {
		t.Setenv("OTEL_TRACES_SAMPLER", tt.sampler)
		tr, _, _ := tracer(t, c, func(cfg *Config) { cfg.Trust, cfg.Sampler = tt.trust, tt.sampler })
		ctx := tr.Serve(t.Context(), http.Header{"Traceparent": {tt.header}})
		place := Inject(ctx)
		if same := place[:36] == parent[:36]; same != tt.sameTrace || Recording(ctx) != tt.told || strings.Contains(place, parent[36:52]) {
			t.Errorf("%+v: in the trace of the caller: %t, recorded: %t; %s", tt, same, Recording(ctx), place)
		}
		again := Continue(tr.Into(context.Background()), place)
		again, span := Start(again, "later")
		if got := Inject(again); got[:36] != place[:36] || got == place || span.IsRecording() != tt.told {
			t.Errorf("%+v: what continues %s is %s", tt, place, got)
		}
		span.End()
		Current(ctx).End()
		tr.Close()
	}
}

func TestWhatIsNoTraceparentIsNothing(t *testing.T) {
	t.Parallel()
	for _, h := range []http.Header{
		{},
		{"Traceparent": {""}},
		{"Traceparent": {"00"}},
		{"Traceparent": {parent, parent}},
		{"Traceparent": {parent + "-00"}},
		{"Traceparent": {strings.ToUpper(parent)}},
		{"Traceparent": {"ff" + parent[2:]}},
		{"Traceparent": {"01" + parent[2:] + "-" + strings.Repeat("x", 300)}},
		{"Traceparent": {"00-00000000000000000000000000000000-b7ad6b7169203331-01"}},
		{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"}},
		{"Tracestate": {"a=b"}},
	} {
		if sc := callerOf(h); sc.IsValid() {
			t.Errorf("%v is taken for %v", h, sc)
		}
	}
	for state, want := range map[string]string{"a=b,c=d": "a=b,c=d", "nonsense": "", strings.Repeat("a=b,", 200): ""} {
		sc := callerOf(http.Header{"Traceparent": {parent}, "Tracestate": {state}})
		if !sc.IsValid() || sc.TraceState().String() != want {
			t.Errorf("tracestate %.20q becomes %q (%t), want %q", state, sc.TraceState(), sc.IsValid(), want)
		}
	}
}

func FuzzTraceparent(f *testing.F) {
	for _, seed := range []string{parent, parent[:53] + "00", "", "00-", "01" + parent[2:] + "-what", strings.Repeat("-", 55)} {
		f.Add(seed, "a=b")
	}
	f.Fuzz(func(t *testing.T, text, state string) {
		sc := callerOf(http.Header{"Traceparent": {text}, "Tracestate": {state}})
		place := Inject(Continue(context.Background(), text))
		switch {
		case sc.IsValid() != (place != ""):
			t.Fatalf("%q: a header %t, in SQL %q", text, sc.IsValid(), place)
		case place != "" && (len(place) != len(parent) || place[3:52] != text[3:52]):
			t.Fatalf("%q becomes %q", text, place)
		case len(sc.TraceState().String()) > maxState:
			t.Fatalf("%d bytes of state", len(sc.TraceState().String()))
		}
	})
}

// What a collector does not take is lost, counted, and told once.
func TestACollectorThatIsAwayIsToldOnce(t *testing.T) {
	c := newCollector(t)
	c.status.Store(http.StatusBadRequest)
	tr, log, reg := tracer(t, c, nil)
	work := func() {
		_, span := Start(tr.Into(context.Background()), "work")
		span.End()
	}
	for i := range 3 {
		work()
		until(t, "the span has failed", func() bool { return spans(t, reg, "failed") == float64(i+1) })
	}
	c.status.Store(http.StatusOK)
	work()
	until(t, "the span is exported", func() bool { return spans(t, reg, "exported") == 1 })
	tr.Close()
	for _, text := range []string{"spans are not exported", "spans are exported again"} {
		if n := strings.Count(log.String(), text); n != 1 {
			t.Errorf("the log says %d times that %s\n%s", n, text, log)
		}
	}
}

// A collector that takes its time holds up nobody; what does not fit into the queue is
// dropped, and what does is sent at the end.
func TestASlowCollectorHoldsUpNobody(t *testing.T) {
	c := newCollector(t)
	c.hold = make(chan struct{})
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
	tr, _, reg := tracer(t, c, func(cfg *Config) { cfg.QueueSize = 10 })
	for range 25 {
		_, span := Start(tr.Into(context.Background()), "work")
		span.End()
	}
	if got := spans(t, reg, "dropped"); got != 15 {
		t.Errorf("%v spans are dropped, want 15", got)
	}
	close(c.hold)
	tr.Close()
	if got := spans(t, reg, "exported"); got != 10 {
		t.Errorf("%v spans are exported when it has ended, want 10", got)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || problems != nil {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

func TestLinesOfATraceNameIt(t *testing.T) {
	c := newCollector(t)
	tr, _, _ := tracer(t, c, nil)
	defer tr.Close()
	var out bytes.Buffer
	log := slog.New(Handler{slog.NewTextHandler(&out, nil)}).With("a", 1).WithGroup("g")
	ctx := tr.Serve(t.Context(), http.Header{})
	log.InfoContext(ctx, "inside", "b", 2)
	log.Info("outside")
	lines := strings.Split(out.String(), "\n")
	place := strings.Split(Inject(ctx), "-")
	if !strings.Contains(lines[0], "trace_id="+place[1]) || !strings.Contains(lines[0], "span_id="+place[2]) || strings.Contains(lines[1], "trace_id") {
		t.Errorf("the log is %q, the trace %q", lines, place)
	}
}
