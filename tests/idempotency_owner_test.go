package tests

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// from is who sends a request.
type from struct{ token, address string }

func (s *restServer) as(t *testing.T, who from, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "/rest/v1"+path, strings.NewReader(body))
	r.RemoteAddr = "[" + who.address + "]:1"
	if who.token != "" {
		header = append(slices.Clip(header), "Authorization: Bearer "+who.token)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestAStrangersKeyIsAnotherKey(t *testing.T) {
	t.Parallel()
	s := newRest(t, keysFixture, withKeys)
	long := strings.Repeat("x", 600)
	same := map[string][]from{
		"ada":        {{restToken(t, ada), "2001:db8::1"}, {roleToken(t, map[string]any{"role": "authenticated", "sub": ada, "exp": 9e9}), "2001:db8:9::1"}},
		"bob":        {{restToken(t, bob), "2001:db8::1"}},
		"a stranger": {{"", "2001:db8::1"}, {"", "2001:db8::2"}},
		"another":    {{"", "2001:db8:0:1::1"}},
		"a third":    {{"", "::ffff:192.0.2.1"}},
		"a fourth":   {{"", "::ffff:192.0.2.2"}},
		"no subject": {{roleToken(t, map[string]any{"role": "authenticated"}), "2001:db8::1"}},
		"a long one": {{restToken(t, long+"a"), "2001:db8::1"}},
		"as long":    {{restToken(t, long+"b"), "2001:db8::1"}},
		"a server":   {{roleToken(t, map[string]any{"role": "service_role"}), "2001:db8::1"}},
	}
	for name, list := range same {
		body := `{"owner":"` + name + `"}`
		first := s.as(t, list[0], "POST", "/payments", body, "Idempotency-Key: the same", full)
		if first.Code != 400 {
			t.Fatalf("a bare key with a blank: %d", first.Code)
		}
		for i, who := range list {
			w := s.as(t, who, "POST", "/payments", body, `Idempotency-Key: "the same"`, full)
			if w.Code != 201 || replayed(w) != (i > 0) || !strings.Contains(w.Body.String(), name) {
				t.Errorf("%s, from %s: %d %s, replayed %v", name, who.address, w.Code, w.Body, replayed(w))
			}
		}
	}
	if n := s.writes(t); n != len(same) {
		t.Errorf("%d callers have written %d times", len(same), n)
	}
	// Nor can what runs as the caller reach them.
	for _, role := range []string{"", restToken(t, bob), roleToken(t, map[string]any{"role": "service_role"})} {
		for _, call := range []string{"spy", "forge"} {
			w := s.as(t, from{role, "2001:db8::1"}, "POST", "/rpc/"+call, `{"scope":"user:`+ada+`","key":"the same"}`)
			if w.Code != 401 && w.Code != 403 || !strings.Contains(w.Body.String(), "42501") {
				t.Errorf("%s: %d %s", call, w.Code, w.Body)
			}
		}
	}
}

func TestAKeyIsOfOneRequest(t *testing.T) {
	t.Parallel()
	s := newRest(t, keysFixture, withKeys)
	exec(t, s.db, `insert into public.payments (id, amount) values (100, 100), (101, 101)`)
	ofAda := "Authorization: Bearer " + restToken(t, ada)
	const key = "Idempotency-Key: k"
	before := s.writes(t)
	s.run(t, []restCase{
		{name: "the first", method: "DELETE", path: "/payments?id=eq.100", header: []string{ofAda, key}, status: 204},
		{
			name: "delete with another query string", method: "DELETE", path: "/payments?id=eq.101", header: []string{ofAda, key}, status: 422,
			want: `{"code":"idempotency_mismatch"}`, wantHeader: []string{"Idempotency-Replayed:"},
		},
		{name: "another method", method: "PATCH", path: "/payments?id=eq.100", body: `{"amount":1}`, header: []string{ofAda, key}, status: 422},
		{name: "another path", method: "DELETE", path: "/writes?id=eq.100", header: []string{ofAda, key}, status: 422},
		{name: "another body", method: "DELETE", path: "/payments?id=eq.100", header: []string{ofAda, "Idempotency-Key: k", full}, status: 422},
		{
			name: "another role", method: "DELETE", path: "/payments?id=eq.100", status: 422,
			header: []string{"Authorization: Bearer " + roleToken(t, map[string]any{"role": "service_role", "sub": ada}), key},
		},
		{name: "the same, quoted", method: "DELETE", path: "/payments?id=eq.100", header: []string{ofAda, `Idempotency-Key: "k"`, "User-Agent: x"}, status: 204, wantHeader: []string{"Idempotency-Replayed: true"}},
		{name: "a read", path: "/payments?select=id&id=eq.101", header: []string{ofAda, key}, status: 200, want: `[{"id":101}]`, wantHeader: []string{"Idempotency-Replayed:"}},
	})
	first := s.send(t, "POST", "/payments", `{"amount":5}`, "Idempotency-Key: b")
	if w := s.send(t, "POST", "/payments", `{"amount":6}`, "Idempotency-Key: b"); first.Code != 201 || w.Code != 422 {
		t.Errorf("another body: %d, then %d", first.Code, w.Code)
	}
	if n := s.writes(t) - before; n != 2 {
		t.Errorf("%d statements have written, want 2", n)
	}
}

func TestWhoMayNotAskAnyMoreGetsNoAnswerAgain(t *testing.T) {
	t.Parallel()
	s := newRest(t, keysFixture, func(c *restConfig) {
		withKeys(c)
		c.PreRequest = "public.check_ban"
	})
	send := func() *httptest.ResponseRecorder {
		return s.send(t, "POST", "/payments", `{}`, full, "Idempotency-Key: k", "Authorization: Bearer "+restToken(t, ada))
	}
	if first, again := send(), send(); first.Code != 201 || !replayed(again) {
		t.Fatalf("%d, and again %d %s", first.Code, again.Code, again.Body)
	}
	exec(t, s.db, `insert into public.banned values ('`+ada+`')`)
	if w := send(); w.Code != 403 || replayed(w) || !strings.Contains(w.Body.String(), "banned") {
		t.Errorf("banned: %d %s", w.Code, w.Body)
	}
	exec(t, s.db, `delete from public.banned; drop table public.banned; drop function public.check_ban; create function public.check_ban() returns void language sql as ''; revoke all on public.payments from authenticated`)
	// What it was told once it may be told again.
	if w := send(); w.Code != 201 || !replayed(w) {
		t.Errorf("without the right to write: %d %s", w.Code, w.Body)
	}
}
