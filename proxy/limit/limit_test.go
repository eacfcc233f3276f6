package limit

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// newLimiter counts in memory by rows.
func newLimiter(t testing.TB, rows ...row) *Limiter {
	t.Helper()
	l, err := New(Config{Backend: inMemory}, Deps{Prefix: "/rest/v1", Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if rows[i].Period == 0 {
			rows[i].Period = 3600
		}
	}
	if err := l.use(rows); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func request(method, target string) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err)
	}
	return &http.Request{Method: method, URL: u, Header: http.Header{}}
}

func response(address string) *web.Response {
	w := &web.Response{ResponseWriter: httptest.NewRecorder()}
	if address != "" {
		w.Address = netip.MustParseAddr(address)
	}
	return w
}

func TestRoutesOfRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		routes, target string
		want           bool
	}{
		{"all", "/nothing/of/ours", true},
		{"rest", "/rest/v1/notes", true},
		{"rest", "/rest/v1", true},
		{"rest", "/rest/v1/rpc/f", true},
		{"rest", "/rest/v10/notes", false},
		{"rpc", "/rest/v1/rpc/f", true},
		{"rpc", "/rest/v1/rpc%2Ff", true},
		{"rpc", "/rest/v1/notes", false},
		{"auth", "/auth/v1/token?grant_type=password", true},
		{"admin", "/api/v1/admin/service-keys", true},
		{"realtime", "/realtime/v1/websocket", true},
		{"/rest/v1/notes", "/rest/v1/notes", true},
		{"/rest/v1/notes", "/rest/v1/%6e%6ftes?x=1", true},
		{"/rest/v1/notes", "/rest/v1/notes/", true},
		{"/rest/v1/notes", "/rest/v1//notes", true},
		{"/rest/v1/notes", "/rest/v1/notes2", false},
		{"/rest/v1/notes", "/rest/v1/Notes", false},
		{"/rest/v1/*", "/rest/v1/notes", true},
		{"/rest/v1/*", "/rest/v1/rpc/f", false},
		{"/rest/v1/n*s", "/rest/v1/notes", true},
		{"/rest/v1/n*s", "/rest/v1/rpc/s", false},
		{"/rest/v1/n.tes", "/rest/v1/notes", false},
		{"/rest/**", "/rest/v1/rpc/f", true},
		{"/rest/**", "/rest", true},
		{"/rest/**", "/restful", false},
		{"/**/rpc/*", "/rest/v1/rpc/f", true},
		{"/**/rpc/*", "/rest/v1/rpc/f/g", false},
		{"/**", "/", true},
	} {
		routes, err := routesOf(tt.routes)
		if err != nil {
			t.Fatal(err)
		}
		path := pathOf(request("GET", tt.target))
		if got := routes(path, classesOf(path, "/rest/v1")); got != tt.want {
			t.Errorf("%s is of %s: %v", tt.target, tt.routes, got)
		}
	}
}

