package token

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
)

const (
	ourIssuer = "https://example.com/auth/v1"
	sessionID = "00000000-0000-4000-8000-0000000005e5"
	ourClaims = `{"role":"authenticated","sub":"ada","aud":"authenticated","session_id":"` + sessionID + `","exp":1700003600}`
)

func sealKeys(t testing.TB) *seal.Keys {
	t.Helper()
	k, err := seal.New(seal.Config{EncryptionKey: base64.StdEncoding.EncodeToString(make([]byte, 32))})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newKey(t testing.TB, alg string) *SigningKey {
	t.Helper()
	k, err := NewSigningKey(alg, sealKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signerOf signs with a key as auth.read_signing_key tells it.
func signerOf(t testing.TB, k *SigningKey, algorithm string) *Signer {
	t.Helper()
	s, err := NewSigner(nil, sealKeys(t), ourIssuer, Config{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	s.Use(func(context.Context) (string, error) {
		text, err := json.Marshal(map[string]any{"kid": k.KID, "alg": k.Alg, "private_sealed": k.Sealed, "algorithm": algorithm})
		return string(text), err
	})
	return s
}

func signed(t testing.TB, s *Signer, claims string) string {
	t.Helper()
	token, err := s.Sign(t.Context(), []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func ringOf(t testing.TB, list ...*SigningKey) *Ring {
	t.Helper()
	var public []string
	for _, k := range list {
		public = append(public, string(k.Public))
	}
	r, err := parseRing([]byte(jwks(public...)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// following is what follows a stream that is current, and knows these keys.
func following(t testing.TB, list ...*SigningKey) *Issued {
	t.Helper()
	i := NewIssued(nil)
	i.Follow(nil, func() bool { return true })
	i.SetRing(ringOf(t, list...))
	i.loaded.Store(true)
	return i
}

func withIssued(t testing.TB, i *Issued, c Config) *Verifier {
	t.Helper()
	v := newVerifier(t, c)
	v.UseIssued(i, ourIssuer)
	return v
}

// ends is what the stream tells of a session that ends.
func ends(t testing.TB, i *Issued, op changes.Op, session, forget string) {
	t.Helper()
	var row []byte
	for _, text := range []string{session, forget} {
		row = append(append(append(row, 't', 0, 0, 0, byte(len(text))), text...), []byte(nil)...)
	}
	tuple, _, err := changes.ParseTuple(append([]byte{0, 2}, row...))
	if err != nil {
		t.Fatal(err)
	}
	e := &changes.Event{Op: op, New: tuple, Old: tuple, Relation: &changes.Relation{
		Table: EndedSessions, Columns: []changes.Column{{Name: "session_id"}, {Name: "forget_at"}},
	}}
	if err := i.SessionChanged(e); err != nil {
		t.Fatal(err)
	}
}

func TestTokenThatIsSignedHereIsVerified(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
		k := newKey(t, alg)
		token := signed(t, signerOf(t, k, ""), ourClaims)
		v := withIssued(t, following(t, newKey(t, "ES256"), k), Config{})
		for range 2 {
			got, err := v.Verify(t.Context(), token)
			if err != nil || got.Subject != "ada" || got.Signer != k.KID || got.Session.String() != sessionID || !strings.HasPrefix(got.Claims, `{"iss":"`+ourIssuer+`","role"`) {
				t.Errorf("%s: got %+v, %v", alg, got, err)
			}
		}
		header, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
		if want := `{"alg":"` + alg + `","kid":"` + k.KID + `","typ":"JWT"}`; string(header) != want {
			t.Errorf("the header is %s, want %s", header, want)
		}
	}
	// Old clients' algorithm, by the setting, while keys are there or not.
	for _, k := range []*SigningKey{newKey(t, "ES256"), {}} {
		token := signed(t, signerOf(t, k, "HS256"), ourClaims)
		got, err := withIssued(t, following(t), Config{Secret: secret}).Verify(t.Context(), token)
		if err != nil || got.Signer != "" || got.Subject != "ada" || !strings.HasPrefix(token, b64(`{"alg":"HS256","typ":"JWT"}`)) {
			t.Errorf("HS256: got %+v, %v", got, err)
		}
	}
}

func TestTokenOfARevokedKeyIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	old, next := newKey(t, "ES256"), newKey(t, "ES256")
	i := following(t, old, next)
	v := withIssued(t, i, Config{})
	token := signed(t, signerOf(t, old, ""), ourClaims)
	caller, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	// The database is asked once more, as a key may be so new that it is not known yet.
	i.db = func(context.Context) (*pg.DB, error) { return nil, nil }
	i.SetRing(ringOf(t, next))
	got, err := v.Verify(t.Context(), token)
	wantError(t, got, err, "PGRST301", msgNoKey, "The key that signed the JWT was revoked")
	if err := v.Ended(&caller); !errors.Is(err, errSignerRevoked) {
		t.Errorf("who is still there: %v", err)
	}
	if _, err := v.Verify(t.Context(), signed(t, signerOf(t, next, ""), ourClaims)); err != nil {
		t.Errorf("one of the next key: %v", err)
	}
	if err := v.Ended(&pg.Caller{Signer: "so new that the stream has not brought it"}); err != nil {
		t.Errorf("who is there by a newer key: %v", err)
	}
	i.SetRing(ringOf(t, next, old))
	if err := v.Ended(&caller); err != nil {
		t.Errorf("after a key came back with a backup: %v", err)
	}
}

func TestTokenOfAnEndedSessionIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	k := newKey(t, "EdDSA")
	i := following(t, k)
	var told []string
	i.Watch(func(id pg.SessionID) { told = append(told, id.String()) }, func() {})
	v := withIssued(t, i, Config{Secret: secret})
	other := `{"role":"authenticated","session_id":"00000000-0000-4000-8000-000000000002"}`
	tokens := []string{signed(t, signerOf(t, k, ""), ourClaims), good(ourClaims)}
	var who pg.Caller
	for _, token := range tokens {
		var err error
		if who, err = v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	ends(t, i, changes.Insert, sessionID, "2026-11-22 15:23:27.5+00")
	for _, token := range append(tokens, signed(t, signerOf(t, k, ""), ourClaims)) {
		got, err := v.Verify(t.Context(), token)
		wantError(t, got, err, "PGRST303", "JWT session has ended", "")
	}
	if err := v.Ended(&who); !errors.Is(err, ErrSessionEnded) {
		t.Errorf("who is still there: %v", err)
	}
	for _, token := range []string{good(other), good(`{"role":"anon","session_id":"mine"}`), good(`{"role":"anon","session_id":7}`)} {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("another session: %v", err)
		}
	}
	ends(t, i, changes.Update, sessionID, "2026-11-22 16:23:27+05:30")
	if len(told) != 1 || told[0] != sessionID {
		t.Errorf("told of %v", told)
	}
	if at := i.ended.shards[0].forget[who.Session]; at != time.Date(2026, 11, 22, 10, 53, 28, 0, time.UTC).Unix() {
		t.Errorf("it is forgotten at %d", at)
	}
	if left := i.ended.sweep(time.Date(2026, 11, 22, 10, 53, 0, 0, time.UTC)); left != 1 {
		t.Errorf("%d are left before their time", left)
	}
	if left := i.ended.sweep(time.Date(2026, 11, 22, 10, 54, 0, 0, time.UTC)); left != 0 {
		t.Errorf("%d are left after their time", left)
	}
	ends(t, i, changes.Insert, sessionID, "infinity")
	ends(t, i, changes.Delete, sessionID, "")
	if i.ended.has(who.Session) {
		t.Error("a row that went is remembered")
	}
}

// Without a stream, or while it is not current, the database is asked; one that can't be
// asked lets nobody in.
func TestWhileNothingCanBeAskedNobodyGetsIn(t *testing.T) {
	t.Parallel()
	k := newKey(t, "ES256")
	i := following(t, k)
	v := withIssued(t, i, Config{Secret: secret})
	token := signed(t, signerOf(t, k, ""), ourClaims)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	trusted := false
	i.trusted = func() bool { return trusted }
	i.db = func(context.Context) (*pg.DB, error) { return nil, errors.New("away") }
	got, err := v.Verify(t.Context(), token)
	if e := asError(t, got, err); e.Code != "token_check_unavailable" || e.Header.Get("Retry-After") == "" {
		t.Errorf("got %+v", e)
	}
	for range 2 {
		got, err = v.Verify(t.Context(), signed(t, signerOf(t, newKey(t, "ES256"), ""), ourClaims))
		if e := asError(t, got, err); e.Code != "token_check_unavailable" {
			t.Errorf("a token of a key that may be new: got %+v", e)
		}
	}
	if _, err := v.Verify(t.Context(), good(`{"role":"authenticated"}`)); err != nil {
		t.Errorf("a token without a session: %v", err)
	}
	trusted = true
	i.loaded.Store(false)
	if got, err := v.Verify(t.Context(), token); err == nil {
		t.Errorf("before the sessions are read: %+v", got)
	}
}

func TestOurTokensAreOfOurIssuer(t *testing.T) {
	t.Parallel()
	k := newKey(t, "ES256")
	for claims, want := range map[string]string{
		`{"role":"anon"}`: ourIssuer,
		`{ "iss" : "https://evil.example" , "role":"anon"}`: ourIssuer,
		`{}`:        ourIssuer,
		` {"a":1} `: ourIssuer,
	} {
		payload, err := withIssuer([]byte(claims), ourIssuer)
		var got struct{ Iss string }
		if err := errors.Join(err, json.Unmarshal(payload, &got)); err != nil || got.Iss != want {
			t.Errorf("%s becomes %s (%v)", claims, payload, err)
		}
	}
	if got, err := signerOf(t, k, "").Sign(t.Context(), []byte(`[]`)); err == nil {
		t.Errorf("claims that are none are signed: %s", got)
	}
	foreign := signerOf(t, k, "")
	foreign.issuer = "https://staging.example.com/auth/v1"
	token := signed(t, foreign, ourClaims)
	v := withIssued(t, following(t, k), Config{})
	got, err := v.Verify(t.Context(), token)
	wantError(t, got, err, "PGRST303", "JWT of another issuer", "")
	v.issuer = "" // not known
	if _, err := newAgain(v).Verify(t.Context(), token); err != nil {
		t.Errorf("an issuer that nobody knows: %v", err)
	}
}

// newAgain is a Verifier that remembers nothing.
func newAgain(v *Verifier) *Verifier {
	again := *v
	again.cache = newCache(10, maxCacheBytes)
	return &again
}

// Whoever has the published keys has nothing to sign with.
func TestForgedTokensOfOurKeysAreRefused(t *testing.T) {
	t.Parallel()
	es, rs, ed := newKey(t, "ES256"), newKey(t, "RS256"), newKey(t, "EdDSA")
	k := testKeys()
	i := following(t, es, rs, ed)
	i.db = func(context.Context) (*pg.DB, error) { return nil, nil }
	v := withIssued(t, i, Config{Secret: jwks(jwk(t, []byte(secret), "", ""), jwk(t, public(k.ed), es.KID, ""))})
	with := func(kid string) *jose.SignerOptions { return new(jose.SignerOptions).WithHeader("kid", kid) }
	for name, token := range map[string]string{
		"HMAC with the public JWK":              sign(string(es.Public), `{"alg":"HS256","kid":"`+es.KID+`"}`, ourClaims),
		"HMAC with the key set":                 sign(string(i.ring.Load().set), `{"alg":"HS256","kid":"`+rs.KID+`"}`, ourClaims),
		"none":                                  b64(`{"alg":"none","kid":"`+es.KID+`"}`) + "." + b64(ourClaims) + ".",
		"another key of the kind":               signWith(t, jose.ES256, k.ec, with(es.KID), ourClaims),
		"another kind of key":                   signWith(t, jose.RS256, k.rsa, with(es.KID), ourClaims),
		"another algorithm of the key":          signWith(t, jose.PS256, k.rsa, with(rs.KID), ourClaims),
		"a key of its own":                      signWith(t, jose.ES256, k.ec, &jose.SignerOptions{EmbedJWK: true, ExtraHeaders: map[jose.HeaderKey]any{"kid": es.KID}}, ourClaims),
		"the key of another issuer of that kid": signWith(t, jose.EdDSA, k.ed, with(ed.KID), ourClaims),
		"no key named":                          signWith(t, jose.ES256, k.ec, nil, ourClaims),
		"a key that is not there":               signWith(t, jose.ES256, k.ec, with("../../dev/null"), ourClaims),
	} {
		got, err := v.Verify(t.Context(), token)
		if e := asError(t, got, err); e.Code != "PGRST301" {
			t.Errorf("%s: got %s %q", name, e.Code, e.Message)
		}
	}
	// A key of somebody else's may have any kid, and is not ours for it.
	got, err := v.Verify(t.Context(), signWith(t, jose.EdDSA, k.ed, with(es.KID), ourClaims))
	if err != nil || got.Signer != "" {
		t.Errorf("got %+v, %v", got, err)
	}
	// Ours must name their key.
	text := strings.Split(signed(t, signerOf(t, es, ""), ourClaims), ".")
	text[0] = b64(`{"alg":"ES256"}`)
	if got, err := v.Verify(t.Context(), strings.Join(text, ".")); err == nil {
		t.Errorf("without a kid: %+v", got)
	}
}

func TestKeysThatCanNotBeAreRefused(t *testing.T) {
	t.Parallel()
	k := newKey(t, "ES256")
	for name, doc := range map[string]string{
		"no set":        `{}`,
		"no JSON":       `{"keys":[`,
		"a secret":      jwks(`{"kty":"oct","kid":"a","alg":"HS256","k":"` + b64(secret) + `"}`),
		"no kid":        jwks(jwk(t, public(testKeys().ec), "", "ES256")),
		"no alg":        jwks(jwk(t, public(testKeys().rsa), "a", "")),
		"a wrong alg":   jwks(jwk(t, public(testKeys().ec), "a", "RS256")),
		"for enciphers": jwks(`{"kty":"oct","use":"enc","k":"` + b64(secret) + `"}`),
	} {
		if got, err := parseRing([]byte(doc)); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, err := NewSigningKey("HS256", sealKeys(t)); err == nil || !strings.Contains(err.Error(), "give ES256, EdDSA or RS256") {
		t.Errorf("a secret as signing key: %v", err)
	}
	for range 500 { // of which eight would, by chance
		if k := newKey(t, "EdDSA"); k.KID[0] == '-' {
			t.Fatalf("%s looks like an option", k.KID)
		}
	}
	if bytes.Contains(k.Public, []byte(`"d"`)) || !seal.Sealed(k.Sealed) {
		t.Errorf("the private half is in the open: %s %s", k.Public, k.Sealed)
	}
	other := newKey(t, "ES256")
	for name, wrong := range map[string]*SigningKey{
		"the private half of another":    {KID: k.KID, Alg: k.Alg, Sealed: other.Sealed},
		"another algorithm":              {KID: k.KID, Alg: "RS256", Sealed: k.Sealed},
		"not sealed":                     {KID: k.KID, Alg: k.Alg, Sealed: string(k.Public)},
		"the public half, sealed":        {KID: k.KID, Alg: k.Alg, Sealed: sealKeys(t).Seal(k.Public, placeOf(k.KID))},
		"sealed with a key that is gone": {KID: k.KID, Alg: k.Alg, Sealed: strings.Replace(k.Sealed, "."+sealKeys(t).ID()+".", ".other.", 1)},
	} {
		if got, err := signerOf(t, wrong, "").Sign(t.Context(), []byte(ourClaims)); err == nil || strings.Contains(err.Error(), wrong.Sealed) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	s, err := NewSigner(nil, sealKeys(t), ourIssuer, Config{})
	if err != nil {
		t.Fatal(err)
	}
	s.Use(func(context.Context) (string, error) { return `{"algorithm":"HS256"}`, nil })
	if got, err := s.Sign(t.Context(), []byte(ourClaims)); err == nil || !strings.Contains(err.Error(), "FLUXBASE_JWT_SECRET") {
		t.Errorf("HS256 without a secret: %q, %v", got, err)
	}
}

func TestSessionsAreUUIDs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		sessionID:                                true,
		"00000000-0000-4000-8000-0000000005E5":   true,
		"00000000-0000-0000-0000-000000000000":   true,
		"":                                       false,
		"{" + sessionID + "}":                    false,
		strings.ReplaceAll(sessionID, "-", ""):   false,
		"00000000-0000-4000-8000-0000000005eg":   false,
		"00000000-0000-4000-8000_0000000005e5":   false,
		"0000000-00000-4000-8000-0000000005e5":   false,
		"00000000-0000-4000-8000-0000000005e5\n": false,
	} {
		id, ok := parseSession(text)
		if ok != want || ok && id.String() != strings.ToLower(text) || !ok && id != (pg.SessionID{}) {
			t.Errorf("%q: %v, %t", text, id, ok)
		}
	}
}

func FuzzParseEnded(f *testing.F) {
	f.Add(sessionID + " 1700000000\n")
	f.Add(sessionID)
	f.Fuzz(func(t *testing.T, line string) {
		id, at, ok := parseEnded(line)
		if ok && !strings.EqualFold(strings.TrimSuffix(line, "\n")[:37], fmt.Sprintf("%s ", id)) {
			t.Errorf("%q is %s at %d", line, id, at)
		}
	})
}

func FuzzParseRing(f *testing.F) {
	f.Add(string(newKey(f, "ES256").Public), "x")
	f.Add(`{"kty":"oct","kid":"a","alg":"HS256","k":"`+b64(secret)+`"}`, "a")
	f.Fuzz(func(t *testing.T, one, kid string) {
		r, err := parseRing([]byte(jwks(one)))
		if err != nil {
			return
		}
		for id, k := range r.keys {
			if _, secret := k.key.([]byte); secret || id == "" || len(k.algs) != 1 {
				t.Errorf("%s gives %v", one, k)
			}
		}
		if k, ok := r.find(header{alg: jose.HS256, kid: &kid}); ok {
			t.Errorf("%s verifies by a secret: %v", one, k)
		}
	})
}

// What every request of a user pays: the token is known, and 100,000 sessions have ended.
func BenchmarkVerifyHitOfASession(b *testing.B) {
	k := newKey(b, "ES256")
	i := following(b, k)
	for n := range 100_000 {
		var id pg.SessionID
		copy(id[:], fmt.Sprintf("%016d", n*7919))
		i.ended.add(id, 1<<40)
	}
	v := withIssued(b, i, Config{})
	v.now = func() time.Time { return clock }
	token := signed(b, signerOf(b, k, ""), ourClaims)
	if _, err := v.Verify(b.Context(), token); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if c, err := v.Verify(b.Context(), token); err != nil || c.Subject != "ada" {
				b.Error(c, err)
			}
		}
	})
}

func BenchmarkSign(b *testing.B) {
	for _, alg := range []string{"ES256", "EdDSA", "RS256", "HS256"} {
		b.Run(alg, func(b *testing.B) {
			made := alg
			if alg == "HS256" {
				made = "ES256"
			}
			s := signerOf(b, newKey(b, made), alg)
			for b.Loop() {
				signed(b, s, ourClaims)
			}
		})
	}
}
