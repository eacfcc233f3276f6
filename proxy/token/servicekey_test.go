package token

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

const (
	keyText    = "sb_secret_0123456789ab_0123456789abcdefghjkmnpqrstvwxyz"
	publicText = "sb_publishable_publicpublic_0123456789abcdefghjkmnpqrstvwxyz"
)

// row is a key as auth.read_service_keys tells it.
func row(text, role string, more map[string]any) map[string]any {
	sum := sha256.Sum256([]byte(text))
	r := map[string]any{"id": keyID(text), "hash": hex.EncodeToString(sum[:]), "role": role}
	for name, value := range more {
		r[name] = value
	}
	return r
}

func documentOf(t testing.TB, more map[string]any, rows ...map[string]any) *ServiceKeys {
	t.Helper()
	doc := map[string]any{"keys": rows}
	for name, value := range more {
		doc[name] = value
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	ring := NewKeyRing()
	keys, err := parseServiceKeys(text, ring.useOf)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func withKeys(t testing.TB, keys *ServiceKeys) *Verifier {
	t.Helper()
	v := newVerifier(t, Config{Secret: secret, AnonRole: "anon"})
	v.UseKeys(func(context.Context) (*ServiceKeys, error) { return keys, nil })
	return v
}

func TestServiceKeysAreTakenFromEachHeaderAndUsersComeFirst(t *testing.T) {
	t.Parallel()
	v := withKeys(t, documentOf(t, nil, row(keyText, "service_role", nil), row(publicText, "anon", nil)))
	user := good(`{"role":"authenticated"}`)
	for _, tt := range []struct {
		name       string
		header     http.Header
		role, key  string
		wrong      string
		statusCode int
	}{
		{name: "apikey", header: http.Header{"Apikey": {keyText}}, role: "service_role", key: "0123456789ab"},
		{name: "bearer", header: http.Header{"Authorization": {"Bearer " + keyText}}, role: "service_role", key: "0123456789ab"},
		{name: "X-Service-Key", header: http.Header{"X-Service-Key": {keyText}}, role: "service_role", key: "0123456789ab"},
		{name: "both, as supabase-js signed out", header: http.Header{"Apikey": {publicText}, "Authorization": {"Bearer " + publicText}}, role: "anon", key: "publicpublic"},
		{name: "a user and a publishable key", header: http.Header{"Apikey": {publicText}, "Authorization": {"Bearer " + user}}, role: "authenticated"},
		{name: "a user and a secret key", header: http.Header{"Apikey": {keyText}, "Authorization": {"Bearer " + user}}, role: "authenticated"},
		{name: "a user and X-Service-Key", header: http.Header{"X-Service-Key": {keyText}, "Authorization": {"Bearer " + user}}, role: "authenticated"},
		{name: "X-Service-Key before apikey", header: http.Header{"X-Service-Key": {keyText}, "Apikey": {publicText}}, role: "service_role", key: "0123456789ab"},
		{name: "another secret", header: http.Header{"Apikey": {keyText + "0"}}, wrong: "key_invalid"},
		{name: "the id alone", header: http.Header{"Apikey": {"sb_secret_0123456789ab"}}, wrong: "key_invalid"},
		{name: "no secret", header: http.Header{"Apikey": {"sb_secret_0123456789ab_"}}, wrong: "key_invalid"},
		{name: "the other kind", header: http.Header{"Apikey": {"sb_publishable_0123456789ab_0123456789abcdefghjkmnpqrstvwxyz"}}, wrong: "key_invalid"},
		{name: "a stranger's", header: http.Header{"Apikey": {"sb_secret_zzzzzzzzzzzz_0123456789abcdefghjkmnpqrstvwxyz"}}, wrong: "key_invalid"},
		{name: "of Supabase's own form", header: http.Header{"Apikey": {"sb_secret_Z8zp9Vd8mZyE2qn9o3hYwQ_abcdefgh"}}, wrong: "key_invalid"},
		{name: "no key in X-Service-Key", header: http.Header{"X-Service-Key": {"hello"}}, wrong: "key_invalid"},
		{name: "a bad user is not made up for by a good key", header: http.Header{"Apikey": {keyText}, "Authorization": {"Bearer " + user + "x"}}, wrong: "PGRST301"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := v.Caller(t.Context(), tt.header, From{Module: "rest"})
			if tt.wrong != "" {
				if e := asError(t, got, err); e.Code != tt.wrong {
					t.Errorf("got %s, want %s", e.Code, tt.wrong)
				} else if tt.wrong == "key_invalid" && e.Header.Get("Cache-Control") != "no-store" {
					t.Error("a cache may keep the refusal")
				}
				return
			}
			if err != nil || got.Role != tt.role || got.Key != tt.key {
				t.Errorf("got %s %s (%v), want %s %s", got.Role, got.Key, err, tt.role, tt.key)
			}
		})
	}
}

func TestServiceKeysAreHeldToTheirBounds(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	home, away := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.1")
	for _, tt := range []struct {
		name  string
		row   map[string]any
		from  From
		wrong string
	}{
		{name: "none", from: From{Module: "rest"}},
		{name: "a module", row: map[string]any{"modules": []string{"rest"}}, from: From{Module: "rest"}},
		{name: "another module", row: map[string]any{"modules": []string{"rest"}}, from: From{Module: "realtime"}, wrong: "key_module"},
		{name: "an address", row: map[string]any{"addresses": []string{"192.0.2.0/24", "2001:db8::/32"}}, from: From{Address: home}},
		{name: "a second network", row: map[string]any{"addresses": []string{"192.0.2.0/24", "2001:db8::/32"}}, from: From{Address: netip.MustParseAddr("2001:db8::5")}},
		{name: "another address", row: map[string]any{"addresses": []string{"192.0.2.0/24"}}, from: From{Address: away}, wrong: "key_address"},
		{name: "an address that nobody tells", row: map[string]any{"addresses": []string{"0.0.0.0/0"}}, wrong: "key_address"},
		{name: "a millisecond before its end", row: map[string]any{"ends_at": now.UnixMilli() + 1}},
		{name: "at its end", row: map[string]any{"ends_at": now.UnixMilli()}, wrong: "key_expired"},
		{name: "revoked", row: map[string]any{"revoked": true}, wrong: "key_revoked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := withKeys(t, documentOf(t, nil, row(keyText, "service_role", tt.row)))
			v.now = func() time.Time { return now }
			got, err := v.Caller(t.Context(), http.Header{"Apikey": {keyText}}, tt.from)
			switch {
			case tt.wrong != "":
				if e := asError(t, got, err); e.Code != tt.wrong {
					t.Errorf("got %s, want %s", e.Code, tt.wrong)
				}
			case err != nil:
				t.Error(err)
			}
		})
	}
}

