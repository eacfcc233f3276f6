package tests

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	s := newRest(t, keysFixture, withKeys)
	for _, c := range []struct {
		key  []string
		good bool
	}{
		{[]string{strings.Repeat("k", 256)}, true},
		{[]string{`"` + strings.Repeat("k", 256) + `"`}, true},
		{[]string{`"a \"quoted\" one, with \\; and more"`}, true},
		{[]string{`550e8400-e29b-41d4-a716-446655440000`}, true},
		{[]string{`a\b`}, true},
		{[]string{""}, false},
		{[]string{`""`}, false},
		{[]string{`"`}, false},
		{[]string{`"a`}, false},
		{[]string{`a"`}, false},
		{[]string{`"a"b"`}, false},
		{[]string{`"a\b"`}, false},
		{[]string{`"a\"`}, false},
		{[]string{`"a";p=1`}, false},
		{[]string{"a b"}, false},
		{[]string{"a,b"}, false},
		{[]string{"a;b"}, false},
		{[]string{"é"}, false},
		{[]string{`"é"`}, false},
		{[]string{"\x7f"}, false},
		{[]string{strings.Repeat("k", 257)}, false},
		{[]string{`"` + strings.Repeat("k", 257) + `"`}, false},
		{[]string{"a", "a"}, false},
		{[]string{"a", "b"}, false},
	} {
		send := func(method, path, body string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, "/rest/v1"+path, strings.NewReader(body))
			r.Header["Idempotency-Key"] = c.key
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w
		}
		w, again := send("POST", "/payments", `{}`), send("POST", "/payments", `{}`)
		if c.good && (w.Code != 201 || !replayed(again)) {
			t.Errorf("%q: %d %s", c.key, w.Code, w.Body)
		}
		if !c.good && (w.Code != 400 || !strings.Contains(w.Body.String(), "idempotency_key_invalid")) {
			t.Errorf("%q: %d %s", c.key, w.Code, w.Body)
		}
		if read := send("GET", "/payments", ""); read.Code != 200 {
			t.Errorf("%q with a read: %d %s", c.key, read.Code, read.Body)
		}
	}
}

func TestStreamsTakeNoKey(t *testing.T) {
	t.Parallel()
	s := newRest(t, keysFixture, withKeys)
	send := func(header ...string) *httptest.ResponseRecorder {
		return s.send(t, "POST", "/payments", "{\"amount\":1}\n{\"amount\":2}\n", append(header, "Content-Type: application/x-ndjson")...)
	}
	if w := send("Idempotency-Key: k"); w.Code != 400 || !strings.Contains(w.Body.String(), "idempotency_not_possible") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := s.writes(t); n != 0 {
		t.Errorf("%d statements have written", n)
	}
	if w := send(); w.Code != 201 {
		t.Errorf("without: %d %s", w.Code, w.Body)
	}
}

func TestOnlySomeRoutesTakeKeys(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, keysFixture)
	s := serveRest(t, db, withKeys, func(c *idempotency.Config) {
		c.Header, c.Routes = "x-request-name", []string{"/rest/v1/rpc/*"}
	})
	for path, want := range map[string]bool{"/rpc/pay_safely": true, "/payments": false} {
		s.send(t, "POST", path, `{}`, "X-Request-Name: k")
		if w := s.send(t, "POST", path, `{}`, "X-Request-Name: k"); replayed(w) != want {
			t.Errorf("%s: %d, replayed %v", path, w.Code, replayed(w))
		}
	}
}

func TestKeysNeedWhatIsInstalled(t *testing.T) {
	t.Parallel()
	s := newRest(t, keysFixture, withKeys)
	dropIn := serveRest(t, s.db, nil)
	for i := range 2 {
		if w := dropIn.send(t, "POST", "/payments", `{}`, "Idempotency-Key: k", "Idempotency-Key: l"); w.Code != 201 || replayed(w) {
			t.Errorf("in the place of a PostgREST: %d %s, %d", w.Code, w.Body, i)
		}
	}
	for _, gone := range []string{
		`revoke usage on schema idempotency from authenticator`, `drop schema idempotency cascade`,
	} {
		exec(t, s.db, gone)
		before := s.writes(t)
		s.check(t, restCase{method: "POST", path: "/payments", body: `{}`, header: []string{"Idempotency-Key: k"}, status: 501, want: `{"code":"idempotency_not_installed"}`})
		if n := s.writes(t) - before; n != 0 {
			t.Errorf("after %s: %d statements have written", gone, n)
		}
		s.check(t, restCase{method: "POST", path: "/payments", body: `{}`, status: 201})
	}
}
