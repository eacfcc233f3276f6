package tests

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/fluxbase/fluxbase/proxy/webhook"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
	traceparent  = "Traceparent: 00-" + callersTrace + "-" + callersSpan + "-01"
)

// whereInTrace is a function that says what SQL knows of the trace.
const whereInTrace = `
	create function public.where_in_trace(note text default '') returns text language sql as
		$$ select current_setting('request.traceparent', true) $$;
	create function public.do_later() returns bigint language sql security definer as $$ select jobs.enqueue('later') $$;
	create function public.broken(by int) returns int language sql as $$ select 1 / by $$`

// A request is in the caller's trace, its statements are below it, and SQL, a job, the log
// and a hook know where they are. No secret goes along.
func TestATraceGoesThroughHTTPAndSQL(t *testing.T) {
	t.Parallel()
	db, sink := authDB(t), startTraceSink(t)
	exec(t, db, whereInTrace)
	told := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header.Get("Traceparent")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(receiver.Close)
	const secret = "5e0ec0de-0000-4000-8000-000000000003"
	_, sealed := webhook.Table("auth.hook_secrets").New(testKeys(t), secret)
	exec(t, db, `select auth.add_hook_secret('before_user_created', '`+secret+`', '`+sealed+`')`)
	set(t, db, "hook_before_user_created_uri", `"`+receiver.URL+`/?key=hunter2"`)
	s := startAuth(t, db, append(sink.env(), "FLUXBASE_AUTH_PRIVATE_ADDRESSES=true", "FLUXBASE_TRACE_TRUST=true", "OTEL_SERVICE_NAME=notes-api", "OTEL_EXPORTER_OTLP_HEADERS=api-key=hunter2")...)
	const ada = "5e0ec0de-0000-4000-8000-00000000000a"
	token := userToken(t, ada)
	bearer := "Authorization: Bearer " + token

	a := s.call(t, "GET", "/rest/v1/rpc/where_in_trace?note=hunter2", "", bearer, traceparent, "X-Request-Id: traced-1", "Cookie: hunter2=hunter2", "User-Agent: hunter2")
	request := sink.span(t, "GET /rest/v1/*path", callersSpan)
	trip := sink.span(t, "SELECT public.where_in_trace", request.ID)
	if want := `"00-` + callersTrace + `-` + trip.ID + `-01"`; a.Body != want || request.Trace != callersTrace || trip.Trace != callersTrace {
		t.Errorf("SQL sees %s, want %s; the spans are of %s and %s", a.Body, want, request.Trace, trip.Trace)
	}
	s.logs(t, `"trace_id":"`+callersTrace+`","span_id":"`+request.ID+`"`)
	for _, tt := range []struct {
		of   span
		kind otlp.Span_SpanKind
		want map[string]string
	}{
		{request, otlp.Span_SPAN_KIND_SERVER, map[string]string{
			"http.request.method": "GET", "http.route": "/rest/v1/*path", "url.path": "/rest/v1/rpc/where_in_trace", "url.scheme": "http",
			"http.response.status_code": "200", "request.id": "traced-1", "enduser.id": ada, "fluxbase.role": "authenticated",
			"server.address": "auth.test", "server.port": "80",
		}},
		{trip, otlp.Span_SPAN_KIND_CLIENT, map[string]string{
			"db.system.name": "postgresql", "db.operation.name": "SELECT", "db.query.summary": "SELECT public.where_in_trace",
			"db.namespace": trip.Attrs["db.namespace"], "server.address": "127.0.0.1", "server.port": trip.Attrs["server.port"],
		}},
	} {
		if !maps.Equal(tt.of.Attrs, tt.want) || tt.of.Kind != tt.kind || tt.of.Failed || tt.of.Took <= 0 || tt.of.Service != "notes-api" {
			t.Errorf("got %+v, want %v with %v", tt.of, tt.kind, tt.want)
		}
	}

	if a := s.call(t, "POST", "/rest/v1/rpc/do_later", "", bearer, traceparent); a.Status != http.StatusOK {
		t.Fatalf("a job can't be enqueued: %d %s", a.Status, a.Body)
	}
	trip = sink.span(t, "SELECT public.do_later", "")
	if place := queryText(t, db, `select meta ->> 'traceparent' from jobs.ready`); place != "00-"+callersTrace+"-"+trip.ID+"-01" {
		t.Errorf("the job is at %s, and was enqueued in %+v", place, trip)
	}

	s.call(t, "GET", "/rest/v1/rpc/broken?by=0", "", bearer)
	trip = sink.span(t, "SELECT public.broken", "")
	if code := trip.Attrs["db.response.status_code"]; code != "22012" || trip.Attrs["error.type"] != "22012" || !trip.Failed {
		t.Errorf("the statement that failed is %+v", trip)
	}
	s.call(t, "BREW", "/hunter", "")
	if of := sink.span(t, "HTTP", ""); of.Attrs["http.request.method"] != "_OTHER" || of.Failed || of.Attrs["http.response.status_code"] != "404" && of.Attrs["http.response.status_code"] != "405" {
		t.Errorf("a request of a method of its own is %+v", of)
	}

	signed := s.call(t, "POST", "/auth/v1/signup", `{"email": "ada@example.com", "password": "correct-hunter2-horse"}`)
	asked := sink.span(t, "hook before_user_created", "")
	sink.span(t, "POST", asked.ID)
	if place := <-told; place != "00-"+asked.Trace+"-"+asked.ID+"-01" {
		t.Errorf("the hook is told %s, and is below %+v", place, asked)
	}
	var of span
	for _, of = range sink.spans() {
		if of.ID == asked.Parent {
			break
		}
	}
	if of.Name == "" || signed.Status >= 400 {
		t.Errorf("sign-up answers %d; the hook is below %+v", signed.Status, of)
	}

	s.call(t, "GET", "/livez", "")
	for _, bad := range []string{"", "nonsense", "00-" + callersTrace + "-" + callersSpan + "-01-more", strings.Repeat("0", 4000), "00-" + strings.Repeat("0", 32) + "-" + callersSpan + "-01"} {
		a := s.call(t, "GET", "/rest/v1/rpc/where_in_trace", "", "Traceparent: "+bad, "Tracestate: "+bad)
		if len(a.Body) != len(traceparent)-len("Traceparent: ")+2 || strings.Contains(a.Body, callersTrace) {
			t.Errorf("with %.60q the request is at %d %s", bad, a.Status, a.Body)
		}
	}
	s.stop(t)
	for _, secret := range []string{"hunter2", token, jwtSecret, "ada@example.com", "livez"} {
		if strings.Contains(sink.all(), secret) {
			t.Errorf("the spans hold %q", secret)
		}
	}
	for _, one := range sink.spans() {
		if strings.HasPrefix(one.Name, "SELECT") && one.Parent == "" {
			t.Errorf("what the server asks by itself begins a trace: %+v", one)
		}
	}
}

