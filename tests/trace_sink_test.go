package tests

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// traceSink is a collector that keeps the spans it is sent.
type traceSink struct {
	URL string

	mu   sync.Mutex
	list []span
	text strings.Builder // all of it, to look for what must not be there
}

// span is one, with ids in hex as a traceparent has them.
type span struct {
	Name, Trace, ID, Parent string
	Service                 string
	Kind                    otlp.Span_SpanKind
	Attrs                   map[string]string
	Links                   []string // traces
	Failed                  bool
	Took                    time.Duration
}

// startTraceSink starts a collector of OTLP over HTTP.
func startTraceSink(t *testing.T) *traceSink {
	t.Helper()
	s := new(traceSink)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(r.Body); err != nil {
				t.Error(err)
				return
			}
		}
		raw, err := io.ReadAll(body)
		var in collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(raw, &in)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("the sink is sent to %s what it can't read: %v", r.URL.Path, err)
		}
		s.keep(&in)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// env are the settings of a server that sends its spans here at once.
func (s *traceSink) env() []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + s.URL, "OTEL_BSP_SCHEDULE_DELAY=20"}
}

func (s *traceSink) keep(in *collector.ExportTraceServiceRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.WriteString(in.String())
	for _, r := range in.GetResourceSpans() {
		service := ""
		for _, a := range r.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range r.GetScopeSpans() {
			for _, one := range scope.GetSpans() {
				s.list = append(s.list, readSpan(one, service))
			}
		}
	}
}

func readSpan(in *otlp.Span, service string) span {
	out := span{
		Name: in.GetName(), Trace: hex.EncodeToString(in.GetTraceId()), ID: hex.EncodeToString(in.GetSpanId()), Parent: hex.EncodeToString(in.GetParentSpanId()),
		Service: service, Kind: in.GetKind(), Attrs: map[string]string{}, Failed: in.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR,
		Took: time.Duration(in.GetEndTimeUnixNano() - in.GetStartTimeUnixNano()),
	}
	for _, a := range in.GetAttributes() {
		text := a.GetValue().GetStringValue()
		if text == "" {
			_, text, _ = strings.Cut(a.GetValue().String(), ":")
		}
		out.Attrs[a.GetKey()] = text
	}
	for _, l := range in.GetLinks() {
		out.Links = append(out.Links, hex.EncodeToString(l.GetTraceId()))
	}
	return out
}

// spans are those that have come so far.
func (s *traceSink) spans() []span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// all is what has come so far, as text.
func (s *traceSink) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// span waits for one of a name, below parent if that is not empty.
func (s *traceSink) span(t *testing.T, name, parent string) (found span) {
	t.Helper()
	eventually(t, "the sink has "+name+" below "+parent, func() bool {
		list := s.spans()
		i := slices.IndexFunc(list, func(one span) bool { return one.Name == name && (parent == "" || one.Parent == parent) })
		if i >= 0 {
			found = list[i]
		}
		return i >= 0
	})
	return found
}
