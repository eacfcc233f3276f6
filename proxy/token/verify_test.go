package token

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

func TestTokenOfEachAlgorithmIsVerified(t *testing.T) {
	t.Parallel()
	k := testKeys()
	const payload = `{"role":"editor","sub":"7"}`
	long := []byte(strings.Repeat("k", 64))
	for _, tt := range []struct {
		name    string
		secret  string
		alg     jose.SignatureAlgorithm
		signKey any
	}{
		{"HS256, text", secret, jose.HS256, []byte(secret)},
		{"HS256, JWK", jwk(t, long, "", ""), jose.HS256, long},
		{"HS384, JWK", jwk(t, long, "", "HS384"), jose.HS384, long},
		{"HS512, JWK", jwk(t, long, "", "HS512"), jose.HS512, long},
		{"RS256", jwk(t, public(k.rsa), "", "RS256"), jose.RS256, k.rsa},
		{"RS512, JWK without alg", jwk(t, public(k.rsa), "", ""), jose.RS512, k.rsa},
		{"PS256", jwk(t, public(k.rsa), "", "PS256"), jose.PS256, k.rsa},
		{"ES256", jwk(t, public(k.ec), "", ""), jose.ES256, k.ec},
		{"EdDSA", jwk(t, public(k.ed), "", "EdDSA"), jose.EdDSA, k.ed},
		{"private JWK", jwk(t, k.ec, "", ""), jose.ES256, k.ec},
		{"JWKS", jwks(jwk(t, public(k.ec), "a", ""), jwk(t, public(k.ed), "b", "")), jose.EdDSA, k.ed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, Config{Secret: tt.secret})
			got, err := v.Verify(t.Context(), signWith(t, tt.alg, tt.signKey, nil, payload))
			wantCaller(t, got, err, "editor", payload)
		})
	}
}

// The example of RFC 7515 appendix A.1, signed by its authors.
func TestTokenOfTheRFCIsVerified(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, Config{
		Secret:   `{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`,
		AnonRole: "anon",
	})
	v.now = func() time.Time { return time.Unix(1300819380, 0) }
	got, err := v.Verify(t.Context(), "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"+
		".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"+
		".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	wantCaller(t, got, err, "anon", `{"role":"anon","iss":"joe",`+"\r\n"+` "exp":1300819380,`+"\r\n"+` "http://example.com/is_root":true}`)
}

func TestTokenThatDoesNotDecode(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, Config{Secret: secret})
	parts := strings.Split(good(`{"role":"editor"}`), ".")
	for _, tt := range []struct{ name, token, message, details string }{
		{"empty", "", msgEmpty, ""},
		{"one part", "some-random-bytes", "Expected 3 parts in JWT; got 1", ""},
		{"two parts", parts[0] + "." + parts[1], "Expected 3 parts in JWT; got 2", ""},
		{"five parts, as encrypted ones", "a.b.c.d.e", "Expected 3 parts in JWT; got 5", ""},
		{"not base64", "!." + parts[1] + "." + parts[2], msgBadCrypto, ""},
		{"padding", parts[0] + "." + parts[1] + "." + parts[2] + "=", msgBadCrypto, ""},
		{"header not JSON", sign(secret, `{"alg":`, `{}`), msgBadCrypto, ""},
		{"header not an object", sign(secret, `["HS256"]`, `{}`), msgBadCrypto, ""},
		{"header empty", sign(secret, ``, `{}`), msgBadCrypto, ""},
		{"no alg", sign(secret, `{"typ":"JWT"}`, `{}`), msgBadCrypto, ""},
		{"unknown alg", sign(secret, `{"alg":"HS1"}`, `{}`), msgBadCrypto, ""},
		{"kid no text", sign(secret, `{"alg":"HS256","kid":7}`, `{}`), msgBadCrypto, ""},
		{"other key type", sign(secret, `{"alg":"RS256"}`, `{}`), msgNoKey, "No suitable key was found to decode the JWT"},
		{"other secret", sign(secret+"!", hsHeader, `{}`), msgNoKey, "None of the keys was able to decode the JWT"},
		{"no signature", parts[0] + "." + parts[1] + ".", msgNoKey, "None of the keys was able to decode the JWT"},
		{"too long", good(`{"a":"` + strings.Repeat("x", maxToken) + `"}`), msgBadCrypto, "The token is longer than 16 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := v.Verify(t.Context(), tt.token)
			wantError(t, got, err, "PGRST301", tt.message, tt.details)
		})
	}
}

