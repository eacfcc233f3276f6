package proxy

import (
	"net/http"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/fluxbase/fluxbase/proxy/trace"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// traced tells whether r gets a span. Those who ask whether we live ask all the time, and
// are left out.
func (s *Server) traced(r *http.Request) bool {
	return s.tracer != nil && r.URL.Path != "/livez" && r.URL.Path != "/readyz"
}

// endSpan says of a request what the access log says: never the query or a header, which
// may hold secrets. Its name is one of few, whatever clients send.
// Source: OpenTelemetry semantic conventions, HTTP server spans.
func endSpan(w *web.Response, r *http.Request) {
	span := trace.Current(r.Context())
	defer span.End()
	if !span.IsRecording() {
		return
	}
	name, method := r.Method, r.Method
	if !slices.Contains(methods, method) {
		name, method = "HTTP", "_OTHER"
	}
	about := append(make([]attribute.KeyValue, 0, 12),
		semconv.HTTPRequestMethodKey.String(method),
		semconv.URLPath(r.URL.EscapedPath()),
		attribute.String("request.id", w.ID),
	)
	if w.Route != "" {
		name += " " + w.Route
		about = append(about, semconv.HTTPRoute(w.Route))
	}
	if status := w.Status(); status != 0 {
		about = append(about, semconv.HTTPResponseStatusCode(status))
	}
	if w.Role != "" {
		about = append(about, attribute.String("fluxbase.role", w.Role))
	}
	if w.User != "" {
		about = append(about, semconv.EnduserID(w.User))
	}
	if w.Err != nil {
		e := web.AsError(w.Err)
		about = append(about, attribute.String("fluxbase.code", e.Code))
		if w.Status() >= 500 || w.Broken {
			about = append(about, semconv.ErrorTypeKey.String(e.Code))
			span.SetStatus(codes.Error, "")
		}
	}
	span.SetName(name)
	span.SetAttributes(about...)
}