// Strangers begin no trace of theirs here; and what is not sent yet is when the server ends.
func TestTracesOfStrangersAreOnlyNamed(t *testing.T) {
	t.Parallel()
	db, sink := dbtest.New(t), startTraceSink(t)
	exec(t, db, whereInTrace)
	s := startServer(t, db, append(sink.env(), "OTEL_BSP_SCHEDULE_DELAY=600000")...)
	a := s.call(t, "GET", "/rest/v1/rpc/where_in_trace", "", traceparent)
	if list := sink.spans(); len(list) != 0 || strings.Contains(a.Body, callersTrace) || len(a.Body) != 57 {
		t.Errorf("SQL sees %s; sent are %v", a.Body, list)
	}
	s.stop(t)
	of := sink.span(t, "GET /rest/v1/*path", "")
	if of.Parent != "" || len(of.Links) != 1 || of.Links[0] != callersTrace || !strings.Contains(a.Body, of.Trace) || of.Service != "fluxbase" {
		t.Errorf("the request is %+v, SQL saw %s", of, a.Body)
	}
	if list := sink.spans(); len(list) != 2 {
		t.Errorf("%d spans are sent when the server ends, want those of the request and of its statement: %v", len(list), list)
	}
}

// A collector that is away changes nothing for clients, and is told of once. Who is not
// sampled is in no trace for SQL, and in the log all the same.
func TestRequestsDoNotNeedACollector(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, whereInTrace)
	away := startServer(t, db, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_BSP_SCHEDULE_DELAY=5")
	for range 20 {
		if a := away.call(t, "GET", "/rest/v1/rpc/where_in_trace", ""); a.Status != http.StatusOK || len(a.Body) != 57 {
			t.Errorf("without a collector: %d %s", a.Status, a.Body)
		}
	}
	eventually(t, "the spans are counted as failed", func() bool {
		return metric(t, away, `fluxbase_trace_spans_total{outcome="failed"}`) >= 40
	})
	if n := strings.Count(away.Log(), "spans are not exported"); n != 1 {
		t.Errorf("the log says it %d times, want once", n)
	}

	unsampled := startServer(t, db, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0")
	off := startServer(t, db)
	for name, s := range map[string]*server{"not sampled": unsampled, "off": off} {
		if a := s.call(t, "GET", "/rest/v1/rpc/where_in_trace", "", traceparent); a.Body != "null" {
			t.Errorf("%s: SQL sees %s", name, a.Body)
		}
		s.logs(t, `"path":"/rest/v1/rpc/where_in_trace"`)
		if told := strings.Contains(s.Log(), `"trace_id"`); told != (s == unsampled) {
			t.Errorf("%s: the log tells of a trace: %t\n%s", name, told, s.Log())
		}
	}
}
