package tests

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// Whatever somebody says of a role, at the sign-up or later, requests run as authenticated.
func TestNobodyMakesThemselvesAdministrator(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	exec(t, db, `create table public.secrets (id integer); alter table public.secrets enable row level security; insert into public.secrets values (1);
		create function public.whom() returns text language sql stable as 'select current_user::text'`)
	s := startAuth(t, db)
	const wishes = `"role":"service_role","app_metadata":null,"raw_app_meta_data":{"role":"service_role"},"aud":"service_role","is_super_admin":true,"aal":"aal2",
		"data":{"role":"service_role","claims":{"role":"service_role"},"app_metadata":{"role":"service_role"}}`
	eve := s.enters(t, "/signup", `{"email":"eve@example.com","password":"the tests' password",`+wishes+`}`)
	s.code(t, "200", "PUT", "/auth/v1/user", `{`+wishes+`}`, apiVersion, eve.bearer())
	s.code(t, "403 not_admin", "PUT", "/auth/v1/user", `{"app_metadata":{"role":"service_role"}}`, apiVersion, eve.bearer())
	eve = s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+eve.RefreshToken+`",`+wishes+`}`)
	claims := claimsOf(t, eve.AccessToken)
	if claims["role"] != "authenticated" || claims["aud"] != "authenticated" || claims["aal"] != "aal1" || claims["app_metadata"].(map[string]any)["role"] != nil {
		t.Errorf("the token says %v", claims)
	}
	if a := s.code(t, "200", "POST", "/rest/v1/rpc/whom", `{}`, eve.bearer()); a.Body != `"authenticated"` {
		t.Errorf("requests run as %s", a.Body)
	}
	if a := s.code(t, "200", "GET", "/rest/v1/secrets", "", eve.bearer()); a.Body != `[]` {
		t.Errorf("secrets are told: %s", a.Body)
	}
	s.code(t, "403 not_admin", "GET", "/auth/v1/admin/users", "", apiVersion, eve.bearer())
	if got := queryText(t, db, `select u.role || ' ' || (u.raw_app_meta_data ->> 'role' is null) || ' ' || (u.is_super_admin is null) from auth.users as u`); got != "authenticated true true" {
		t.Errorf("the row says %s", got)
	}
}

// recovers signs a user in by a link for who has forgotten the password.
func (s *server) recovers(t *testing.T, email string) session {
	t.Helper()
	var link struct {
		Hash string `json:"hashed_token"`
	}
	a := s.code(t, "200", "POST", "/auth/v1/admin/generate_link", `{"type":"recovery","email":"`+email+`"}`, "Authorization: Bearer "+serviceToken(t))
	if err := json.Unmarshal([]byte(a.Body), &link); err != nil || link.Hash == "" {
		t.Fatalf("got %s", a.Body)
	}
	return s.enters(t, "/verify", `{"type":"recovery","token_hash":"`+link.Hash+`"}`)
}

func TestARecoveryDoesNotGetRoundTheSecondFactor(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	who := s.signUp(t, "ada@example.com")
	f := s.enrolls(t, who, "")
	s.verifies(t, who, f.ID, codeAt(t, f.TOTP.Secret, -1))
	thief := s.recovers(t, "ada@example.com")
	if claims := claimsOf(t, thief.AccessToken); claims["aal"] != "aal1" {
		t.Errorf("got %v", claims)
	}
	for _, body := range []string{`{"password":"the thief's password"}`, `{"email":"thief@example.com"}`} {
		s.code(t, "403 insufficient_aal", "PUT", "/auth/v1/user", body, apiVersion, thief.bearer())
	}
	s.code(t, "422 insufficient_aal", "DELETE", "/auth/v1/factors/"+f.ID, "", apiVersion, thief.bearer())
	s.code(t, "403 insufficient_aal", "POST", "/auth/v1/factors", `{"factor_type":"totp"}`, apiVersion, thief.bearer())
	owner := s.verifies(t, s.recovers(t, "ada@example.com"), f.ID, codeAt(t, f.TOTP.Secret, 0))
	s.code(t, "200", "PUT", "/auth/v1/user", `{"password":"another of the tests"}`, apiVersion, owner.bearer())
}