func TestTokenWithoutSecretIsTheServersFault(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, Config{AnonRole: "anon"})
	got, err := v.Verify(t.Context(), good(`{"role":"editor"}`))
	wantError(t, got, err, "PGRST300", "Server lacks JWT secret", "")
}

func TestTokenThatNamesItsKey(t *testing.T) {
	t.Parallel()
	a, b := []byte(strings.Repeat("a", 32)), []byte(strings.Repeat("b", 32))
	named := jwks(jwk(t, a, "one", ""), jwk(t, b, "two", ""))
	unnamed := jwks(jwk(t, a, "", ""), jwk(t, b, "", ""))
	const notFound, noneFits = "No suitable key was found to decode the JWT", "None of the keys was able to decode the JWT"
	for _, tt := range []struct{ name, keys, header, details string }{
		{"its own", named, `{"alg":"HS256","kid":"two"}`, ""},
		{"another's", named, `{"alg":"HS256","kid":"one"}`, noneFits},
		{"nobody's", named, `{"alg":"HS256","kid":"three"}`, notFound},
		{"empty", named, `{"alg":"HS256","kid":""}`, notFound},
		{"path", named, `{"alg":"HS256","kid":"../../dev/null"}`, notFound},
		{"none named: each is tried", named, `{"alg":"HS256"}`, ""},
		{"keys have no names", unnamed, `{"alg":"HS256","kid":"two"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := newVerifier(t, Config{Secret: tt.keys}).Verify(t.Context(), sign(string(b), tt.header, `{"role":"editor"}`))
			if tt.details == "" {
				wantCaller(t, got, err, "editor", `{"role":"editor"}`)
			} else {
				wantError(t, got, err, "PGRST301", msgNoKey, tt.details)
			}
		})
	}
}

func TestRepeatedTokenIsVerifiedOnce(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, Config{Secret: secret})
	token := good(`{"role":"editor","exp":1700000010,"nbf":1700000000}`)
	first, err := v.Verify(t.Context(), token)
	wantCaller(t, first, err, "editor", `{"role":"editor","exp":1700000010,"nbf":1700000000}`)

	v.keys = []key{} // now only the cache can know
	if again, err := v.Verify(t.Context(), token); err != nil || again != first {
		t.Errorf("got %+v, %v from the cache, want %+v", again, err, first)
	}
	v.now = func() time.Time { return time.Unix(1700000040, 0) }
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("30 s after exp: %v, want the caller", err)
	}
	v.now = func() time.Time { return time.Unix(1700000041, 0) }
	got, err := v.Verify(t.Context(), token)
	wantError(t, got, err, "PGRST303", "JWT expired", "")
	v.now = func() time.Time { return time.Unix(1699999969, 0) }
	got, err = v.Verify(t.Context(), token)
	wantError(t, got, err, "PGRST303", "JWT not yet valid", "")
}

func TestWithoutACacheATokenIsVerifiedEachTime(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, -1} {
		v, err := New(Config{Secret: secret, CacheSize: size})
		if err != nil {
			t.Fatal(err)
		}
		token := good(`{"role":"editor"}`)
		for range 2 {
			got, err := v.Verify(t.Context(), token)
			wantCaller(t, got, err, "editor", `{"role":"editor"}`)
		}
		v.keys = []key{}
		if got, err := v.Verify(t.Context(), token); err == nil {
			t.Errorf("a cache of %d remembered %+v", size, got)
		}
	}
}

func TestRefusedTokenIsNotRemembered(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, Config{Secret: secret})
	for _, token := range []string{good(`{"role":"editor","exp":1,"nbf":""}`), good(`{"role":"none"}`), "a.b.c", good(`{"role":"editor","aud":7}`)} {
		if got, err := v.Verify(t.Context(), token); err == nil {
			t.Fatalf("got %+v, want an error", got)
		}
	}
	for i := range v.cache.shards {
		if n := len(v.cache.shards[i].entries); n != 0 {
			t.Errorf("shard %d holds %d entries, want none", i, n)
		}
	}
}

// Only time refuses these, so that their signature is checked once.
func TestTokenOfAnotherTimeIsRemembered(t *testing.T) {
	t.Parallel()
	for claims, want := range map[string]string{
		`{"role":"editor","exp":1699999000}`:                  "JWT expired",
		`{"role":"editor","nbf":1700009000}`:                  "JWT not yet valid",
		`{"role":"editor","iat":1700009000,"nbf":1700009001}`: "JWT not yet valid",
	} {
		v := newVerifier(t, Config{Secret: secret})
		token := good(claims)
		for range 2 {
			got, err := v.Verify(t.Context(), token)
			wantError(t, got, err, "PGRST303", want, "")
			v.keys = []key{}
		}
		if st := v.CacheStat(); st != (CacheStat{Hits: 1, Misses: 1, Entries: 1, Bytes: st.Bytes}) {
			t.Errorf("%s: %+v", claims, st)
		}
		v.now = func() time.Time { return time.Unix(1700009001, 0) }
		if got, err := v.Verify(t.Context(), token); (err == nil) != (want != "JWT expired") || err == nil && got.Role != "editor" {
			t.Errorf("%s, later: %+v, %v", claims, got, err)
		}
	}
}

func TestKeysWorkForTenYears(t *testing.T) {
	t.Parallel()
	anon, service, err := Keys([]byte(secret), clock)
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(t, Config{Secret: secret})
	v.now = func() time.Time { return clock.AddDate(10, 0, 0) }
	got, err := v.Verify(t.Context(), anon)
	wantCaller(t, got, err, "anon", `{"iss":"fluxbase","role":"anon","iat":1700000000,"exp":2015619200}`)
	got, err = v.Verify(t.Context(), service)
	wantCaller(t, got, err, "service_role", `{"iss":"fluxbase","role":"service_role","iat":1700000000,"exp":2015619200}`)

	v.now = func() time.Time { return clock.AddDate(10, 0, 1) }
	got, err = v.Verify(t.Context(), anon)
	wantError(t, got, err, "PGRST303", "JWT expired", "")

	if _, _, err := Keys([]byte("short"), clock); err == nil || !strings.Contains(err.Error(), "at least 32") {
		t.Errorf("got %v for a short secret, want what to give instead", err)
	}
	if _, err := SignHS256([]byte(secret), func() {}); err == nil {
		t.Error("claims that are no JSON were signed")
	}
}

func BenchmarkVerifyHit(b *testing.B) {
	v := newVerifier(b, Config{Secret: secret})
	v.now = time.Now
	token := good(`{"role":"authenticated","sub":"` + strings.Repeat("5", 36) + `","email":"ada@example.com","session_id":"` + strings.Repeat("7", 36) + `","aal":"aal1"}`)
	if _, err := v.Verify(b.Context(), token); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if c, err := v.Verify(b.Context(), token); err != nil || c == (pg.Caller{}) {
				b.Error(c, err)
			}
		}
	})
}

func BenchmarkVerifyMiss(b *testing.B) {
	k := testKeys()
	for _, bb := range []struct {
		name, secret string
		alg          jose.SignatureAlgorithm
		key          any
	}{
		{"HS256", secret, jose.HS256, []byte(secret)},
		{"ES256", jwk(b, public(k.ec), "", ""), jose.ES256, k.ec},
		{"RS256", jwk(b, public(k.rsa), "", ""), jose.RS256, k.rsa},
	} {
		b.Run(bb.name, func(b *testing.B) {
			v := newVerifier(b, Config{Secret: bb.secret})
			token := signWith(b, bb.alg, bb.key, nil, `{"role":"authenticated","exp":1700003600,"email":"ada@example.com"}`)
			b.ReportAllocs()
			for b.Loop() {
				v.cache = newCache(1, maxCacheBytes)
				if _, err := v.Verify(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
