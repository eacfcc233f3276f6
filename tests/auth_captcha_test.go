package tests

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A real service by its protocol, auth-js from npm, and a hook in its place.
func TestPeopleShowThatTheyAre(t *testing.T) {
	t.Parallel()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.PostFormValue("secret") != "of the tests" || r.PostFormValue("remoteip") != "127.0.0.1":
			t.Errorf("the service is asked %v", r.PostForm)
			fallthrough
		case r.PostFormValue("response") == "ill":
			http.Error(w, "<p>", http.StatusBadGateway)
		default:
			_, _ = w.Write([]byte(map[bool]string{
				true: `{"success":true}`, false: `{"success":false,"error-codes":["invalid-input-response"]}`,
			}[r.PostFormValue("response") == "good"]))
		}
	}))
	t.Cleanup(service.Close)
	db := authDB(t)
	exec(t, db, `
		create schema hooks;
		create function hooks.captcha(event jsonb) returns jsonb language sql return case
			when event ->> 'captcha_token' = event ->> 'path' then '{"decision": "continue"}'
			else '{"decision": "reject", "message": "a robot"}' end::jsonb;
		create function hooks.mail(event jsonb) returns jsonb language sql return '{}'::jsonb;
		grant usage on schema hooks to supabase_auth_admin;
		grant execute on all functions in schema hooks to supabase_auth_admin`)
	s := startAuth(t, db, "FLUXBASE_AUTH_CAPTCHA_SECRET=of the tests", "FLUXBASE_AUTH_CAPTCHA_URL="+service.URL, "FLUXBASE_AUTH_PRIVATE_ADDRESSES=true")
	set(t, db, "hook_send_email_uri", `"pg-functions://postgres/hooks/mail"`)
	set(t, db, "captcha_provider", `"turnstile"`)
	runNode(t, s, "captcha.test.mjs")
	noServerErrors(t, s)

	tries := func(want, token string) {
		t.Helper()
		s.code(t, want, "POST", "/auth/v1/signup", `{"gotrue_meta_security":{"captcha_token":"`+token+`"}}`, apiVersion)
	}
	set(t, db, "passkeys_enabled", "true")
	s.code(t, "400 captcha_failed", "POST", "/auth/v1/passkeys/authentication/options", `{"gotrue_meta_security":null}`, apiVersion)
	s.code(t, "400 bad_json", "POST", "/auth/v1/signup", `{"gotrue_meta_security":{"captcha_token":["good"]}}`, apiVersion)
	// Who can't ask lets nobody pass.
	tries("503 captcha_unavailable", "ill")
	s.logs(t, "the CAPTCHA service does not answer as it should: status 502")
	service.Close()
	tries("503 captcha_unavailable", "good")
	set(t, db, "captcha_provider", `"hook"`)
	tries("503 captcha_unavailable", "good")
	set(t, db, "hook_captcha_verification_uri", `"pg-functions://postgres/hooks/captcha"`)
	tries("200", "/signup")
	tries("400 captcha_failed", "/otp")
	set(t, db, "captcha_provider", "null")
	tries("200", "")
	if strings.Contains(s.Log(), "of the tests") {
		t.Error("the log tells the secret")
	}
}