func TestScopeOfASchemaAndOfReading(t *testing.T) {
	t.Parallel()
	scope := &pg.Scope{Schemas: []string{"api"}, ReadOnly: true}
	if CheckSchema(scope, "api") != nil || CheckSchema(nil, "other") != nil || CheckWrite(nil) != nil {
		t.Error("what is within the scope is refused")
	}
	if !errors.Is(CheckSchema(scope, "other"), errKeySchema) || !errors.Is(CheckWrite(scope), errKeyReadOnly) {
		t.Error("what is beyond the scope is let through")
	}
}

// A process that can't ask lets nobody in, also not whom it knew a moment before.
func TestServiceKeysThatCannotBeCheckedAreRefused(t *testing.T) {
	t.Parallel()
	v := withKeys(t, nil)
	v.UseKeys(func(context.Context) (*ServiceKeys, error) { return nil, errors.New("away") })
	for _, text := range []string{keyText, good(`{"role":"service_role"}`)} {
		got, err := v.Caller(t.Context(), http.Header{"Apikey": {text}}, From{})
		if e := asError(t, got, err); e.Code != "key_check_unavailable" || e.Status != http.StatusServiceUnavailable {
			t.Errorf("got %v", e)
		}
	}
	// Users and strangers have no key that could be revoked.
	for _, h := range []http.Header{{"Authorization": {"Bearer " + good(`{"role":"authenticated"}`)}}, {}} {
		if _, err := v.Caller(t.Context(), h, From{}); err != nil {
			t.Error(err)
		}
	}
}

