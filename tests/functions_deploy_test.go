package tests

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// Two processes serve while a function is deployed, rolled back and given secrets all the
// time: no request fails, and each change is served by both at once.
func TestFunctionsAreDeployedUnderLoad(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	version := func(n int) {
		exec(t, db, fmt.Sprintf(`select functions.deploy('count', jsonb_build_object('index.ts', 'Deno.serve(() => new Response("%d " + Deno.env.get("WORD")))'), verify_jwt => false)`, n))
	}
	version(1)
	servers := []*server{startFunctions(t, db, "a"), startFunctions(t, db, "b")}
	var load sync.WaitGroup
	var stop atomic.Bool
	var answered atomic.Int64
	for _, s := range servers {
		for range 2 {
			load.Go(func() {
				for !stop.Load() {
					a, err := s.try("POST", "/functions/v1/count", "")
					if err != nil || a.Status != http.StatusOK {
						t.Errorf("a request meanwhile: %v %d %s", err, a.Status, a.Body)
						return
					}
					answered.Add(1)
				}
			})
		}
	}
	serves := func(want string) {
		t.Helper()
		for _, s := range servers {
			eventually(t, "it serves "+want, func() bool { return s.call(t, "GET", "/functions/v1/count", "").Body == want })
		}
	}
	serves("1 undefined")
	for n := 2; n <= 4; n++ {
		version(n)
		serves(fmt.Sprintf("%d undefined", n))
	}
	exec(t, db, `select functions.rollback('count', 2)`)
	serves("2 undefined")
	servers[0].code(t, "200", "POST", "/api/v1/admin/function-secrets", `{"WORD":"secret"}`, "Authorization: Bearer "+signToken(t, map[string]any{"role": "service_role"}))
	serves("2 secret")
	stop.Store(true)
	load.Wait()
	if answered.Load() < 20 {
		t.Errorf("only %d requests were answered", answered.Load())
	}
	gives(t, db, "ok", `select string_agg(distinct outcome, ',') from functions.invocations`)

	// A process that is told to stop answers what it has taken, and leaves nothing behind.
	s := servers[0]
	exec(t, db, `select functions.deploy('slow', '{"index.ts": "Deno.serve(async () => { await new Promise((r) => setTimeout(r, 700)); return new Response(\"slow\") })"}', verify_jwt => false)`)
	eventually(t, "it serves it", func() bool { return s.call(t, "GET", "/functions/v1/slow", "").Body == "slow" })
	var under sync.WaitGroup
	for range 3 {
		under.Go(func() {
			if a, err := s.try("POST", "/functions/v1/slow", ""); err != nil || a.Body != "slow" {
				t.Errorf("a request at the end: %v %d %s", err, a.Status, a.Body)
			}
		})
	}
	eventually(t, "they are under way", func() bool { return s.metric(t, "fluxbase_http_requests_in_flight", nil) >= 3 })
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	under.Wait()
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
	gives(t, db, "3", `select count(*)::text from functions.invocations where function = 'slow' and outcome = 'ok' and method = 'POST'`)
	if log := s.Log(); strings.Contains(log, "left behind") || strings.Contains(log, "before they were done") {
		t.Error(tail(log))
	}
}

// Many functions are there, of which a few are called: each of them answers for itself.
func TestManyFunctions(t *testing.T) {
	t.Parallel()
	functions, hot, rounds := 60, 4, 2
	if *soak > 0 {
		functions, hot, rounds = 1000, 20, 200
	}
	db := dbtest.New(t)
	exec(t, db, fmt.Sprintf(`select functions.deploy('f' || i, jsonb_build_object('index.ts', format('Deno.serve(() => new Response("%%s"))', i)), verify_jwt => false) from generate_series(1, %d) as i`, functions))
	s := startFunctions(t, db, "a", "FLUXBASE_FUNCTIONS_MAX_WORKERS=8")
	var calls sync.WaitGroup
	for i := range hot {
		n := fmt.Sprint(1 + i*(functions/hot))
		calls.Go(func() {
			for range rounds {
				if a, err := s.try("GET", "/functions/v1/f"+n, ""); err != nil || a.Body != n {
					t.Errorf("f%s: %v %d %s", n, err, a.Status, a.Body)
				}
			}
		})
	}
	calls.Wait()
	if n := s.metric(t, "fluxbase_functions_workers", map[string]string{"state": "idle"}); n > 8 {
		t.Errorf("%g workers", n)
	}
}
