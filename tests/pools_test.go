package tests

import (
	"fmt"
	osexec "os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// Fifty at once over ten connections: each is answered, reads and writes.
func TestFiftyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, slowSchema)
	s := startServer(t, d)
	var clients sync.WaitGroup
	for i := range 50 {
		clients.Go(func() {
			for n := range 4 {
				a, err := s.try("POST", "/rest/v1/log", fmt.Sprintf(`{"note":"%d-%d"}`, i, n))
				if err != nil || a.Status != 201 {
					t.Errorf("write: %v %d %s", err, a.Status, a.Body)
				}
				if a, err = s.try("GET", fmt.Sprintf("/rest/v1/log?select=note&note=eq.%d-%d", i, n), ""); err != nil || a.Body != fmt.Sprintf(`[{"note":"%d-%d"}]`, i, n) {
					t.Errorf("read: %v %d %s", err, a.Status, a.Body)
				}
			}
		})
	}
	clients.Wait()
	if got := s.metric(t, "fluxbase_database_connections", map[string]string{"pool": "requests", "state": "max"}); got != 10 {
		t.Errorf("the pool has %g connections, want 10: 12 without the service's 2", got)
	}
}

// When every connection is held, who waits too long is told to come again, the service's
// own pool goes on, and all is well again when connections are.
func TestExhaustedPoolAnswers504AndRecovers(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, `create table public.gate (i int); grant all on public.gate to anon, service_role`)
	// With a stream, so that keys are known without asking on the pool that is exhausted.
	s := startRealtime(t, d, "pools", "FLUXBASE_DATABASE_ACQUIRE_TIMEOUT=300ms")
	requests := map[string]string{"pool": "requests"}
	lock, err := d.Conn(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), `lock public.gate`); err != nil {
		t.Fatal(err)
	}
	const connections = 10
	var held sync.WaitGroup
	for range connections {
		held.Go(func() {
			if a, err := s.try("POST", "/rest/v1/gate", `{"i":1}`); err != nil || a.Status != 201 {
				t.Errorf("a request that held a connection: %v %d %s", err, a.Status, a.Body)
			}
		})
	}
	eventually(t, "all connections are held", func() bool {
		return s.metric(t, "fluxbase_database_connections", map[string]string{"pool": "requests", "state": "acquired"}) == connections
	})
	var refused sync.WaitGroup
	for range 50 {
		refused.Go(func() {
			a, err := s.try("GET", "/rest/v1/gate?select=i", "")
			if err != nil || a.Status != 504 || a.Header.Get("Retry-After") == "" || a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(a.Body, `"PGRST003"`) {
				t.Errorf("one that waited too long: %v %d %v %s", err, a.Status, a.Header, a.Body)
			}
		})
	}
	service := "Authorization: Bearer " + signToken(t, map[string]any{"role": "service_role", "exp": time.Now().Add(time.Hour).Unix()})
	if a := s.call(t, "GET", "/rest/v1/", "", service); a.Status != 200 {
		t.Errorf("the service's own pool: %d %s", a.Status, a.Body)
	}
	refused.Wait()
	// Now and then the process asks something for itself, which may fail as well.
	if got := s.metric(t, "fluxbase_database_acquire_failures_total", requests); got < 50 || got > 52 {
		t.Errorf("%g failures are counted, want 50", got)
	}
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	held.Wait()
	if a := s.call(t, "GET", "/rest/v1/gate?select=i", "", "Prefer: count=exact"); a.Status != 200 || a.Header.Get("Content-Range") != "0-9/10" {
		t.Errorf("afterwards: %d %v %s", a.Status, a.Header, a.Body)
	}
	if got := s.metric(t, "fluxbase_database_waiting", requests); got != 0 {
		t.Errorf("%g wait at rest", got)
	}
}

// The rules for Prometheus are well formed, and say what they should of a few time series.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	program, err := osexec.LookPath("promtool")
	if err != nil {
		program = "../../dist/tools/promtool" // where make tools puts it
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		cmd := osexec.Command(program, args...)
		cmd.Dir = "../docs/operations"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v; make tools fetches it\n%s", args, err, out)
		}
	}
}