func TestBudgetsOfRules(t *testing.T) {
	t.Parallel()
	const v4, v6, near, far = "203.0.113.7", "2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"
	ada, bob := pg.Caller{Role: "authenticated", Subject: "ada"}, pg.Caller{Role: "authenticated", Subject: "bob"}
	anon, key := pg.Caller{Role: "anon"}, pg.Caller{Role: "service_role", Key: "k1", Subject: "ada"}
	for _, tt := range []struct {
		per, address string
		who          pg.Caller
		want         string // empty where the rule does not fit
	}{
		{perIP, v4, ada, "r:ip:203.0.113.7"},
		{perIP, v6, ada, "r:ip:2001:db8::/64"},
		{perIP, near, bob, "r:ip:2001:db8::/64"},
		{perIP, far, bob, "r:ip:2001:db8:0:1::/64"},
		{perIP, "", bob, "r:ip:unknown"},
		{perUser, v4, ada, "r:user:ada"},
		{perUser, v4, anon, ""},
		{perUser, v4, key, ""},
		{perKey, v4, key, "r:key:k1"},
		{perKey, v4, ada, ""},
		{perCaller, v4, key, "r:key:k1"},
		{perCaller, v4, ada, "r:user:ada"},
		{perCaller, near, anon, "r:anon@2001:db8::/64"},
		{perRole, v4, bob, "r:role:authenticated"},
		{perAll, v4, bob, "r:all"},
		{perUser, v4, pg.Caller{Subject: "a\x00b"}, "r:user:sha256:0a6e1d0ff26e7dbc0ccf2eed5a0dd4a1"},
		{perRole, v4, pg.Caller{Role: `a","b`}, "r:role:sha256:"},
		{perCaller, v4, pg.Caller{Role: `my role`}, "r:hash:sha256:"},
		{perUser, v4, pg.Caller{Subject: strings.Repeat("x", 10000)}, "r:user:sha256:"},
	} {
		l := newLimiter(t, row{Name: "r", Routes: "all", Per: tt.per, Rate: 1, Burst: 2, Role: ""})
		list := append(l.rules.Load().early, l.rules.Load().late...)
		w := response(tt.address)
		switch got := list[0].textOf(w.Address, &tt.who); {
		case !list[0].fits("GET", "/", classesOfNone, &tt.who):
			if tt.want != "" {
				t.Errorf("per %s %v: does not fit", tt.per, tt.who)
			}
		case strings.Contains(tt.want, "sha256"):
			if prefix, _, _ := strings.Cut(tt.want, "sha256:"); !strings.HasPrefix(got, prefix+"sha256:") || len(got) != len(prefix)+7+64 {
				t.Errorf("per %s: %s", tt.per, got)
			}
		case got != tt.want:
			t.Errorf("per %s %v: %s, want %s", tt.per, tt.who, got, tt.want)
		}
	}
}

// What is leased ahead is never more than a block, and the less is left the less is.
func TestLeasesEndBeforeTheBudget(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, row{Name: "r", Routes: "all", Per: perAll, Rate: 1, Burst: 1000})
	r := l.rules.Load().early[0]
	passed := 0
	for ; ; passed++ {
		err := l.Early(response("203.0.113.7"), request("GET", "/rest/v1/notes"))
		if b := r.young[key{}]; b.left > 50 {
			t.Fatalf("%d are leased after %d requests", b.left, passed)
		}
		if err != nil {
			break
		}
	}
	if passed < 1000 || passed > 1001 { // one may have come back
		t.Errorf("%d passed", passed)
	}
}

func TestOnlyWhatIsInUseIsRemembered(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, row{Name: "r", Routes: "all", Per: perUser, Rate: 1, Burst: 1})
	r := l.rules.Load().late[0]
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.get(key{who: "kept"})
	for i := range 3 * maxBudgets {
		r.get(key{who: fmt.Sprint(i)})
		if r.get(key{who: "kept"}) != kept {
			t.Fatalf("forgotten after %d others", i)
		}
	}
	if n := len(r.young) + len(r.old); n > 2*maxBudgets {
		t.Errorf("%d are remembered", n)
	}
}

func TestMemoryForgetsFullBudgets(t *testing.T) {
	t.Parallel()
	var now time.Duration
	m := newMemory(func() time.Duration { return now })
	for i := range fewBudgets + 1 {
		if _, err := m.take(t.Context(), []take{{key: fmt.Sprint(i), rate: 1, burst: 1, cost: 1}}, false); err != nil {
			t.Fatal(err)
		}
	}
	now = time.Second
	if _, err := m.take(t.Context(), []take{{key: "next", rate: 1, burst: 1, cost: 1}}, false); err != nil || len(m.fullAt) != 1 {
		t.Errorf("%d are left, %v", len(m.fullAt), err)
	}
}

