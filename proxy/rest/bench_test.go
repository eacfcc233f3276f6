package rest

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// BenchmarkHit is what a request of a known shape costs before it goes to
// Postgres: reading it, finding its plan and binding its values.
func BenchmarkHit(b *testing.B) {
	for _, bm := range []struct{ name, path string }{
		{"row", "/notes?select=id,title&id=eq.1"},
		{"list", "/items?select=id,label,data->>k&qty=gte.10&label=like.t*&order=id.desc&limit=100"},
		{"embed", "/projects?select=id,clients(name),tasks(id,name)&id=in.(1,2,3)&tasks.order=id&tasks.limit=5"},
		{"logic", "/items?or=(id.eq.1,and(qty.gt.2,label.is.null))"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			cfg, c := testConfig(b, nil), storedCatalog(b)
			plans := newPlanCache(100, maxPlanBytes, prometheus.NewRegistry())
			hr := newHTTP("GET", bm.path, "", "Accept: application/json")
			r := new(request)
			hit := func() *plan {
				r.reset(cfg)
				if err := r.parse(hr); err != nil {
					b.Fatal(err)
				}
				return plans.get(c.Version, r.shapeKey())
			}
			hit()
			pl, err := makePlan(r, c, cfg)
			if err != nil {
				b.Fatal(err)
			}
			plans.put(c.Version, r.shapeKey(), pl)
			b.ReportAllocs()
			for b.Loop() {
				if pl := hit(); pl == nil || len(r.bind(pl.params)) != len(pl.params) {
					b.Fatal("the plan is not in the cache")
				}
			}
		})
	}
}

// BenchmarkMiss is the same for a shape that nobody has asked for yet.
func BenchmarkMiss(b *testing.B) {
	cfg, c := testConfig(b, nil), storedCatalog(b)
	hr := newHTTP("GET", "/projects?select=id,clients(name),tasks(id,name)&id=in.(1,2,3)&tasks.order=id", "")
	r := new(request)
	b.ReportAllocs()
	for b.Loop() {
		r.reset(cfg)
		if err := r.parse(hr); err != nil {
			b.Fatal(err)
		}
		if _, err := makePlan(r, c, cfg); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScanJSON is the check of a body of 1,000 rows.
func BenchmarkScanJSON(b *testing.B) {
	body := []byte{'['}
	for i := range 1000 {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"id":123456,"name":"some name of a thing","price":12.50,"tags":["a","b"],"note":"naïve"}`...)
	}
	body = append(body, ']')
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scanJSON(body); err != nil {
			b.Fatal(err)
		}
	}
}
