package token

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

const (
	secret   = "a secret of more than thirty-two bytes"
	hsHeader = `{"alg":"HS256","typ":"JWT"}`
)

// clock is the time of all tests that do not set their own.
var clock = time.Unix(1_700_000_000, 0)

// Making keys is slow, so they are made once; nothing changes them.
var testKeys = sync.OnceValue(func() (k struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
},
) {
	var err1, err2, err3 error
	k.rsa, err1 = rsa.GenerateKey(rand.Reader, 2048)
	k.ec, err2 = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, k.ed, err3 = ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		panic(err)
	}
	return k
})

// newVerifier builds a Verifier that lives at clock. It has a cache, as the
// product has by default.
func newVerifier(t testing.TB, c Config) *Verifier {
	t.Helper()
	c.CacheSize = cmp.Or(c.CacheSize, 1000)
	v, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	v.now = func() time.Time { return clock }
	return v
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// sign makes an HS256 token of any header and payload, however wrong.
func sign(key, header, payload string) string {
	input := b64(header) + "." + b64(payload)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(input))
	return input + "." + b64(string(mac.Sum(nil)))
}

// good signs payload with the usual secret.
func good(payload string) string { return sign(secret, hsHeader, payload) }

// signWith makes a token with go-jose, so that each algorithm is somebody else's.
func signWith(t testing.TB, alg jose.SignatureAlgorithm, key any, opts *jose.SignerOptions, payload string) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// jwk is a key as its owner would publish it.
func jwk(t testing.TB, key any, kid, alg string) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: alg})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func jwks(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

func public(s crypto.Signer) any { return s.Public() }

// wantCaller fails unless err is nil and the caller is just this one.
func wantCaller(t *testing.T, got pg.Caller, err error, role, claims string) {
	t.Helper()
	if err != nil {
		t.Fatalf("got error %v, want role %s", err, role)
	}
	var who struct{ Sub any }
	if err := json.Unmarshal([]byte(claims), &who); err != nil {
		t.Fatal(err)
	}
	subject, _ := who.Sub.(string)
	if want := (pg.Caller{Role: role, Claims: claims, Subject: subject}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// wantError fails unless err is a *web.Error with this code, message and details,
// with the status and challenge that the code stands for, and no caller came.
func wantError(t *testing.T, got pg.Caller, err error, code, message, details string) {
	t.Helper()
	e := asError(t, got, err)
	gotDetails, _ := e.Details.(string)
	if e.Code != code || e.Message != message || gotDetails != details {
		t.Errorf("got %s %q %v, want %s %q %q", e.Code, e.Message, e.Details, code, message, details)
	}
	status, challenge := http.StatusUnauthorized, `Bearer error="invalid_token", error_description="`+message+`"`
	switch code {
	case "PGRST300":
		status, challenge = http.StatusInternalServerError, ""
	case "PGRST302", "22023":
		challenge = "Bearer"
	}
	if e.Status != status || e.Header.Get("WWW-Authenticate") != challenge {
		t.Errorf("got status %d, challenge %q; want %d, %q", e.Status, e.Header.Get("WWW-Authenticate"), status, challenge)
	}
}

// asError fails unless err is a *web.Error and no caller came with it.
func asError(t *testing.T, got pg.Caller, err error) *web.Error {
	t.Helper()
	var e *web.Error
	if !errors.As(err, &e) || got != (pg.Caller{}) {
		t.Fatalf("got caller %+v and error %v, want just an error", got, err)
	}
	return e
}
