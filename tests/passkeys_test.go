package tests

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// relyingParty is that of authEnv's public URL.
var relyingParty = virtualwebauthn.RelyingParty{Name: "auth.test", ID: "auth.test", Origin: "http://auth.test"}

// device is an authenticator with one credential.
type device struct {
	virtualwebauthn.Authenticator
	virtualwebauthn.Credential
}

// newDevice makes one of a user.
func newDevice(user string) *device {
	d := &device{virtualwebauthn.NewAuthenticator(), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)}
	// The library writes a number that begins with a zero too short, which no device does.
	for full := 77; len(d.Key.AttestationData()) != full; {
		d.Credential = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	d.Options.UserHandle = []byte(user)
	return d
}

// creates answers options of a registration.
func (d *device) creates(t *testing.T, rp virtualwebauthn.RelyingParty, options json.RawMessage) string {
	t.Helper()
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatalf("%v: %s", err, options)
	}
	return virtualwebauthn.CreateAttestationResponse(rp, d.Authenticator, d.Credential, *parsed)
}

// signs answers options of a sign-in, with a counter that has grown.
func (d *device) signs(t *testing.T, rp virtualwebauthn.RelyingParty, options json.RawMessage) string {
	t.Helper()
	parsed, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatalf("%v: %s", err, options)
	}
	d.Credential.Counter++
	return virtualwebauthn.CreateAssertionResponse(rp, d.Authenticator, d.Credential, *parsed)
}

// question is what a device is asked.
type question struct {
	ID       string `json:"id"`
	Passkey  string `json:"challenge_id"`
	Options  json.RawMessage
	WebAuthn struct {
		Type    string
		Options struct {
			PublicKey json.RawMessage `json:"publicKey"`
		} `json:"credential_options"`
	}
}

// asks gets a question.
func (s *server) asks(t *testing.T, path string, header ...string) (q question) {
	t.Helper()
	a := s.code(t, "200", "POST", "/auth/v1"+path, `{}`, append(header, apiVersion)...)
	if err := json.Unmarshal([]byte(a.Body), &q); err != nil {
		t.Fatal(err)
	}
	return q
}

// shown is the body that answers a question of passkeys.
func (q question) shown(answer string) string {
	return `{"challenge_id":"` + q.Passkey + `","credential":` + answer + `,"friendly_name":"a device"}`
}

// given is the body that answers a question of second factors.
func (q question) given(answer string) string {
	return `{"challenge_id":"` + q.ID + `","webauthn":{"type":"` + q.WebAuthn.Type + `","rpId":"evil.test","rpOrigins":["http://evil.test"],"credential_response":` + answer + `}}`
}

func TestASecurityKeyIsASecondFactor(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	servers := []*server{startAuth(t, db), startAuth(t, db)}
	s := servers[0]
	who := s.signUp(t, "key@example.com")
	var factor struct{ ID string }
	a := s.code(t, "200", "POST", "/auth/v1/factors", `{"factor_type":"webauthn","friendly_name":"key"}`, apiVersion, who.bearer())
	if err := json.Unmarshal([]byte(a.Body), &factor); err != nil {
		t.Fatal(err)
	}
	path := "/factors/" + factor.ID
	d := newDevice(who.User.ID)
	refused := func(q question, answer string) {
		t.Helper()
		s.code(t, "422 mfa_verification_failed", "POST", "/auth/v1"+path+"/verify", q.given(answer), apiVersion, who.bearer())
	}

	q := s.asks(t, path+"/challenge", who.bearer())
	if q.WebAuthn.Type != "create" {
		t.Fatalf("got %+v, want to create a credential", q)
	}
	good := d.creates(t, relyingParty, q.WebAuthn.Options.PublicKey)
	evil := relyingParty
	evil.Origin, evil.ID = "http://evil.test", "evil.test"
	refused(q, d.creates(t, evil, q.WebAuthn.Options.PublicKey))
	// A challenge takes one answer.
	s.code(t, "422 mfa_challenge_expired", "POST", "/auth/v1"+path+"/verify", q.given(good), apiVersion, who.bearer())
	q = s.asks(t, path+"/challenge", who.bearer())
	raised := servers[1].enters(t, path+"/verify", q.given(d.creates(t, relyingParty, q.WebAuthn.Options.PublicKey)), who.bearer())
	if claims := claimsOf(t, raised.AccessToken); claims["aal"] != "aal2" || claims["amr"].([]any)[0].(map[string]any)["method"] != "mfa/webauthn" {
		t.Errorf("got %v", claims)
	}

	who = s.enters(t, "/token?grant_type=password", `{"email":"key@example.com","password":"the tests' password"}`)
	q = servers[1].asks(t, path+"/challenge", who.bearer())
	if q.WebAuthn.Type != "request" {
		t.Fatalf("got %+v, want a signature", q)
	}
	refused(q, newDevice(who.User.ID).signs(t, relyingParty, q.WebAuthn.Options.PublicKey))
	q = servers[1].asks(t, path+"/challenge", who.bearer())
	answer := d.signs(t, relyingParty, q.WebAuthn.Options.PublicKey)
	got := tries(t, servers, 20, path+"/verify", func(int) string { return q.given(answer) }, who.bearer())
	if want := map[string]int{"200": 1, "422 mfa_challenge_expired": 19}; !maps.Equal(got, want) {
		t.Errorf("one answer, 20 times at once: got %v, want %v", got, want)
	}

	// A copy of the device has a counter that lags behind.
	q = s.asks(t, path+"/challenge", who.bearer())
	d.Counter--
	refused(q, d.signs(t, relyingParty, q.WebAuthn.Options.PublicKey))
	if n := queryText(t, db, `select count(*)::text from audit.events where action = 'mfa_factor.cloned'`); n != "1" {
		t.Errorf("%s events tell of the copy, want 1", n)
	}
	// Who can't sign is not locked out by it, and does not lock out codes.
	for range 10 {
		q = s.asks(t, path+"/challenge", who.bearer())
		refused(q, `{}`)
	}
	q = s.asks(t, path+"/challenge", who.bearer())
	s.enters(t, path+"/verify", q.given(d.signs(t, relyingParty, q.WebAuthn.Options.PublicKey)), who.bearer())
}

