package tests

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

const limitsFixture = `
	create table public.notes (id integer primary key, body text);
	insert into public.notes values (1, 'one');
	create table public.other (id integer primary key);
	create function public.hello() returns text language sql return 'hello';
	grant all on all tables in schema public to anon, authenticated;
	grant execute on function public.hello to anon, authenticated`

// limited are two processes in front of one database.
type limited struct {
	db       *dbtest.DB
	one, two *server
}

func startLimited(t *testing.T, env ...string) *limited {
	t.Helper()
	l := &limited{db: dbtest.New(t)}
	exec(t, l.db, limitsFixture)
	l.one = startRealtime(t, l.db, "one", env...)
	l.two = startRealtime(t, l.db, "two", append(env, "FLUXBASE_SERVER_TRUSTED_PROXIES=127.0.0.0/8")...)
	return l
}

// set changes the rules, which both processes know when it returns. What was counted
// under the name before is forgotten.
func (l *limited) set(t *testing.T, name, arguments string) {
	t.Helper()
	exec(t, l.db, fmt.Sprintf(`delete from ratelimit.states; select ratelimit.set_rule('%s', %s)`, name, arguments))
	l.await(t)
}

func (l *limited) drop(t *testing.T, name string) {
	t.Helper()
	exec(t, l.db, `select ratelimit.drop_rule('`+name+`')`)
	l.await(t)
}

func (l *limited) await(t *testing.T) {
	t.Helper()
	if late := behind(t, l.db); len(late) > 0 {
		t.Fatalf("%v have not confirmed", late)
	}
}

// only sets a rule until drop is called.
func (l *limited) only(t *testing.T, name, arguments string) (drop func()) {
	t.Helper()
	l.set(t, name, arguments)
	return func() { l.drop(t, name) }
}

