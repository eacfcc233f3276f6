package tests

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkRestRowByKey is one row by its primary key under row level security,
// all the way to Postgres and back.
func BenchmarkRestRowByKey(b *testing.B) {
	s := newRest(b, restFixture, nil)
	header := http.Header{"Authorization": {"Bearer " + restToken(b, ada)}, "Accept": {"application/json"}}
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("GET", "/rest/v1/notes?select=id,title&id=eq.1", nil)
		r.Header = header
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
		_, _ = io.Copy(io.Discard, w.Body)
	}
}