// passkeyDB is a database in which passkeys are on.
func passkeyDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := authDB(t)
	set(t, db, "passkeys_enabled", "true")
	return db
}

// registers adds a passkey to a user.
func (s *server) registers(t *testing.T, who session) *device {
	t.Helper()
	d := newDevice(who.User.ID)
	q := s.asks(t, "/passkeys/registration/options", who.bearer())
	s.code(t, "200", "POST", "/auth/v1/passkeys/registration/verify", q.shown(d.creates(t, relyingParty, q.Options)), apiVersion, who.bearer())
	return d
}

func TestAPasskeySignsIn(t *testing.T) {
	t.Parallel()
	db := passkeyDB(t)
	servers := []*server{startAuth(t, db), startAuth(t, db)}
	s := servers[0]
	const verify = "/passkeys/authentication/verify"
	who := s.signUp(t, "passkey@example.com")
	d := s.registers(t, who)
	fails := func(want string, q question, answer string) {
		t.Helper()
		s.code(t, want, "POST", "/auth/v1"+verify, q.shown(answer), apiVersion)
	}
	asks := func() question { t.Helper(); return servers[1].asks(t, "/passkeys/authentication/options") }

	q := asks()
	in := s.enters(t, verify, q.shown(d.signs(t, relyingParty, q.Options)))
	claims := claimsOf(t, in.AccessToken)
	if in.User.ID != who.User.ID || claims["aal"] != "aal1" || claims["amr"].([]any)[0].(map[string]any)["method"] != "passkey" {
		t.Errorf("got %v", claims)
	}

	// One answer works once, whoever comes first.
	q = asks()
	answer := d.signs(t, relyingParty, q.Options)
	got := tries(t, servers, 20, verify, func(int) string { return q.shown(answer) }, "X-Tries: 20")
	if want := map[string]int{"200": 1, "400 webauthn_challenge_not_found": 19}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	evil := relyingParty
	evil.Origin = "http://evil.test"
	q = asks()
	fails("400 webauthn_verification_failed", q, d.signs(t, evil, q.Options))
	evil.Origin, evil.ID = relyingParty.Origin, "evil.test"
	q = asks()
	fails("400 webauthn_verification_failed", q, d.signs(t, evil, q.Options))
	fails("400 webauthn_verification_failed", q, `{}`)
	fails("400 webauthn_challenge_not_found", q, d.signs(t, relyingParty, q.Options))
	q = asks()
	fails("400 webauthn_credential_not_found", q, newDevice(who.User.ID).signs(t, relyingParty, q.Options))
	// The device has to check its user, who has to be the one that it says.
	d.Authenticator.Options.UserNotVerified = true
	q = asks()
	fails("400 webauthn_verification_failed", q, d.signs(t, relyingParty, q.Options))
	d.Authenticator.Options.UserNotVerified = false
	d.Authenticator.Options.UserHandle = []byte("00000000-0000-0000-0000-000000000000")
	q = asks()
	fails("400 webauthn_verification_failed", q, d.signs(t, relyingParty, q.Options))
	d.Authenticator.Options.UserHandle = []byte(who.User.ID)
	q = asks()
	exec(t, db, `update auth.webauthn_challenges set expires_at = now()`)
	fails("400 webauthn_challenge_expired", q, d.signs(t, relyingParty, q.Options))
	// A copy.
	q = asks()
	s.enters(t, verify, q.shown(d.signs(t, relyingParty, q.Options)))
	d.Counter--
	q = asks()
	fails("400 webauthn_verification_failed", q, d.signs(t, relyingParty, q.Options))
	if n := queryText(t, db, `select count(*)::text from audit.events where action = 'passkey.cloned'`); n != "1" {
		t.Errorf("%s events tell of the copy, want 1", n)
	}

	set(t, db, "passkeys_are_aal2", "true")
	d.Counter++
	q = asks()
	in = s.enters(t, verify, q.shown(d.signs(t, relyingParty, q.Options)))
	if claims := claimsOf(t, in.AccessToken); claims["aal"] != "aal2" {
		t.Errorf("got %v", claims)
	}
	exec(t, db, `update auth.users set banned_until = 'infinity'`)
	q = asks()
	fails("400 user_banned", q, d.signs(t, relyingParty, q.Options))
}

