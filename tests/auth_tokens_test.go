package tests

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// A token that one process signs is good at another by the published keys, in the
// algorithm that the setting names, and is dead there when its user has signed out.
func TestTokensOfAuthAreGoodAtEveryProcessUntilTheSignOut(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	one, two := startRealtime(t, db, "one", authEnv()...), startAuth(t, db)
	ada := one.signUp(t, "ada@example.com")
	header := func(token string) (h struct{ Alg, Kid string }) {
		t.Helper()
		text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
		if err != nil || json.Unmarshal(text, &h) != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return h
	}
	h := header(ada.AccessToken)
	for _, s := range []*server{one, two} {
		s.code(t, "200", "GET", "/auth/v1/user", "", ada.bearer())
		s.code(t, "200", "GET", "/rest/v1/", "", ada.bearer())

		a := s.code(t, "200", "GET", "/auth/v1/.well-known/jwks.json", "")
		var set struct{ Keys []map[string]string }
		if err := json.Unmarshal([]byte(a.Body), &set); err != nil || len(set.Keys) != 1 {
			t.Fatalf("%s: %v", a.Body, err)
		}
		if k := set.Keys[0]; h.Alg != "ES256" || k["alg"] != "ES256" || k["kid"] != h.Kid || k["use"] != "sig" || k["d"] != "" {
			t.Errorf("the token is of %+v, and the key %v", h, k)
		}
		if got := a.Header.Get("Cache-Control"); got != "public, max-age=600" {
			t.Errorf("the keys may be kept: %q", got)
		}
		for _, name := range []string{"openid-configuration", "oauth-authorization-server"} {
			a := s.code(t, "200", "GET", "/auth/v1/.well-known/"+name, "")
			var about struct {
				Issuer string
				JWKS   string   `json:"jwks_uri"`
				Algs   []string `json:"id_token_signing_alg_values_supported"`
			}
			if err := json.Unmarshal([]byte(a.Body), &about); err != nil || about.Issuer != claimsOf(t, ada.AccessToken)["iss"] ||
				about.JWKS != about.Issuer+"/.well-known/jwks.json" || strings.Join(about.Algs, " ") != "ES256" {
				t.Errorf("%s (%v)", a.Body, err)
			}
		}
		// What gets a new token gets nothing else.
		for _, path := range []string{"/rest/v1/", "/auth/v1/user", "/api/v1/admin/service-keys"} {
			if a := s.call(t, "GET", path, "", "Authorization: Bearer "+ada.RefreshToken); a.Status != 401 && a.Status != 403 {
				t.Errorf("with a refresh token %s answers %d %s", path, a.Status, a.Body)
			}
		}
	}
	one.code(t, "204", "POST", "/auth/v1/logout", "", ada.bearer())
	for _, s := range []*server{two, one} {
		s.code(t, "401 PGRST303", "GET", "/rest/v1/", "", ada.bearer())
		s.code(t, "401 PGRST303", "GET", "/api/v1/admin/service-keys", "", ada.bearer())
		s.code(t, "403 session_not_found", "GET", "/auth/v1/user", "", ada.bearer(), apiVersion)
	}

	// Old clients' algorithm, and back, while tokens of both are good.
	bob := two.signUp(t, "bob@example.com")
	set(t, db, "jwt_algorithm", `"HS256"`)
	callAndWait(t, db.Conn(t), `call fluxbase.settle()`)
	for _, s := range []*server{one, two} {
		old := s.enters(t, "/token?grant_type=password", `{"email":"bob@example.com","password":"the tests' password"}`)
		if h := header(old.AccessToken); h.Alg != "HS256" || h.Kid != "" {
			t.Errorf("got %+v, want HS256", h)
		}
		one.code(t, "200", "GET", "/auth/v1/user", "", old.bearer())
		two.code(t, "200", "GET", "/auth/v1/user", "", old.bearer())
	}
	set(t, db, "jwt_algorithm", `null`)
	callAndWait(t, db.Conn(t), `call fluxbase.settle()`)
	if h := header(one.enters(t, "/token?grant_type=password", `{"email":"bob@example.com","password":"the tests' password"}`).AccessToken); h.Alg != "ES256" {
		t.Errorf("got %+v, want ES256 again", h)
	}
	one.code(t, "200", "GET", "/auth/v1/user", "", bob.bearer())
	if _, err := db.Conn(t).Exec(t.Context(), `select auth.set_setting('jwt_algorithm', '"none"')`); sqlState(err) != "22023" {
		t.Errorf("an algorithm that is none: %v", err)
	}
}
