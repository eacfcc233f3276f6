package tests

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

func TestAWriteThatFailedMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	s := newRest(t, keysFixture, withKeys)
	exec(t, s.db, `insert into public.payments (id, amount) values (100, 100), (101, 101)`)
	for i, c := range []struct {
		name, method, path, body string
		header                   []string
		code                     string
		mend                     string
	}{
		{"a conflict", "POST", "/payments", `{"amount":100}`, nil, "23505", `update public.payments set amount = 0 where id = 100`},
		{"a constraint at the end", "POST", "/payments", `{"id":1,"parent":2}`, nil, "23503", `insert into public.payments (id) values (2)`},
		{
			"of a batch, at its end", "POST", "/batch", `{"operations":[{"method":"POST","path":"/payments","body":{"id":3,"parent":4}}]}`,
			nil, "23503", `insert into public.payments (id) values (4)`,
		},
		{"an operation of a batch", "POST", "/batch", `{"operations":[{"method":"POST","path":"/payments","body":{"id":5}},{"method":"POST","path":"/payments","body":{"id":6}}]}`, nil, "23505", `delete from public.payments where id = 6`},
		{"several rows for one", "PATCH", "/payments?id=in.(100,101)", `{"parent":null}`, []string{"Accept: application/vnd.pgrst.object+json", full}, "PGRST116", `delete from public.payments where id = 101`},
		{"too many rows", "PATCH", "/payments?id=in.(1,2)", `{"amount":null}`, []string{"Prefer: handling=strict, max-affected=1"}, "PGRST124", `update public.payments set parent = null; delete from public.payments where id = 2`},
		{"not as it was", "PATCH", "/payments?id=eq.7", `{"amount":null}`, []string{"If-Match: *"}, "precondition_failed", `insert into public.payments (id) values (7)`},
		{"headers that are none", "POST", "/rpc/refuse", `{"status":"200","headers":"[1]"}`, nil, "PGRST111", `create or replace function public.refuse(status text, headers text default '[]') returns integer language sql volatile as 'select 1'`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if i == 3 {
				exec(t, s.db, `insert into public.payments (id) values (6)`)
			}
			header := append(slices.Clip(c.header), "Idempotency-Key: "+strconv.Itoa(i))
			before := s.writes(t)
			for range 2 {
				w := s.send(t, c.method, c.path, c.body, header...)
				if w.Code < 400 || !strings.Contains(w.Body.String(), c.code) || replayed(w) {
					t.Fatalf("%d %s, want %s", w.Code, w.Body, c.code)
				}
			}
			if n := s.writes(t) - before; n != 0 {
				t.Errorf("%d statements have written", n)
			}
			exec(t, s.db, c.mend)
			w := s.send(t, c.method, c.path, c.body, header...)
			again := s.send(t, c.method, c.path, c.body, header...)
			if w.Code >= 300 || replayed(w) || !replayed(again) {
				t.Errorf("mended: %d %s, and again %d", w.Code, w.Body, again.Code)
			}
		})
	}
}

// What a function refuses without failing is done and may be refused no more a moment
// later; and a secret is told once.
func TestRefusalsAndSecretsAreNotKept(t *testing.T) {
	t.Parallel()
	s := newRest(t, keysFixture, withKeys)
	for _, body := range []string{
		`{"status":"401"}`, `{"status":"403"}`, `{"status":"409"}`, `{"status":"429"}`, `{"status":"500"}`, `{"status":"503"}`,
		`{"status":"200","headers":"[{\"Cache-Control\":\"no-store\"}]"}`,
	} {
		before := s.writes(t)
		for range 2 {
			if w := s.send(t, "POST", "/rpc/refuse", body, "Idempotency-Key: "+strconv.Itoa(before)); replayed(w) {
				t.Errorf("%s is repeated: %d %s", body, w.Code, w.Body)
			}
		}
		if n := s.writes(t) - before; n != 2 {
			t.Errorf("%s ran %d times", body, n)
		}
	}
	rows := 0
	if err := s.db.Conn(t).QueryRow(t.Context(), `select count(*) from idempotency.keys`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d are kept, %v", rows, err)
	}
}

func TestNothingIsKeptOfADryRun(t *testing.T) {
	t.Parallel()
	s := newRest(t, keysFixture, withKeys)
	for range 2 {
		w := s.send(t, "POST", "/payments", `{"id":1}`, "Idempotency-Key: k", "Prefer: tx=rollback")
		if w.Code != 201 || replayed(w) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if w := s.send(t, "POST", "/payments", `{"id":1}`, "Idempotency-Key: k"); w.Code != 201 || replayed(w) {
		t.Errorf("in earnest: %d %s", w.Code, w.Body)
	}
}

func TestAnAnswerThatIsTooLongUndoesTheWrite(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, keysFixture)
	s := serveRest(t, db, withKeys, func(c *idempotency.Config) { c.MaxAnswer = 100 })
	const rows = `[{"amount":1},{"amount":2},{"amount":3}]`
	for range 2 {
		s.check(t, restCase{
			method: "POST", path: "/payments", body: rows, header: []string{full, "Idempotency-Key: k"}, status: 413,
			want: `{"code":"idempotency_answer_too_large","details":{"limit_bytes":100}}`,
		})
	}
	if n := s.writes(t); n != 0 {
		t.Errorf("%d statements have written", n)
	}
	s.check(t, restCase{method: "POST", path: "/payments", body: rows, header: []string{"Idempotency-Key: k"}, status: 201})
}
