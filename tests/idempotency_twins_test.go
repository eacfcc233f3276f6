package tests

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

func TestFiftyAtOnceWithOneKeyAreOne(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, keysFixture)
	proxies := []*restServer{serveRest(t, db, withKeys), serveRest(t, db, withKeys)}
	as := "Authorization: Bearer " + restToken(t, ada)
	for name, path := range map[string]string{"insert": "/payments", "one snapshot": "/rpc/pay_safely"} {
		before := proxies[0].writes(t)
		answers := make([]*httptest.ResponseRecorder, 50)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() {
				answers[i] = proxies[i%2].send(t, "POST", path, `{}`, as, full, "Idempotency-Key: "+path)
			})
		}
		group.Wait()
		firsts := 0
		for _, w := range answers {
			if !replayed(w) {
				firsts++
			}
			if wholeAnswer(w) != wholeAnswer(answers[0]) || w.Code >= 300 {
				t.Errorf("%s: one is told\n%s\nanother\n%s", name, wholeAnswer(answers[0]), wholeAnswer(w))
			}
		}
		if n := proxies[0].writes(t) - before; n != 1 || firsts != 1 {
			t.Errorf("%s: %d have written, %d were the first", name, n, firsts)
		}
	}
}

func TestAKeyIsFreeWhenItHasExpired(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, keysFixture)
	proxies := []*restServer{serveRest(t, db, withKeys), serveRest(t, db, withKeys)}
	send := func(i int) *httptest.ResponseRecorder {
		return proxies[i%2].send(t, "POST", "/payments", `{}`, full, "Idempotency-Key: k")
	}
	send(0)
	for round := range 5 {
		exec(t, db, `update idempotency.keys set expires_at = clock_timestamp()`)
		before := proxies[0].writes(t)
		answers := make([]*httptest.ResponseRecorder, 8)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() { answers[i] = send(i) })
		}
		group.Wait()
		for _, w := range answers {
			if w.Code != 201 || wholeAnswer(w) != wholeAnswer(answers[0]) {
				t.Errorf("one is told\n%s\nanother\n%s", wholeAnswer(answers[0]), wholeAnswer(w))
			}
		}
		if n := proxies[0].writes(t) - before; n != 1 {
			t.Errorf("round %d: %d have written", round, n)
		}
	}
	// With another request, too.
	exec(t, db, `update idempotency.keys set expires_at = clock_timestamp()`)
	if w := proxies[0].send(t, "POST", "/payments", `{"amount":1}`, "Idempotency-Key: k"); w.Code != 201 || replayed(w) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWhoWaitsTooLongIsToldToComeAgain(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, keysFixture)
	s := serveRest(t, db, withKeys, func(c *idempotency.Config) { c.Wait = 50 * time.Millisecond })
	holder := db.Conn(t)
	if _, err := holder.Exec(t.Context(), `select pg_advisory_lock(7)`); err != nil {
		t.Fatal(err)
	}
	send := func() *httptest.ResponseRecorder {
		return s.send(t, "POST", "/rpc/pay_slowly", `{}`, "Idempotency-Key: k")
	}
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- send() }()
	watch := db.Conn(t)
	eventually(t, "the first is under way", func() bool {
		var waits bool
		err := watch.QueryRow(t.Context(), `select exists (select from pg_locks as l join pg_database as d on d.oid = l.database and d.datname = current_database() where l.locktype = 'advisory' and not l.granted)`).Scan(&waits)
		return err == nil && waits
	})
	w := send()
	if w.Code != 409 || !strings.Contains(w.Body.String(), "idempotency_in_progress") || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := holder.Exec(t.Context(), `select pg_advisory_unlock(7)`); err != nil {
		t.Fatal(err)
	}
	if w := <-first; w.Code != 200 || replayed(w) {
		t.Errorf("the first: %d %s", w.Code, w.Body)
	}
	if w := send(); w.Code != 200 || !replayed(w) {
		t.Errorf("a moment later: %d %s", w.Code, w.Body)
	}
}