// flood sends n requests at once, in turns to both, and counts those that passed.
func (l *limited) flood(t *testing.T, n int) (passed int64) {
	t.Helper()
	var all sync.WaitGroup
	var count atomic.Int64
	for i := range n {
		s := []*server{l.one, l.two}[i%2]
		all.Go(func() {
			switch a, err := s.try("GET", "/rest/v1/notes", ""); {
			case err != nil:
				t.Error(err)
			case a.Status == http.StatusOK:
				count.Add(1)
			case a.Status != http.StatusTooManyRequests:
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	all.Wait()
	return count.Load()
}

// statuses are those of requests one after the other.
func statuses(t *testing.T, s *server, path string, n int, header ...string) string {
	t.Helper()
	var list []string
	for range n {
		list = append(list, strconv.Itoa(s.call(t, "GET", path, "", header...).Status))
	}
	return strings.Join(list, " ")
}

func wantStatuses(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// One after the other: a rule is for all who ask.
func TestLimitsHoldOverTwoProcesses(t *testing.T) {
	t.Parallel()
	l := startLimited(t)
	const notes = "/rest/v1/notes"
	bearer := func(sub string) string { return "Authorization: Bearer " + userToken(t, sub) }

	t.Run("of 800 at once exactly 100 pass a strict limit", func(t *testing.T) {
		defer l.only(t, "strict", `'rest', 'all', 100, '10 h', strict => true`)()
		if passed := l.flood(t, 800); passed != 100 {
			t.Errorf("%d passed", passed)
		}
		if n := l.one.metric(t, "fluxbase_ratelimit_decisions_total", map[string]string{"rule": "strict", "outcome": "leased"}); n != 0 {
			t.Errorf("%v were decided by a lease", n)
		}
	})
	t.Run("of 800 at once 100 pass, more or less a block for each process", func(t *testing.T) {
		defer l.only(t, "leased", `'rest', 'all', 100, '10 h'`)()
		if passed := l.flood(t, 800); passed < 90 || passed > 110 {
			t.Errorf("%d passed", passed)
		}
	})
	t.Run("a rule holds on both when it is committed, and is gone when it is dropped", func(t *testing.T) {
		for range 3 {
			l.set(t, "live", `'/rest/v1/notes', 'ip', 1, '1 h'`)
			wantStatuses(t, "one", statuses(t, l.one, notes, 1), "200")
			wantStatuses(t, "two", statuses(t, l.two, notes, 1), "429")
			l.set(t, "live", `'/rest/v1/notes', 'ip', 2, '1 h'`)
			wantStatuses(t, "two, of two", statuses(t, l.two, notes, 2), "200 200")
			wantStatuses(t, "one, of two", statuses(t, l.one, notes, 1), "429")
			l.drop(t, "live")
			wantStatuses(t, "one, of none", statuses(t, l.one, notes, 2), "200 200")
			wantStatuses(t, "two, of none", statuses(t, l.two, notes, 2), "200 200")
		}
	})
	t.Run("the answer tells the limit, what is left and when to ask again", func(t *testing.T) {
		defer l.only(t, "told", `'rest', 'ip', 2, '1 h'`)()
		a := l.one.call(t, "GET", notes, "", "Origin: https://app.example.com")
		if a.Status != 200 || a.Header.Get("RateLimit-Policy") != `"told";q=2;w=3600` || a.Header.Get("RateLimit") != `"told";r=1;t=1800` {
			t.Errorf("%+v", a)
		}
		if exposed := a.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "RateLimit, RateLimit-Policy, Retry-After") {
			t.Errorf("scripts may read %s", exposed)
		}
		l.one.call(t, "GET", notes, "")
		a = l.one.call(t, "GET", notes, "", "X-Request-Id: over")
		const body = `{"code":"rate_limited","message":"too many requests: the limit told allows 2 at once, and 2 in 3600 s","details":null,`
		if after, _ := strconv.Atoi(a.Header.Get("Retry-After")); a.Status != 429 || after < 1790 || after > 1800 ||
			!strings.HasPrefix(a.Body, body) || !strings.Contains(a.Body, `"request_id":"over"`) || !strings.HasPrefix(a.Header.Get("RateLimit"), `"told";r=0;t=`) {
			t.Errorf("%+v", a)
		}
	})
	t.Run("forged X-Forwarded-For gives no second budget", func(t *testing.T) {
		defer l.only(t, "forged", `'rest', 'ip', 2, '1 h'`)()
		for i, want := range []int{200, 200, 429, 429} {
			if a := l.one.call(t, "GET", notes, "", fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", i)); a.Status != want {
				t.Errorf("request %d: %d, want %d", i, a.Status, want)
			}
		}
	})
	t.Run("behind a trusted proxy each address has a budget, and 64 bits of IPv6 are one", func(t *testing.T) {
		defer l.only(t, "each", `'rest', 'ip', 1, '1 h'`)()
		for _, tt := range []struct {
			from string
			want int
		}{
			{"203.0.113.1", 200},
			{"203.0.113.2", 200},
			{"203.0.113.1", 429},
			{"198.51.100.9, 203.0.113.2", 429},
			{"2001:db8::1", 200},
			{"2001:db8::2", 429},
			{"2001:db8:0:0:ffff::2", 429},
			{"2001:db8:0:1::1", 200},
		} {
			if a := l.two.call(t, "GET", notes, "", "X-Forwarded-For: "+tt.from); a.Status != tt.want {
				t.Errorf("%s: %d, want %d", tt.from, a.Status, tt.want)
			}
		}
	})
	t.Run("guessing tokens is limited", func(t *testing.T) {
		defer l.only(t, "guess", `'all', 'ip', 3, '1 h', strict => true`)()
		wantStatuses(t, "wrong tokens", statuses(t, l.one, notes, 4, "Authorization: Bearer x.y.z"), "401 401 401 429")
	})
	t.Run("each user has a budget, and strangers are none", func(t *testing.T) {
		defer l.only(t, "users", `'rest', 'user', 1, '1 h'`)()
		wantStatuses(t, "ada", statuses(t, l.one, notes, 2, bearer("ada")), "200 429")
		wantStatuses(t, "bob", statuses(t, l.two, notes, 2, bearer("bob")), "200 429")
		wantStatuses(t, "whose id is odd", statuses(t, l.two, notes, 2, bearer("{\"',\\ ü"+strings.Repeat("x", 600))), "200 429")
		wantStatuses(t, "a stranger", statuses(t, l.one, notes, 2), "200 200")
	})
	t.Run("each caller has a budget, whoever it is", func(t *testing.T) {
		defer l.only(t, "callers", `'rest', 'caller', 1, '1 h'`)()
		wantStatuses(t, "ada", statuses(t, l.one, notes, 2, bearer("ada")), "200 429")
		wantStatuses(t, "a stranger", statuses(t, l.two, notes, 2), "200 429")
		wantStatuses(t, "a stranger from elsewhere", statuses(t, l.two, notes, 2, "X-Forwarded-For: 203.0.113.7"), "200 429")
	})
	t.Run("a role, methods and paths are limited alone", func(t *testing.T) {
		defer l.only(t, "narrow", `'/rest/v1/n*', 'role', 1, '1 h', role => 'authenticated', methods => '{GET}'`)()
		wantStatuses(t, "ada", statuses(t, l.one, notes, 1, bearer("ada")), "200")
		wantStatuses(t, "bob", statuses(t, l.two, notes, 1, bearer("bob")), "429")
		for _, path := range []string{"/rest/v1/%6eotes", "/rest/v1/notes?id=eq.1"} {
			wantStatuses(t, path, statuses(t, l.one, path, 1, bearer("bob")), "429")
		}
		wantStatuses(t, "another table", statuses(t, l.one, "/rest/v1/other", 1, bearer("bob")), "200")
		wantStatuses(t, "another role", statuses(t, l.one, notes, 1), "200")
		if a := l.one.call(t, "HEAD", notes, "", bearer("bob")); a.Status != 200 {
			t.Errorf("another method: %d", a.Status)
		}
	})
	t.Run("probes and browsers' questions are never limited", func(t *testing.T) {
		defer l.only(t, "probes", `'all', 'ip', 1, '1 h'`)()
		wantStatuses(t, "the API", statuses(t, l.one, notes, 2), "200 429")
		wantStatuses(t, "/livez", statuses(t, l.one, "/livez", 3), "200 200 200")
		wantStatuses(t, "/readyz", statuses(t, l.one, "/readyz", 3), "200 200 200")
		if a := l.one.call(t, "OPTIONS", notes, "", "Origin: https://a.example", "Access-Control-Request-Method: POST"); a.Status != 204 {
			t.Errorf("a preflight: %d", a.Status)
		}
		if a := l.one.call(t, "OPTIONS", notes, ""); a.Status != 200 {
			t.Errorf("OPTIONS: %d", a.Status)
		}
	})
	t.Run("a batch counts for each of its operations, all or none", func(t *testing.T) {
		defer l.only(t, "calls", `'rpc', 'caller', 5, '1 h'`)()
		batch := func(n int) answer {
			one := `{"method": "POST", "path": "/rpc/hello"}`
			return l.one.call(t, "POST", "/rest/v1/batch", `{"operations": [`+strings.Repeat(one+",", n-1)+one+`]}`, "Content-Type: application/json")
		}
		if a := batch(3); a.Status != 200 {
			t.Fatalf("%+v", a)
		}
		if a := batch(3); a.Status != 429 || !strings.Contains(a.Body, "rate_limited") {
			t.Errorf("%+v", a)
		}
		if a := batch(6); a.Status != 429 || a.Header.Get("Retry-After") != "" || !strings.Contains(a.Body, "fewer operations") {
			t.Errorf("%+v", a)
		}
		wantStatuses(t, "the two that are left", statuses(t, l.two, "/rest/v1/rpc/hello", 3), "200 200 429")
		wantStatuses(t, "what is no call", statuses(t, l.one, notes, 1), "200")
	})
	t.Run("broadcasts over HTTP and WebSockets are limited", func(t *testing.T) {
		defer l.only(t, "broadcasts", `'realtime', 'caller', 1, '1 h'`)()
		send := func() int {
			return l.one.call(t, "POST", "/realtime/v1/api/broadcast", `{"messages": []}`, bearer("ada")).Status
		}
		if first, second := send(), send(); first != 202 || second != 429 {
			t.Errorf("%d %d", first, second)
		}
		a := l.two.call(t, "GET", "/realtime/v1/websocket?apikey="+userToken(t, "ada"), "",
			"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
		if a.Status != 429 {
			t.Errorf("a WebSocket: %d", a.Status)
		}
	})
	t.Run("servers are limited at the admin routes, apart from each other", func(t *testing.T) {
		defer l.only(t, "operators", `'admin', 'caller', 1, '1 h'`)()
		of := func(subject string) string {
			return "Authorization: Bearer " + signToken(t, map[string]any{"role": "service_role", "sub": subject})
		}
		wantStatuses(t, "one", statuses(t, l.one, "/api/v1/admin/service-keys", 2, of("one")), "200 429")
		wantStatuses(t, "another", statuses(t, l.two, "/api/v1/admin/service-keys", 2, of("another")), "200 429")
	})
	t.Run("an operator gives a budget back", func(t *testing.T) {
		defer l.only(t, "given", `'rest', 'user', 1, '1 h'`)()
		wantStatuses(t, "ada", statuses(t, l.one, notes, 2, bearer("ada")), "200 429")
		exec(t, l.db, `select ratelimit.reset('given:user:ada')`)
		eventually(t, "ada may ask again", func() bool { return statuses(t, l.one, notes, 1, bearer("ada")) == "200" })
	})
	t.Run("with two rules the stricter one counts, and both are told", func(t *testing.T) {
		defer l.only(t, "first", `'rest', 'ip', 10, '1 h'`)()
		defer l.only(t, "second", `'rest', 'caller', 1, '1 h'`)()
		a := l.one.call(t, "GET", notes, "")
		if got := strings.Join(a.Header.Values("RateLimit-Policy"), ", "); got != `"first";q=10;w=3600, "second";q=1;w=3600` {
			t.Errorf("the policies are %s", got)
		}
		if got := strings.Join(a.Header.Values("RateLimit"), ", "); got != `"first";r=9;t=360, "second";r=0;t=3600` {
			t.Errorf("left is %s", got)
		}
		if a := l.one.call(t, "GET", notes, ""); a.Status != 429 || !strings.Contains(a.Body, "the limit second") {
			t.Errorf("%+v", a)
		}
	})
	t.Run("a process that is killed takes at most its block with it", func(t *testing.T) {
		l.set(t, "killed", `'rest', 'all', 100, '10 h'`)
		passed := 0
		ahead := func() float64 {
			return l.two.metric(t, "fluxbase_ratelimit_leased_total", map[string]string{"rule": "killed"})
		}
		for ; ahead() == 0; passed++ {
			if a := l.two.call(t, "GET", notes, ""); a.Status != 200 {
				t.Fatalf("request %d: %+v", passed, a)
			}
		}
		_ = l.two.cmd.Process.Kill()
		<-l.two.done
		for l.one.call(t, "GET", notes, "").Status == 200 {
			passed++
		}
		if passed < 95 || passed > 105 {
			t.Errorf("%d passed", passed)
		}
	})
	noServerErrors(t, l.one)
}

// Where the counts are lost or out of reach: a crash empties them, a database that is
// away closes strict limits only, and without a stream rules are known within a second.
func TestLimitsWhenTheDatabaseCrashes(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Private(t, dbtest.Options{Durable: true})
	db := cluster.New(t)
	exec(t, db, limitsFixture+`; select ratelimit.set_rule('api', 'rest', 'ip', 2, '1 h'); checkpoint`)
	s := startServer(t, db)
	const notes = "/rest/v1/notes"
	wantStatuses(t, "before", statuses(t, s, notes, 3), "200 200 429")
	cluster.Kill()
	eventually(t, "the database is away", func() bool { return statuses(t, s, notes, 1) == "503" })
	cluster.Restart(t)
	var last string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last answer after the crash: %s\n%s", last, s.Log())
		}
	})
	eventually(t, "requests are answered", func() bool {
		a, err := s.try("GET", "/rest/v1/other", "", "Authorization: Bearer "+userToken(t, "ada"))
		last = fmt.Sprintf("%d %s %v", a.Status, a.Body, err)
		return err == nil && (a.Status == 200 || a.Status == 429)
	})
	eventually(t, "the limit holds", func() bool { return statuses(t, s, notes, 1) == "429" })
	exec(t, db, `select ratelimit.drop_rule('api'), ratelimit.set_rule('calls', '/rest/v1/rpc/**', 'ip', 1, '1 h', strict => true)`)
	eventually(t, "the new rule holds", func() bool { return statuses(t, s, notes, 1) == "200" })
	wantStatuses(t, "after", statuses(t, s, "/rest/v1/rpc/hello", 2), "200 429")

	exec(t, db, `alter table ratelimit.states rename to hidden`)
	eventually(t, "a strict limit is closed", func() bool {
		a := s.call(t, "GET", "/rest/v1/rpc/hello", "")
		return a.Status == 503 && strings.Contains(a.Body, "PGRST000")
	})
	exec(t, db, `select ratelimit.drop_rule('calls'), ratelimit.set_rule('open', 'rest', 'ip', 1, '1 h')`)
	eventually(t, "another is open", func() bool {
		return statuses(t, s, notes, 2) == "200 200" &&
			s.metric(t, "fluxbase_ratelimit_decisions_total", map[string]string{"rule": "open", "outcome": "open"}) > 0
	})
	exec(t, db, `alter table ratelimit.hidden rename to states; revoke select on ratelimit.rules from service_role`)
	eventually(t, "rules that can't be read are not ignored", func() bool {
		a := s.call(t, "GET", notes, "")
		return a.Status == 503 && strings.Contains(a.Body, "PGRST002") && strings.Contains(s.Log(), "grant usage on schema ratelimit")
	})
}

func TestLimitsOfASingleProcess(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, limitsFixture+`; select ratelimit.set_rule('api', 'rest', 'ip', 2, '1 h')`)
	const sign = "there are signs of others"
	s := startServer(t, db, "FLUXBASE_RATELIMIT_BACKEND=memory")
	wantStatuses(t, "in memory", statuses(t, s, "/rest/v1/notes", 3), "200 200 429")
	if s.metric(t, "fluxbase_ratelimit_backend", map[string]string{"backend": "memory"}) != 1 || strings.Contains(s.Log(), sign) {
		t.Errorf("one alone: %s", s.Log())
	}
	var states int
	if err := db.Conn(t).QueryRow(t.Context(), `select count(*) from ratelimit.states`).Scan(&states); err != nil || states != 0 {
		t.Errorf("%d budgets are in the database (%v)", states, err)
	}
	pod := startServer(t, db, "FLUXBASE_RATELIMIT_BACKEND=memory", "POD_NAME=api-0")
	eventually(t, "a pod is warned", func() bool { return strings.Count(pod.Log(), sign) == 1 })
	startRealtime(t, db, "one")
	two := startRealtime(t, db, "two", "FLUXBASE_RATELIMIT_BACKEND=memory")
	eventually(t, "the second of two is warned", func() bool { return strings.Contains(two.Log(), "2 processes follow the database") })

	none := startServer(t, db, "FLUXBASE_RATELIMIT_BACKEND=off")
	wantStatuses(t, "off", statuses(t, none, "/rest/v1/notes", 3), "200 200 200")
	wrong := command(t, append(os.Environ(), "FLUXBASE_DATABASE_URL="+db.AdminURL(), "FLUXBASE_RATELIMIT_BACKEND=redis"), "serve")
	if status, out := runs(t, wrong); status != 2 || !strings.Contains(out, "give FLUXBASE_REDIS_URL too") {
		t.Errorf("redis without a URL: status %d\n%s", status, out)
	}
}
