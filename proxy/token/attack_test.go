package token

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Each of these was somebody's way in once.
func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	k := testKeys()
	const payload = `{"role":"service_role"}`
	rsaPublic := public(k.rsa).(*rsa.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(rsaPublic)
	if err != nil {
		t.Fatal(err)
	}
	pemText := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	rsaJWK := jwk(t, rsaPublic, "", "")
	mine := jwk(t, public(k.ec), "mine", "")
	parts := strings.Split(good(payload), ".")
	other := strings.Split(good(`{"role":"anon"}`), ".")

	for _, tt := range []struct{ name, secret, token, message string }{
		{"alg none, no signature", secret, b64(`{"alg":"none"}`) + "." + b64(payload) + ".", msgBadAlg},
		{"alg none, old signature", secret, b64(`{"alg":"none"}`) + "." + b64(payload) + "." + parts[2], msgBadAlg},
		{"alg nOnE", secret, b64(`{"alg":"nOnE"}`) + "." + b64(payload) + ".", msgBadCrypto},
		{"alg empty", secret, b64(`{"alg":""}`) + "." + b64(payload) + ".", msgBadCrypto},
		{"alg null", secret, b64(`{"alg":null}`) + "." + b64(payload) + ".", msgBadCrypto},
		{"alg twice", secret, sign(secret, `{"alg":"none","alg":"HS256"}`, payload), msgBadCrypto},
		{"HMAC with the public key's PEM", rsaJWK, sign(pemText, hsHeader, payload), msgNoKey},
		{"HMAC with the public key's DER", rsaJWK, sign(string(der), hsHeader, payload), msgNoKey},
		{"HMAC with the public JWK", rsaJWK, sign(rsaJWK, hsHeader, payload), msgNoKey},
		{"HMAC with the modulus", rsaJWK, sign(string(rsaPublic.N.Bytes()), hsHeader, payload), msgNoKey},
		{"HMAC with the public key in a set beside a secret", jwks(rsaJWK, jwk(t, []byte(secret), "", "")), sign(pemText, hsHeader, payload), msgNoKey},
		{"HS512 with an HS256 secret", secret, signWith(t, jose.HS512, []byte(secret+strings.Repeat("x", 32)), nil, payload), msgNoKey},
		{"HS384 with a JWK that does not say so", jwk(t, []byte(secret+strings.Repeat("x", 32)), "", ""), signWith(t, jose.HS384, []byte(secret+strings.Repeat("x", 32)), nil, payload), msgNoKey},
		{"PS256 with an RS256 key", jwk(t, rsaPublic, "", "RS256"), signWith(t, jose.PS256, k.rsa, nil, payload), msgNoKey},
		{"key in the header", secret, signWith(t, jose.ES256, k.ec, &jose.SignerOptions{EmbedJWK: true}, payload), msgNoKey},
		{"key in the header, same kind as ours", rsaJWK, signWith(t, jose.ES256, k.ec, &jose.SignerOptions{EmbedJWK: true}, payload), msgNoKey},
		{"HMAC key in the header", secret, sign("theirs", `{"alg":"HS256","jwk":{"kty":"oct","k":"`+b64("theirs")+`"}}`, payload), msgBadCrypto},
		{"address of a key set", secret, sign("theirs", `{"alg":"HS256","jku":"https://evil.example/keys"}`, payload), msgNoKey},
		{"certificate chain", secret, sign("theirs", `{"alg":"HS256","x5u":"https://evil.example/x5"}`, payload), msgNoKey},
		{"crit", secret, sign(secret, `{"alg":"HS256","crit":["exp"]}`, payload), msgBadType},
		{"crit, empty", secret, sign(secret, `{"alg":"HS256","crit":[]}`, payload), msgBadType},
		{"payload not encoded", secret, sign(secret, `{"alg":"HS256","b64":false}`, payload), msgBadType},
		{"kid of another key", jwks(mine, jwk(t, []byte(secret), "hmac", "")), sign(secret, `{"alg":"HS256","kid":"mine"}`, payload), msgNoKey},
		{"payload of one, signature of another", secret, parts[0] + "." + parts[1] + "." + other[2], msgNoKey},
		{"signature cut", secret, parts[0] + "." + parts[1] + "." + parts[2][:40], msgNoKey},
		{"signature repeated", secret, parts[0] + "." + parts[1] + "." + parts[2] + "AAAA", msgNoKey},
		{"line break in a part", secret, parts[0] + ".\n" + parts[1] + "." + parts[2], msgBadCrypto},
		{"space before", secret, " " + good(payload), msgBadCrypto},
		{"JSON serialization", secret, `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "Expected 3 parts in JWT; got 1"},
		{"signature of zeros", jwk(t, public(k.ec), "", ""), b64(`{"alg":"ES256"}`) + "." + b64(payload) + "." + b64(strings.Repeat("\x00", 64)), msgNoKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, Config{Secret: tt.secret})
			got, err := v.Verify(t.Context(), tt.token)
			e := asError(t, got, err)
			if e.Code != "PGRST301" || e.Message != tt.message {
				t.Errorf("got %s %q, want PGRST301 %q", e.Code, e.Message, tt.message)
			}
		})
	}
}

// Whatever one bit of a token is changed, nobody gets in: also not with the last
// bits of a part, which base64 leaves unused.
func TestEveryBitOfATokenCounts(t *testing.T) {
	t.Parallel()
	k := testKeys()
	const payload = `{"role":"editor"}`
	for name, v := range map[string]struct {
		verifier *Verifier
		token    string
	}{
		"HS256": {newVerifier(t, Config{Secret: secret}), good(payload)},
		"ES256": {newVerifier(t, Config{Secret: jwk(t, public(k.ec), "", "")}), signWith(t, jose.ES256, k.ec, nil, payload)},
		"EdDSA": {newVerifier(t, Config{Secret: jwk(t, public(k.ed), "", "")}), signWith(t, jose.EdDSA, k.ed, nil, payload)},
	} {
		if _, err := v.verifier.Verify(t.Context(), v.token); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range len(v.token) * 8 {
			flipped := []byte(v.token)
			flipped[i/8] ^= 1 << (i % 8)
			if got, err := v.verifier.Verify(t.Context(), string(flipped)); err == nil {
				t.Errorf("%s: bit %d flipped and still %+v", name, i, got)
			}
		}
		for i := range len(v.token) {
			if got, err := v.verifier.Verify(t.Context(), v.token[:i]); err == nil {
				t.Errorf("%s: cut to %d and still %+v", name, i, got)
			}
		}
	}
}

// The checks and Postgres must agree on every claim. With a name twice, json and
// jsonb and Go need not, so such claims are nobody's.
func TestClaimsThatCanBeReadTwoWaysAreRefused(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, Config{Secret: secret, AnonRole: "anon", RoleClaim: "$.app.role"})
	const (
		twice = "The claims set has a name twice in one object"
		nul   = `The claims set holds \u0000, which Postgres cannot store`
		half  = "The claims set holds half a surrogate pair, which is no character"
	)
	for _, tt := range []struct{ name, payload, details string }{
		{"role twice", `{"role":"anon","role":"service_role"}`, twice},
		{"role twice, once escaped", `{"role":"anon","\u0072ole":"service_role"}`, twice},
		{"role twice at the path", `{"app":{"role":"anon","role":"service_role"}}`, twice},
		{"object of the path twice", `{"app":{"role":"anon"},"app":{"role":"service_role"}}`, twice},
		{"exp twice", `{"exp":1,"role":"anon","exp":9999999999}`, twice},
		{"twice in an array", `{"a":[{"b":1,"b":1}]}`, twice},
		{"NUL in a value", `{"role":"anon\u0000"}`, nul},
		{"NUL in a name", `{"a\u0000":1}`, nul},
		{"first half of a pair", `{"a":"\ud83d"}`, half},
		{"first half, then an escape", `{"a":"\ud83d\n00000000"}`, half},
		{"first half, then text", `{"a":"\ud83dxxxxxx"}`, half},
		{"two first halves", `{"a":"\ud83d\ud83d"}`, half},
		{"second half", `{"a":"\ude00"}`, half},
		{"invalid UTF-8", "{\"role\":\"an\xffon\"}", "The claims set is not UTF-8"},
		{"overlong NUL", "{\"role\":\"an\xc0\x80on\"}", "The claims set is not UTF-8"},
		{"raw NUL", "{\"role\":\"an\x00on\"}", "The claims set is not JSON"},
		{"no-break space", "\u00a0{\"role\":\"anon\"}", "The claims set is not JSON"},
		{"two objects", `{"role":"anon"}{"role":"service_role"}`, "The claims set is not JSON"},
		{"array", `["role"]`, "The claims set is not a JSON object"},
		{"text", `"role"`, "The claims set is not a JSON object"},
		{"nothing", ``, "The claims set is not JSON"},
		{"too deep", `{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, "The claims set nests deeper than 32 levels"},
		{"far too deep", `{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, "The claims set nests deeper than 32 levels"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := v.Verify(t.Context(), good(tt.payload))
			wantError(t, got, err, "PGRST303", "Parsing claims failed", tt.details)
		})
	}
}

// What Postgres makes of the claims is what we made of them.
func TestRoleInTheClaimsIsTheRoleInUse(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, Config{Secret: secret, AnonRole: "anon", RoleClaim: "$.app.role"})
	for _, payload := range []string{
		`{}`, `{"role":"service_role"}`, `{"\u0072ole":"service_role"}`, `{"app":{"role":"editor"}}`,
		`{"app":{"role":"editor"},"role":"service_role"}`, `{"role":{"role":"x"},"app":{"role":"a\"},{\"b"}}`,
		`{"app":{"role":5}}`, `{"role":null}`, `{"a":"{\"role\":\"x\"}","app":{"role":["a"]}}`,
	} {
		got, err := v.Verify(t.Context(), good(payload))
		if err != nil {
			t.Errorf("%s: %v", payload, err)
			continue
		}
		var claims map[string]any
		if err := json.Unmarshal([]byte(got.Claims), &claims); err != nil || claims["role"] != got.Role || got.Role == "service_role" {
			t.Errorf("%s: role is %q, claims are %s (%v)", payload, got.Role, got.Claims, err)
		}
	}
}