func TestLegacyKeysThatWereRevoked(t *testing.T) {
	t.Parallel()
	one := good(`{"role":"service_role","iat":1000,"jti":"one"}`)
	sum := sha256.Sum256([]byte(good(`{"role":"service_role","iat":1000,"a":1}`)))
	keys := documentOf(t, map[string]any{"jtis": []string{"one"}, "hashes": []string{hex.EncodeToString(sum[:])}, "issued_before": 500})
	v := withKeys(t, keys)
	for _, tt := range []struct {
		name, token string
		revoked     bool
	}{
		{"by its id", one, true},
		{"another id", good(`{"role":"service_role","iat":1000,"jti":"two"}`), false},
		{"no id", good(`{"role":"service_role","iat":1000}`), false},
		{"by its hash", good(`{"role":"service_role","iat":1000,"a":1}`), true},
		{"issued before", good(`{"role":"service_role","iat":499}`), true},
		{"issued then", good(`{"role":"service_role","iat":500}`), false},
		{"issued nobody knows when", good(`{"role":"service_role"}`), true},
		{"a user's", good(`{"role":"authenticated","iat":1,"jti":"one"}`), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // also when its signature is known
				_, err := v.Caller(t.Context(), http.Header{"Authorization": {"Bearer " + tt.token}}, From{})
				if revoked := err != nil && web.AsError(err).Code == "key_revoked"; revoked != tt.revoked || !revoked && err != nil {
					t.Errorf("got %v, want revoked %v", err, tt.revoked)
				}
			}
		})
	}
	if _, err := withKeys(t, nil).Verify(t.Context(), one); err != nil {
		t.Errorf("where nothing is installed: %v", err)
	}
}

func TestUsesOfKeysAreToldOnce(t *testing.T) {
	t.Parallel()
	ring := NewKeyRing()
	text, _ := json.Marshal(map[string]any{"keys": []any{row(keyText, "service_role", nil), row(publicText, "anon", nil)}})
	var keys *ServiceKeys
	v := newVerifier(t, Config{})
	v.UseKeys(func(context.Context) (*ServiceKeys, error) { return keys, nil })
	use := func() {
		t.Helper()
		var err error
		if keys, err = parseServiceKeys(text, ring.useOf); err != nil { // read again between uses
			t.Fatal(err)
		}
		if _, err := v.Caller(t.Context(), http.Header{"Apikey": {keyText}}, From{Address: netip.MustParseAddr("192.0.2.7")}); err != nil {
			t.Fatal(err)
		}
	}
	use()
	use()
	rows := ring.untold()
	if len(rows) != 1 || rows[0].ID != "0123456789ab" || *rows[0].Address != "192.0.2.7" {
		t.Errorf("got %+v", rows)
	}
	if rows := ring.untold(); len(rows) != 0 {
		t.Errorf("told again: %+v", rows)
	}
	if _, err := v.Recheck(keys, keyText, From{}); err != nil || len(ring.untold()) != 0 {
		t.Errorf("a look at a channel counts as a use (%v)", err)
	}
}

func TestServiceKeyAllocatesNothing(t *testing.T) {
	v := withKeys(t, documentOf(t, nil, row(keyText, "service_role", nil)))
	v.now = time.Now
	h := http.Header{"Apikey": {keyText}, "Authorization": {"Bearer " + keyText}}
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := v.Caller(t.Context(), h, From{Module: "rest"}); err != nil {
			t.Error(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}

func BenchmarkServiceKey(b *testing.B) {
	v := withKeys(b, documentOf(b, nil, row(keyText, "service_role", map[string]any{
		"modules": []string{"rest"}, "addresses": []string{"192.0.2.0/24"}, "ends_at": time.Now().Add(time.Hour).UnixMilli(),
	})))
	v.now = time.Now
	h := http.Header{"Apikey": {keyText}, "Authorization": {"Bearer " + keyText}}
	from := From{Module: "rest", Address: netip.MustParseAddr("192.0.2.7")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Caller(b.Context(), h, from); err != nil {
			b.Fatal(err)
		}
	}
}
