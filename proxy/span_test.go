package proxy

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Without a collector a request pays nothing for tracing, whatever its caller asks for.
func TestAnUntracedRequestCostsNothing(t *testing.T) {
	s, _ := setup(t, ok, nil)
	r := httptest.NewRequest("GET", "/rest/v1/notes", nil)
	r.Header = http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	w := &web.Response{ResponseWriter: httptest.NewRecorder(), Route: "/rest/v1/*path"}
	allocs := testing.AllocsPerRun(1000, func() {
		if s.traced(r) {
			t.Error("it is traced")
		}
		endSpan(w, r)
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}
