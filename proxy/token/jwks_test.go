package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// issuer publishes keys over TLS.
type issuer struct {
	*httptest.Server
	answer  atomic.Pointer[http.HandlerFunc]
	fetches atomic.Int64
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := new(issuer)
	i.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.fetches.Add(1)
		(*i.answer.Load())(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) says(answer http.HandlerFunc) { i.answer.Store(&answer) }

// publish answers with keys, which have the same ETag as long as they are the same.
func (i *issuer) publish(keys ...string) {
	set := jwks(keys...)
	i.says(func(w http.ResponseWriter, r *http.Request) {
		tag := fmt.Sprintf(`"%x"`, len(set)*31+len(keys))
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(set))
	})
}

func (i *issuer) down() {
	i.says(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
}

// verifier trusts the issuer, and asks it as often as it likes.
func (i *issuer) verifier(t *testing.T, c Config) *Verifier {
	t.Helper()
	c.JWKSURL = i.URL
	v := newVerifier(t, c)
	v.remote.client.Transport = i.Client().Transport
	v.remote.distance = time.Millisecond
	return v
}

// signer is a key pair of an issuer.
type signer struct {
	t    *testing.T
	kid  string
	pair *ecdsa.PrivateKey
}

func newSigner(t *testing.T, kid string) signer {
	t.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{t, kid, pair}
}

func (s signer) jwk() string { return jwk(s.t, &s.pair.PublicKey, s.kid, "ES256") }

func (s signer) token(role string) string {
	opts := new(jose.SignerOptions)
	if s.kid != "" {
		opts.WithHeader("kid", s.kid)
	}
	return signWith(s.t, jose.ES256, s.pair, opts, `{"role":"`+role+`"}`)
}

func wantRole(t *testing.T, v *Verifier, token, role string) {
	t.Helper()
	got, err := v.Verify(t.Context(), token)
	if err != nil || got.Role != role {
		t.Errorf("got %q %v, want %q", got.Role, err, role)
	}
}

func wantCode(t *testing.T, v *Verifier, token, code string) {
	t.Helper()
	got, err := v.Verify(t.Context(), token)
	if e := asError(t, got, err); e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestPublishedKeysRotateWithoutARefusedToken(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	old, next, unnamed := newSigner(t, "old"), newSigner(t, "next"), newSigner(t, "")
	i.publish(old.jwk())
	v := i.verifier(t, Config{Secret: secret})
	wantRole(t, v, old.token("ada"), "ada")
	wantRole(t, v, good(`{"role":"bob"}`), "bob")
	first := i.fetches.Load()

	i.publish(old.jwk(), next.jwk())
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			wantRole(t, v, next.token(fmt.Sprint("carol", n)), fmt.Sprint("carol", n))
			wantRole(t, v, old.token(fmt.Sprint("dan", n)), fmt.Sprint("dan", n))
		})
	}
	wg.Wait()
	remembered := old.token("ada")
	wantRole(t, v, remembered, "ada")

	i.publish(next.jwk(), unnamed.jwk())
	wantRole(t, v, unnamed.token("erin"), "erin") // of no known key, and so the set is asked for
	wantCode(t, v, remembered, "PGRST301")        // a key that is gone vouches for nobody, whom it vouched for before
	wantRole(t, v, good(`{"role":"bob"}`), "bob")
	if n := i.fetches.Load() - first; n > 25 {
		t.Errorf("%d fetches", n)
	}
}

func TestUnknownKeysDoNotHammerTheIssuer(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	known, other := newSigner(t, "known"), newSigner(t, "other")
	i.publish(known.jwk())
	v := i.verifier(t, Config{})
	v.remote.distance = 300 * time.Millisecond
	wantRole(t, v, known.token("ada"), "ada")
	began := time.Now()
	var wg sync.WaitGroup
	var away atomic.Int64
	for n := range 2 * maxWaiting {
		wg.Go(func() {
			got, err := v.Verify(t.Context(), signer{t, fmt.Sprint("no", n), other.pair}.token("eve"))
			switch e := asError(t, got, err); e.Code {
			case "PGRST301":
			case "keys_unavailable": // too many wait
				away.Add(1)
			default:
				t.Errorf("got %v", e)
			}
		})
	}
	wg.Wait()
	if most := int64(time.Since(began)/v.remote.distance) + 3; i.fetches.Load() > most {
		t.Errorf("%d fetches, want at most %d", i.fetches.Load(), most)
	}
	// A known name with a wrong signature, and a symmetric algorithm, ask nobody.
	asked := i.fetches.Load()
	wantCode(t, v, signer{t, "known", other.pair}.token("eve"), "PGRST301")
	der, err := x509.MarshalPKIXPublicKey(&known.pair.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	wantCode(t, v, sign(string(public), `{"alg":"HS256","kid":"known"}`, `{"role":"eve"}`), "PGRST301")
	wantCode(t, v, sign("", `{"alg":"none","kid":"known"}`, `{"role":"eve"}`), "PGRST301")
	if i.fetches.Load() != asked {
		t.Error("the issuer was asked")
	}
}

func TestKnownKeysHoldWhileTheIssuerIsAway(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	known, next := newSigner(t, "known"), newSigner(t, "next")
	i.down()
	v := i.verifier(t, Config{})
	wantCode(t, v, known.token("ada"), "keys_unavailable")
	i.publish(known.jwk())
	wantRole(t, v, known.token("ada"), "ada")
	i.down()
	wantRole(t, v, known.token("bob"), "bob")
	wantCode(t, v, next.token("bob"), "keys_unavailable")
	v.remote.renewed.Store(time.Now().Add(-maxStale - time.Minute).Unix())
	wantCode(t, v, known.token("carol"), "keys_unavailable")
	i.publish(known.jwk())
	wantRole(t, v, known.token("carol"), "carol")
}

func TestKeysAreFollowed(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	known := newSigner(t, "known")
	var tags atomic.Int64
	i.says(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			tags.Add(1)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(jwks(known.jwk())))
	})
	v := i.verifier(t, Config{})
	done := make(chan struct{})
	go func() { defer close(done); v.Follow(t.Context(), slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() { <-done })
	for deadline := time.Now().Add(10 * time.Second); len(v.remote.current()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the keys were not fetched at the start")
		}
	}
	before := v.remote.keys.Load()
	if err := v.remote.refresh(); err != nil || tags.Load() == 0 || v.remote.keys.Load() != before {
		t.Errorf("%v; %d answers of 304", err, tags.Load())
	}
}

