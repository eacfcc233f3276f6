package rest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/web"
)

func TestPreferences(t *testing.T) {
	t.Parallel()
	h := http.Header{"Prefer": {"return=minimal, count=exact , return=representation", "handling=strict,max-affected=5,timezone=UTC,tx=rollback,foo,resolution=x"}}
	p := parsePreferences(h, true)
	if p.returning != returnMinimal || p.count != countExact || p.handling != handlingStrict || !p.hasMax || p.maxAffected != 5 ||
		p.timezone != "UTC" || p.tx != txRollback || strings.Join(p.unknown, " ") != "foo resolution=x" {
		t.Errorf("%+v", p)
	}
	if got, want := p.applied(p), "return=minimal, count=exact, tx=rollback, handling=strict, timezone=UTC, max-affected=5"; got != want {
		t.Errorf("applied %q, want %q", got, want)
	}
	if p := parsePreferences(h, false); p.tx != 0 {
		t.Error("tx= counts although the configuration does not allow it")
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                                       "*/*",
		"*/*":                                    "*/*",
		"application/json; charset=utf-8":        "application/json",
		"application/json, text/plain, */*":      "application/json",
		"text/csv;q=0.1, application/json;q=0.2": "application/json, text/csv",
		"*/*, text/*, image/png, text/csv":       "image/png, text/csv, text/*, */*",
		"text/html,application/xhtml+xml,*/*;q=0.8":                                 "text/html, application/xhtml+xml, */*",
		"ApplicatIon/vnd.PgRsT.object+json":                                         "application/vnd.pgrst.object+json",
		"application/vnd.pgrst.object":                                              "application/vnd.pgrst.object+json",
		`application/vnd.pgrst.object+json; nulls="stripped"`:                       "application/vnd.pgrst.object+json;nulls=stripped",
		"application/vnd.pgrst.array+json;nulls=stripped;q=0.9":                     "application/vnd.pgrst.array+json;nulls=stripped",
		"application/vnd.pgrst.array+json":                                          "application/json",
		"application/json;q=0":                                                      "",
		"undefined":                                                                 "undefined",
		"application/vnd.pgrst.plan":                                                `application/vnd.pgrst.plan+text; for="application/json"`,
		`application/vnd.pgrst.plan+json; options=wal|analyze; for="text/csv"`:      `application/vnd.pgrst.plan+json; for="text/csv"; options=analyze|wal`,
		`application/vnd.pgrst.plan; for="application/vnd.pgrst.object"; options=x`: `application/vnd.pgrst.plan+text; for="application/vnd.pgrst.object+json"`,
	} {
		var names []string
		for _, m := range acceptable(acceptKey([]string{header})) {
			names = append(names, m.mime())
		}
		if got := strings.Join(names, ", "); got != want {
			t.Errorf("%q is %q, want %q", header, got, want)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		query, header string
		want          span
		err           *web.Error
	}{
		{"", "", allRows, nil},
		{"limit=5", "", span{0, 5}, nil},
		{"limit=5&offset=2", "", span{2, 5}, nil},
		{"offset=2", "", span{2, -1}, nil},
		{"limit=abc&offset=x", "", allRows, nil},
		{"offset=-2", "", allRows, nil},
		{"limit=5&offset=-2", "1-9", span{1, 2}, nil},
		{"limit=2&offset=-2", "", span{}, errNegativeLimit},
		{"limit=0", "0-5", span{0, 0}, nil},
		{"", "2-5", span{2, 4}, nil},
		{"", "2-", span{2, -1}, nil},
		{"", "items=2-5", allRows, nil},
		{"limit=3", "1-9", span{1, 2}, nil},
		{"limit=3&offset=1", "0-1", span{1, 1}, nil},
		{"limit=2", "5-9", span{}, errNegativeLimit},
		{"", "5-2", span{}, errInvertedRange},
		{"limit=-1", "", span{}, errNegativeLimit},
	} {
		hr := newHTTP("GET", "/clients?"+tt.query, "", "Range: "+tt.header)
		r, err := parseHTTP(testConfig(t, nil), hr)
		if tt.err != nil {
			if !errors.Is(err, tt.err) {
				t.Errorf("%s %s: %v, want %v", tt.query, tt.header, err, tt.err)
			}
			continue
		}
		if err != nil || r.rows != tt.want {
			t.Errorf("%s %s: %+v %v, want %+v", tt.query, tt.header, r.rows, err, tt.want)
		}
	}
}

func TestCanonicalQuery(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a=1&c=3&b=2&d":              "a=1&b=2&c=3&d=",
		"select=a,b&id=gt.1&id=lt.5": "id=gt.1,lt.5&select=a%2Cb",
		"n%61me=eq.x+y%20z%zz&&":     "name=eq.x%20y%20z%25zz",
	} {
		if got := string(appendCanonical(nil, in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"films", "directors", "roles", "actors", "film_roles"}
	for in, want := range map[string]string{"film": "films", "role": "roles", "directr": "directors", "FILMS": "films", "nothing": "", "x": ""} {
		if got, _ := nearest(in, names, 0.75); got != want {
			t.Errorf("nearest to %s is %q, want %q", in, got, want)
		}
	}
	if near, _ := nearest("(a, b, smthelse)", []string{"(x)", "(a, b)"}, 0.33); near != "(a, b)" {
		t.Errorf("nearest form is %q", near)
	}
	if near, score := nearest("films", names, 0.75); near != "films" || score != 1 {
		t.Errorf("%s %f", near, score)
	}
}

func TestPlanCache(t *testing.T) {
	t.Parallel()
	c := newPlanCache(4, maxPlanBytes, prometheus.NewRegistry())
	a, b := &plan{sql: "a"}, &plan{sql: "b"}
	c.put(1, []byte("a"), a)
	if c.get(1, []byte("a")) != a || c.get(2, []byte("a")) != nil || c.get(1, []byte("b")) != nil {
		t.Error("a plan is found for another version or shape")
	}
	for i := range 100 {
		c.put(1, []byte{byte(i), 'x'}, b)
		if c.get(1, []byte("a")) != a {
			t.Fatal("a plan in constant use was dropped")
		}
		if n := len(c.young.plans) + len(c.old.plans); n > 4 {
			t.Fatalf("%d plans in a cache of 4", n)
		}
	}
	c.put(2, []byte("b"), b)
	c.put(1, []byte("a"), a) // of an older catalogue: too late
	if c.get(2, []byte("b")) != b || c.get(2, []byte("a")) != nil {
		t.Error("the plan of an older catalogue is kept")
	}
	c.put(2, make([]byte, maxKey+1), a)
	if c.get(2, make([]byte, maxKey+1)) != nil {
		t.Error("a shape that is too long is kept")
	}
}

func TestPlanCacheIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	const most = 100 << 10
	reg := prometheus.NewRegistry()
	c := newPlanCache(1000, most, reg)
	long := &plan{sql: strings.Repeat("x", 10<<10), explain: &explain{sql: strings.Repeat("x", 5<<10)}}
	for i := range 100 {
		key := []byte{byte(i), 'x'}
		c.put(1, key, long)
		c.put(1, key, long)
		if c.get(1, key) != long {
			t.Fatalf("plan %d is gone at once", i)
		}
		if i > 0 && c.get(1, []byte{byte(i - 1), 'x'}) == nil {
			t.Fatalf("of plans %d and %d only the last is kept", i-1, i)
		}
		sum := 0
		for _, g := range []*generation{&c.young, &c.old} {
			bytes := 0
			for key, p := range g.plans {
				bytes += len(key) + p.size()
			}
			if bytes != g.bytes {
				t.Fatalf("%d bytes are counted, %d are there", g.bytes, bytes)
			}
			sum += bytes
		}
		if sum > most {
			t.Fatalf("%d bytes in a cache of %d", sum, most)
		}
	}
	c.put(1, []byte("huge"), &plan{sql: strings.Repeat("x", most)})
	if c.get(1, []byte("huge")) != nil {
		t.Error("a plan that leaves no room for others is kept")
	}
	want := map[string]float64{
		"fluxbase_rest_plan_cache_hits_total": 199, "fluxbase_rest_plan_cache_misses_total": 1,
		"fluxbase_rest_plan_cache_evictions_total": float64(100 - len(c.young.plans) - len(c.old.plans)),
		"fluxbase_rest_plan_cache_entries":         float64(len(c.young.plans) + len(c.old.plans)),
		"fluxbase_rest_plan_cache_bytes":           float64(c.young.bytes + c.old.bytes),
	}
	if got := gathered(t, reg); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// gathered are the counters and gauges of a registry.
func gathered(t *testing.T, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.Metric[0].GetCounter().GetValue() + f.Metric[0].GetGauge().GetValue()
	}
	return got
}

// FuzzRequest sends any query, body and headers through reading and planning:
// what comes is a plan or the client's error. Requests of one shape must have one
// statement, or the cache would answer one with another's.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "clients", "select=id,name&id=eq.1&order=id.desc&limit=5", "count=exact", "application/json", "", "")
	f.Add("GET", "projects", "select=*,clients!inner(name),...tasks(id)&clients.name=like.*a*&or=(id.eq.1,tasks.is.null)", "", "text/csv", "", "")
	f.Add("POST", "clients", "columns=id&on_conflict=id", "resolution=merge-duplicates,return=representation", "", `[{"id":1}]`, "")
	f.Add("PATCH", "items", "id=in.(1,2)&select=data->>k::int", "return=representation", "", `{"qty":1}`, "")
	f.Add("PUT", "clients", "id=eq.1", "", "", `{"id":1}`, "")
	f.Add("DELETE", "items", "id=gt.1", "", "", "", "")
	f.Add("DELETE", "items", "id=gt.1", "max-affected=1", "", "", "")
	f.Add("POST", "rpc/add", "columns=a", "", "", "b=1", "application/x-www-form-urlencoded")
	f.Add("POST", "clients", "columns=id", "", "", "id,name\n1,x", "text/csv")
	for _, body := range []string{`{}`, `[]`, `5`, ``} {
		f.Add("POST", "clients", "", "", "", body, "")
		f.Add("POST", "clients", "columns=id", "", "", body, "")
	}
	f.Add("GET", "rpc/add", "a=1&b=eq.2", "", "", "", "")
	f.Add("POST", "rpc/total", "select=x", "count=exact", "", `{"ns":[1]}`, "")
	c := storedCatalog(f)
	cfg := testConfig(f, func(c *Config) { c.AggregatesEnabled, c.MaxRows = true, new(int64(100)) })
	var statements sync.Map
	f.Fuzz(func(t *testing.T, method, path, query, prefer, accepted, body, content string) {
		hr := newHTTP("GET", "/x", body, "Prefer: "+prefer, "Accept: "+accepted, "Content-Type: "+content)
		hr.Method, hr.URL.Path, hr.URL.RawPath, hr.URL.RawQuery = method, "/rest/v1/"+path, "", query
		r, err := parseHTTP(cfg, hr)
		var pl *plan
		if err == nil {
			pl, err = makePlan(r, c, cfg)
		}
		var e *web.Error
		switch {
		case err != nil && (!errors.As(err, &e) || e.Status < 300 || e.Status >= 500):
			t.Fatalf("%s %s?%s: %v", method, path, query, err)
		case err == nil && pl.allow == "":
			if len(r.bind(pl.params)) != len(pl.params) || strings.IndexByte(pl.sql, 0) >= 0 {
				t.Fatalf("%s %s?%s: %s", method, path, query, pl.sql)
			}
			this := fmt.Sprint(pl.sql, pl.params, pl.total, pl.inserted, pl.media, pl.applied)
			if other, ok := statements.LoadOrStore(string(r.shapeKey()), this); ok && other != this {
				t.Fatalf("one shape, two plans: %s %s?%s\n%s\n%s", method, path, query, this, other)
			}
		}
	})
}