func TestUsersKeepTheirPasskeys(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	who, eve := s.signUp(t, "keep@example.com"), s.signUp(t, "eve@example.com")
	s.code(t, "404 passkey_disabled", "POST", "/auth/v1/passkeys/registration/options", `{}`, apiVersion, who.bearer())
	s.code(t, "404 passkey_disabled", "POST", "/auth/v1/passkeys/authentication/options", `{}`, apiVersion)
	set(t, db, "passkeys_enabled", "true")
	set(t, db, "passkeys_max", "2")
	d := s.registers(t, who)

	// Nobody registers one twice, or by the question that another was asked.
	q := s.asks(t, "/passkeys/registration/options", eve.bearer())
	answer := q.shown(d.creates(t, relyingParty, q.Options))
	s.code(t, "400 webauthn_challenge_not_found", "POST", "/auth/v1/passkeys/registration/verify", answer, apiVersion, who.bearer())
	s.code(t, "422 webauthn_credential_exists", "POST", "/auth/v1/passkeys/registration/verify", answer, apiVersion, eve.bearer())
	s.registers(t, who)
	s.code(t, "422 too_many_passkeys", "POST", "/auth/v1/passkeys/registration/options", `{}`, apiVersion, who.bearer())

	var list []struct {
		ID      string
		Name    string `json:"friendly_name"`
		Created string `json:"created_at"`
	}
	a := s.code(t, "200", "GET", "/auth/v1/passkeys", "", who.bearer())
	if err := json.Unmarshal([]byte(a.Body), &list); err != nil || len(list) != 2 || list[0].Name != "a device" || list[0].Created == "" {
		t.Fatalf("got %s", a.Body)
	}
	one := "/auth/v1/passkeys/" + list[0].ID
	s.code(t, "400 webauthn_credential_not_found", "PATCH", one, `{"friendly_name":"mine"}`, apiVersion, eve.bearer())
	s.code(t, "400 webauthn_credential_not_found", "DELETE", one, "", apiVersion, eve.bearer())
	s.code(t, "400 validation_failed", "PATCH", one, `{}`, apiVersion, who.bearer())
	s.code(t, "200", "PATCH", one, `{"friendly_name":"laptop"}`, who.bearer())

	// With a second factor, it takes that to change how one signs in.
	f := s.enrolls(t, who, "")
	s.verifies(t, who, f.ID, codeAt(t, f.TOTP.Secret, 0))
	low := s.enters(t, "/token?grant_type=password", `{"email":"keep@example.com","password":"the tests' password"}`)
	s.code(t, "403 insufficient_aal", "DELETE", one, "", apiVersion, low.bearer())
	s.code(t, "403 insufficient_aal", "POST", "/auth/v1/passkeys/registration/options", `{}`, apiVersion, low.bearer())
	s.code(t, "204", "DELETE", one, "", s.verifies(t, low, f.ID, codeAt(t, f.TOTP.Secret, 1)).bearer())
}

func TestSecondFactorsInChromium(t *testing.T) {
	t.Parallel()
	db := passkeyDB(t)
	s := startAuth(t, db)
	origin := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	set(t, db, "webauthn_rp_id", `"localhost"`)
	set(t, db, "webauthn_origins", `["`+origin+`"]`)
	runNode(t, s, "factors.test.mjs", "FLUXBASE_TEST_ORIGIN="+origin, "FLUXBASE_TEST_CHROMIUM="+chromium(t))
	noServerErrors(t, s)
}