// What is no set of public keys is not taken, and what was known stays.
func TestSetsThatAreRefused(t *testing.T) {
	t.Parallel()
	i, elsewhere := newIssuer(t), newIssuer(t)
	known := newSigner(t, "known")
	elsewhere.publish(known.jwk())
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
	}
	for name, answer := range map[string]http.HandlerFunc{
		"no JSON":         text("<html>"),
		"no set":          text(known.jwk()),
		"no key":          text(`{"keys":[]}`),
		"unknown kinds":   text(`{"keys":[{"kty":"AKP","alg":"ML-DSA-44"}]}`),
		"a private key":   text(jwks(known.jwk(), jwk(t, known.pair, "known", "ES256"))),
		"a symmetric key": text(jwks(known.jwk(), jwk(t, []byte(secret), "s", "HS256"))),
		"too many":        text(jwks(strings.Split(strings.Repeat(known.jwk()+"\n", maxKeys+1), "\n")[:maxKeys+1]...)),
		"too long":        text(jwks(known.jwk()) + strings.Repeat(" ", maxKeySet)),
		"an error":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"304 to no tag":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"to another host": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"round and round": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) },
		"to plain http":   func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://"+r.Host, http.StatusFound) },
		"half of the body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			_, _ = w.Write([]byte(`{"keys":[`))
		},
	} {
		i.says(answer)
		v := i.verifier(t, Config{})
		if err := v.remote.refresh(); err == nil || len(v.remote.current()) > 0 {
			t.Errorf("%s: taken (%v)", name, err)
		}
	}
	if elsewhere.fetches.Load() > 0 {
		t.Error("a redirect led to another host")
	}
	i.publish(known.jwk())
	v := i.verifier(t, Config{})
	wantRole(t, v, known.token("ada"), "ada")
	i.says(text(jwks(known.jwk(), jwk(t, []byte(secret), "s", "HS256"))))
	if v.remote.refresh() == nil {
		t.Error("a set with a secret was taken")
	}
	wantRole(t, v, known.token("bob"), "bob")
	// Of a good set, keys of no use are left out.
	i.says(text(jwks(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`, `{"kty":"AKP"}`, known.jwk())))
	if err := v.remote.refresh(); err != nil || len(v.remote.current()) != 1 {
		t.Errorf("%v, %d keys", err, len(v.remote.current()))
	}
	// A key serves its own algorithm alone.
	i.publish(jwk(t, public(crypto.Signer(testKeys().rsa)), "rsa", "RS256"))
	wantCode(t, v, signWith(t, jose.PS256, testKeys().rsa, new(jose.SignerOptions).WithHeader("kid", "rsa"), `{"role":"eve"}`), "PGRST301")
}

func TestWhereKeysMayComeFrom(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"https://example.com/jwks.json": true, "http://127.0.0.1:9/jwks": true, "http://localhost/x": true, "http://[::1]:9/": true,
		"http://example.com/jwks.json": false, "http://127.0.0.1.example.com/": false, "http://localhost.example.com/": false,
		"ftp://example.com/": false, "https://": false, "https://user:pass@example.com/": false, "example.com/jwks": false, "file:///etc/passwd": false,
	} {
		c := Config{JWKSURL: address}
		if err := c.Check(); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	for header, want := range map[string]time.Duration{
		"": defaultKeep, "public, max-age=1800": 30 * time.Minute, "max-age=0": minKeep, "Max-Age=999999": maxKeep, "max-age=x": defaultKeep,
	} {
		if got := keepFor(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}