// A rule that is set again as it was keeps its budgets, another one does not.
func TestRulesThatStayKeepTheirBudgets(t *testing.T) {
	t.Parallel()
	rows := []row{{Name: "a", Routes: "all", Per: perAll, Rate: 1, Period: 1, Burst: 1}, {Name: "b", Routes: "rest", Per: perUser, Rate: 1, Period: 1, Burst: 1}}
	l := newLimiter(t, rows...)
	before := *l.rules.Load()
	changed := []row{rows[0], rows[1]}
	changed[1].Burst = 2
	if err := l.use(changed); err != nil {
		t.Fatal(err)
	}
	if after := l.rules.Load(); after.early[0] != before.early[0] || after.late[0] == before.late[0] || after.late[0].Burst != 2 {
		t.Errorf("%+v", after)
	}
	if err := l.use(nil); err != nil || len(l.rules.Load().early)+len(l.rules.Load().late) != 0 {
		t.Errorf("%+v, %v", l.rules.Load(), err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c          Config
		want, fail string
	}{
		{Config{}, inPostgres, ""},
		{Config{Backend: "auto", RedisURL: "redis://a"}, inRedis, ""},
		{Config{Backend: "auto", DragonflyURL: "rediss://u:p@a:1/2"}, inRedis, ""},
		{Config{Backend: "Postgres", RedisURL: "redis://a"}, inPostgres, ""},
		{Config{Backend: "memory"}, inMemory, ""},
		{Config{Backend: "redis"}, inRedis, "give FLUXBASE_REDIS_URL too"},
		{Config{Backend: "disk"}, "disk", "give auto, postgres, redis, memory, off"},
		{Config{RedisURL: "http://u:secret@a"}, inRedis, "FLUXBASE_REDIS_URL is not a URL"},
		{Config{DragonflyURL: ":secret"}, inRedis, "FLUXBASE_DRAGONFLY_URL is not a URL"},
	} {
		err := tt.c.Check()
		if (err == nil) != (tt.fail == "") || err != nil && (!strings.Contains(err.Error(), tt.fail) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%+v: %v", tt.c, err)
		}
		if got := tt.c.backend(); got != tt.want {
			t.Errorf("%+v: %s", tt.c, got)
		}
	}
}

// benchmarkCaller is one request of a user after the other, on headers that are used again.
func benchmarkCaller(b *testing.B, rows ...row) {
	l := newLimiter(b, rows...)
	w, r := response("203.0.113.7"), request("GET", "/rest/v1/notes")
	who := pg.Caller{Role: "authenticated", Subject: "5a1e3c1e-0c4b-4c8c-9a41-6a5a3a0f9a11"}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.Header())
		if err := l.Early(w, r); err != nil {
			b.Fatal(err)
		}
		if err := l.Caller(w, r, who); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNoRule(b *testing.B) { benchmarkCaller(b) }

func BenchmarkOtherRule(b *testing.B) {
	benchmarkCaller(b, row{Name: "other", Routes: "/auth/v1/**", Per: perIP, Rate: 1, Burst: 1})
}

func BenchmarkLeasedUser(b *testing.B) {
	benchmarkCaller(b, row{Name: "user", Routes: "rest", Per: perUser, Rate: 1e9, Burst: 1e9})
}

func BenchmarkLeasedAddressAndCaller(b *testing.B) {
	benchmarkCaller(b, row{Name: "address", Routes: "all", Per: perIP, Rate: 1e9, Burst: 1e9},
		row{Name: "caller", Routes: "rest", Per: perCaller, Rate: 1e9, Burst: 1e9})
}

// BenchmarkLeasedDecision is without the headers.
func BenchmarkLeasedDecision(b *testing.B) {
	l := newLimiter(b, row{Name: "caller", Routes: "rest", Per: perCaller, Rate: 1e9, Burst: 1e9})
	w, r := response("203.0.113.7"), request("GET", "/rest/v1/notes")
	who := pg.Caller{Role: "authenticated", Subject: "5a1e3c1e-0c4b-4c8c-9a41-6a5a3a0f9a11"}
	rule := l.rules.Load().late[0]
	b.ReportAllocs()
	for b.Loop() {
		path := pathOf(r)
		if !rule.fits(r.Method, path, classesOf(path, l.prefix), &who) {
			b.Fatal("it does not fit")
		}
		if v, a, place, isNew := rule.look(w.Address, &who, l.clock()); a != nil {
			if isNew {
				l.collect.add(a)
			}
			if err := rule.await(context.Background(), w, a, place); err != nil {
				b.Fatal(err)
			}
			clear(w.Header())
		} else if !v.allowed {
			b.Fatal("refused")
		}
	}
}
