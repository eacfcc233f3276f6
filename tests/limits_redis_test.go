package tests

import (
	"context"
	"net"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// startRedis runs a Redis at an address until the test ends.
func startRedis(t *testing.T, address string) *osexec.Cmd {
	t.Helper()
	program, err := osexec.LookPath("redis-server")
	if err != nil {
		t.Fatal("the limits in Redis are tested with one: apt-get install redis-server")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.Command(program, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	eventually(t, "Redis answers", func() bool { return client.Ping(context.Background()).Err() == nil })
	return cmd
}

// Two processes count in one Redis; when it is killed they go on in Postgres, and when it
// is back they count there again.
func TestLimitsInRedis(t *testing.T) {
	t.Parallel()
	address := "127.0.0.1:" + freePort(t)
	first := startRedis(t, address)
	db := dbtest.New(t)
	exec(t, db, limitsFixture+`; select ratelimit.set_rule('strict', 'rest', 'all', 100, '10 h', strict => true)`)
	l := &limited{db: db}
	l.one = startServer(t, db, "FLUXBASE_REDIS_URL=redis://"+address)
	l.two = startServer(t, db, "FLUXBASE_DRAGONFLY_URL=redis://"+address+"/0")
	in := func(backend string) bool {
		labels := map[string]string{"backend": backend}
		return l.one.metric(t, "fluxbase_ratelimit_backend", labels) == 1 && l.two.metric(t, "fluxbase_ratelimit_backend", labels) == 1
	}
	states := func() (n int) {
		if err := db.Conn(t).QueryRow(t.Context(), `select count(*) from ratelimit.states`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if passed := l.flood(t, 200); passed != 100 || !in("redis") || states() != 0 {
		t.Errorf("in Redis %d passed; %d budgets are in Postgres", passed, states())
	}
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	if ttl := client.PTTL(t.Context(), "fluxbase:ratelimit:strict:all").Val(); ttl < 9*time.Hour || ttl > 10*time.Hour {
		t.Errorf("Redis keeps it for %s", ttl)
	}

	_ = first.Process.Kill()
	_ = first.Wait()
	exec(t, db, `select ratelimit.drop_rule('strict'), ratelimit.set_rule('again', 'rest', 'all', 100, '10 h', strict => true)`)
	eventually(t, "the new rule holds", func() bool {
		has := func(s *server) bool {
			return strings.HasPrefix(s.call(t, "HEAD", "/rest/v1/notes", "").Header.Get("RateLimit"), `"again"`)
		}
		return has(l.one) && has(l.two)
	})
	exec(t, db, `delete from ratelimit.states`)
	if passed := l.flood(t, 200); passed != 100 || !in("postgres") || states() != 1 {
		t.Errorf("without Redis %d passed; %d budgets are in Postgres", passed, states())
	}
	if l.one.metric(t, "fluxbase_ratelimit_fallbacks_total", nil) == 0 {
		t.Error("no fall-back was counted")
	}

	startRedis(t, address)
	eventually(t, "both are back in Redis", func() bool { return in("redis") })
	exec(t, db, `select ratelimit.drop_rule('again'), ratelimit.set_rule('back', 'rest', 'all', 100, '10 h', strict => true)`)
	eventually(t, "the third rule holds", func() bool {
		has := func(s *server) bool {
			return strings.HasPrefix(s.call(t, "HEAD", "/rest/v1/notes", "").Header.Get("RateLimit"), `"back"`)
		}
		return has(l.one) && has(l.two)
	})
	if err := client.Del(t.Context(), "fluxbase:ratelimit:back:all").Err(); err != nil {
		t.Fatal(err)
	}
	if passed := l.flood(t, 200); passed != 100 || !in("redis") {
		t.Errorf("in Redis again %d passed", passed)
	}
	for _, s := range []*server{l.one, l.two} {
		s.logs(t, "Redis is back")
		if log := s.Log(); strings.Count(log, "Redis is away") != 1 || strings.Count(log, "Redis is back") != 1 {
			t.Errorf("each change is logged once:\n%s", tail(log))
		}
	}
}