// A session that was left open somewhere changes nothing by which its user signs in.
func TestWhoSignedInLongAgoSignsInAgain(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	for name, value := range map[string]string{"reauthentication_max_age": "600", "passkeys_enabled": "true", "manual_linking_enabled": "true"} {
		set(t, db, name, value)
	}
	exec(t, db, `select auth.set_oauth_provider('google', '{"client_id": "us"}')`)
	s := startAuth(t, db)
	left := s.signUp(t, "ada@example.com")
	f := s.enrolls(t, left, "")
	raised := s.verifies(t, left, f.ID, codeAt(t, f.TOTP.Secret, -1))
	exec(t, db, `update auth.mfa_amr_claims set updated_at = updated_at - interval '10 min'`)
	identity := queryText(t, db, `select id::text from auth.identities`)
	for route, body := range map[string]string{
		"PUT /user": `{"password":"another of the tests"}`, "PUT /user ": `{"email":"new@example.com"}`, "POST /factors": `{"factor_type":"totp"}`,
		"DELETE /factors/" + f.ID: "", "POST /passkeys/registration/options": `{}`, "DELETE /user/identities/" + identity: "",
		"POST /token?grant_type=id_token":                                        `{"provider":"google","id_token":"x.y.z","link_identity":true}`,
		"GET /user/identities/authorize?provider=google&skip_http_redirect=true": "",
	} {
		method, path, _ := strings.Cut(strings.TrimSpace(route), " ")
		s.code(t, "400 reauthentication_needed", method, "/auth/v1"+path, body, apiVersion, raised.bearer())
	}
	s.code(t, "200", "PUT", "/auth/v1/user", `{"data":{"theme":"dark"}}`, apiVersion, raised.bearer())
	fresh := s.verifies(t, raised, f.ID, codeAt(t, f.TOTP.Secret, 0))
	s.code(t, "200", "PUT", "/auth/v1/user", `{"password":"another of the tests"}`, apiVersion, fresh.bearer())

	nobody := s.enters(t, "/signup", `{}`)
	exec(t, db, `update auth.mfa_amr_claims set updated_at = updated_at - interval '1 day'`)
	s.code(t, "200", "PUT", "/auth/v1/user", `{"email":"known@example.com"}`, apiVersion, nobody.bearer())
}

func TestANewPasswordTakesTheOldOne(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	set(t, db, "security_update_password_require_current_password", "true")
	s := startAuth(t, db)
	other := s.signUp(t, "ada@example.com")
	in := s.enters(t, "/token?grant_type=password", `{"email":"ada@example.com","password":"the tests' password"}`)
	change := func(want, more string, who session) {
		t.Helper()
		s.code(t, want, "PUT", "/auth/v1/user", `{"password":"another of the tests"`+more+`}`, apiVersion, who.bearer())
	}
	change("400 current_password_required", ``, in)
	change("400 current_password_invalid", `,"current_password":"the tests' Password"`, in)
	change("200", `,"current_password":"the tests' password"`, in)
	// The other sessions end with the old one; who changed it stays.
	s.refreshes(t, "400 refresh_token_not_found", other.RefreshToken)
	s.code(t, "403 session_not_found", "GET", "/auth/v1/user", "", apiVersion, other.bearer())
	s.code(t, "200", "GET", "/auth/v1/user", "", in.bearer())
	s.code(t, "200", "PUT", "/auth/v1/user", `{"password":"a third of the tests"}`, apiVersion, s.recovers(t, "ada@example.com").bearer())
}

// Who knows the user and guesses codes needs the first factor all the same; and while
// attempts cannot be counted, none is right.
func TestACodeAloneIsNoSignIn(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	who := s.signUp(t, "ada@example.com")
	f := s.enrolls(t, who, "")
	body := verification(s.challenged(t, who, f.ID), codeAt(t, f.TOTP.Secret, 0))
	verify := "/auth/v1/factors/" + f.ID + "/verify"
	withID := `{"user_id":"` + who.User.ID + `",` + body[1:]
	s.code(t, "401 no_authorization", "POST", verify, withID, apiVersion)
	s.code(t, "403 bad_jwt", "POST", verify, withID, apiVersion, "Authorization: Bearer "+signToken(t, map[string]any{"role": "anon"}))
	s.code(t, "403 bad_jwt", "POST", verify, withID, apiVersion, "Authorization: Bearer "+who.RefreshToken)

	exec(t, db, `alter table auth.two_factor_recovery_attempts rename to gone`)
	if a := s.call(t, "POST", verify, body, apiVersion, who.bearer()); a.Status < 500 && a.Status != 404 || strings.Contains(a.Body, "access_token") {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	if got := queryText(t, db, `select aal::text from auth.sessions`); got != "aal1" {
		t.Errorf("the session is of %s", got)
	}
	exec(t, db, `alter table auth.gone rename to two_factor_recovery_attempts`)
	s.enters(t, "/factors/"+f.ID+"/verify", body, who.bearer())
}

func TestNoAccountIsThereFromTheStart(t *testing.T) {
	t.Parallel()
	const ask = `select concat_ws(' ', (select count(*) from auth.users), (select count(*) from auth.sessions), (select count(*) from auth.service_keys),
		(select count(*) from auth.signing_keys), (select count(*) from auth.oauth_providers))`
	if got := queryText(t, dbtest.New(t), ask); got != "0 0 0 0 0" {
		t.Errorf("users, sessions, keys, signing keys, providers: %s", got)
	}
}
