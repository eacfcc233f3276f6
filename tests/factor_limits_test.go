package tests

import (
	"maps"
	"strings"
	"sync"
	"testing"
)

// tries makes n calls at once, half of them through each server, and counts the answers.
func tries(t *testing.T, servers []*server, n int, path string, body func(int) string, header string) map[string]int {
	t.Helper()
	var mu sync.Mutex
	got := map[string]int{}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			a, err := servers[i%len(servers)].try("POST", "/auth/v1"+path, body(i), apiVersion, header)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			got[codeOf(a)]++
			if a.Status == 429 && a.Header.Get("Retry-After") == "" {
				t.Error("nobody is told when to come again")
			}
		})
	}
	all.Wait()
	return got
}

func TestFiftyWrongCodesAreFive(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	servers := []*server{startAuth(t, db), startAuth(t, db)}
	who := servers[0].signUp(t, "guess@example.com")
	f := servers[0].enrolls(t, who, "")
	who = servers[0].verifies(t, who, f.ID, codeAt(t, f.TOTP.Secret, -1))
	verify := "/factors/" + f.ID + "/verify"
	guess := verification(servers[0].challenged(t, who, f.ID), wrongCode(t, f.TOTP.Secret))
	same := func(body string) func(int) string { return func(int) string { return body } }

	got := tries(t, servers, 50, verify, same(guess), who.bearer())
	if want := map[string]int{"422 mfa_verification_failed": 5, "429 totp_rate_limit_exceeded": 45}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	failures := `select count(*)::text from auth.two_factor_recovery_attempts where not success and cleared_at is null`
	if n := queryText(t, db, failures); n != "5" {
		t.Errorf("%s failures are counted, want 5", n)
	}
	// Not even the right one is looked at, and a crash changes nothing of it.
	right := verification(servers[1].challenged(t, who, f.ID), codeAt(t, f.TOTP.Secret, 0))
	servers[1].code(t, "429 totp_rate_limit_exceeded", "POST", "/auth/v1"+verify, right, apiVersion, who.bearer())
	if p := queryText(t, db, `select relpersistence::text from pg_class where oid = 'auth.two_factor_recovery_attempts'::regclass`); p != "p" {
		t.Errorf("the table of attempts is %q, want logged", p)
	}

	// It lasts as long as it should, and ends then.
	back := func(by string) {
		t.Helper()
		exec(t, db, `update auth.two_factor_recovery_attempts
			set attempted_at = attempted_at - interval '`+by+`', locked_until = locked_until - interval '`+by+`'`)
	}
	back("14 min 30 s")
	servers[0].code(t, "429 totp_rate_limit_exceeded", "POST", "/auth/v1"+verify, right, apiVersion, who.bearer())
	back("31 s")
	for range 4 {
		servers[0].code(t, "422 mfa_verification_failed", "POST", "/auth/v1"+verify, guess, apiVersion, who.bearer())
	}
	raised := servers[0].enters(t, verify, verification(servers[0].challenged(t, who, f.ID), codeAt(t, f.TOTP.Secret, 0)), who.bearer())
	if n := queryText(t, db, failures); n != "0" {
		t.Errorf("%s failures are left after a success, want none", n)
	}

	// An administrator ends it at once.
	guess = verification(servers[0].challenged(t, raised, f.ID), wrongCode(t, f.TOTP.Secret))
	tries(t, servers, 6, verify, same(guess), raised.bearer())
	if n := queryText(t, db, `select auth.clear_failed_attempts('`+who.User.ID+`')::text`); n != "5" {
		t.Errorf("%s failures were cleared, want 5", n)
	}
	servers[0].code(t, "422 mfa_verification_failed", "POST", "/auth/v1"+verify, guess, apiVersion, raised.bearer())
	servers[1].administer(t, "200", "DELETE", "/users/"+who.User.ID+"/attempts", "", nil)
	if n := queryText(t, db, failures); n != "0" {
		t.Errorf("%s failures are left after an administrator came", n)
	}
	servers[1].code(t, "403 not_admin", "DELETE", "/auth/v1/admin/users/"+who.User.ID+"/attempts", "", apiVersion, raised.bearer())
}

func TestLimitsOfSecondFactorsAreSettings(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	set(t, db, "mfa_max_failures", "2")
	who := s.signUp(t, "limits@example.com")
	f := s.enrolls(t, who, "")
	verify := "/auth/v1/factors/" + f.ID + "/verify"
	guess := verification(s.challenged(t, who, f.ID), wrongCode(t, f.TOTP.Secret))
	for _, want := range []string{"422 mfa_verification_failed", "422 mfa_verification_failed", "429 totp_rate_limit_exceeded"} {
		s.code(t, want, "POST", verify, guess, apiVersion, who.bearer())
	}
	for name, fallback := range map[string]string{"mfa_max_failures": "5", "mfa_failure_window": "300", "mfa_lockout": "900"} {
		for _, value := range []string{"7", "0", "-1"} {
			set(t, db, name, value)
			want := fallback
			if value == "7" {
				want = value
			}
			if got := queryText(t, db, `select auth.setting('`+name+`')::text`); got != want {
				t.Errorf("%s = %s holds as %s, want %s", name, value, got, want)
			}
		}
	}
}

func TestACodeWorksOnce(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	set(t, db, "mfa_max_failures", "1000")
	servers := []*server{startAuth(t, db), startAuth(t, db)}
	s := servers[0]
	who := s.signUp(t, "once@example.com")
	f := s.enrolls(t, who, "")
	code := codeAt(t, f.TOTP.Secret, 0)
	challenges := make([]string, 50)
	for i := range challenges {
		challenges[i] = s.challenged(t, who, f.ID)
	}
	got := tries(t, servers, 50, "/factors/"+f.ID+"/verify", func(i int) string { return verification(challenges[i], code) }, who.bearer())
	if want := map[string]int{"200": 1, "422 mfa_verification_failed": 49}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// Nor does one of before it, in another session.
	other := s.enters(t, "/token?grant_type=password", `{"email":"once@example.com","password":"the tests' password"}`)
	for _, old := range []string{code, codeAt(t, f.TOTP.Secret, -1)} {
		s.code(t, "422 mfa_verification_failed", "POST", "/auth/v1/factors/"+f.ID+"/verify", verification(s.challenged(t, other, f.ID), old), apiVersion, other.bearer())
	}
	// Of the next one, the challenge is used up.
	challenge := s.challenged(t, other, f.ID)
	s.enters(t, "/factors/"+f.ID+"/verify", verification(challenge, codeAt(t, f.TOTP.Secret, 1)), other.bearer())
	s.code(t, "422 mfa_challenge_expired", "POST", "/auth/v1/factors/"+f.ID+"/verify", verification(challenge, codeAt(t, f.TOTP.Secret, 1)), apiVersion, other.bearer())
}

func TestSecondFactorsHaveBounds(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	who := s.signUp(t, "bounds@example.com")
	enroll := func(want, body string) {
		t.Helper()
		s.code(t, want, "POST", "/auth/v1/factors", body, apiVersion, who.bearer())
	}
	enroll("400 validation_failed", `{"factor_type":"face"}`)
	enroll("400 validation_failed", `{"factor_type":"recovery_code"}`)
	enroll("400 validation_failed", `{"factor_type":"totp","friendly_name":"`+strings.Repeat("x", 121)+`"}`)
	enroll("422 mfa_phone_enroll_not_enabled", `{"factor_type":"phone","phone":"+4930123456"}`)
	enroll("200", `{"factor_type":"totp","friendly_name":"one"}`)
	enroll("422 mfa_factor_name_conflict", `{"factor_type":"webauthn","friendly_name":"one"}`)
	for range 9 {
		enroll("200", `{"factor_type":"totp"}`)
	}
	enroll("422 too_many_enrolled_mfa_factors", `{"factor_type":"totp"}`)
	exec(t, db, `update auth.mfa_factors set created_at = created_at - interval '301 s'`)
	enroll("200", `{"factor_type":"totp","friendly_name":"one"}`)
	if n := queryText(t, db, `select count(*)::text from auth.mfa_factors`); n != "1" {
		t.Errorf("%s factors, want those that nobody verified gone", n)
	}
	set(t, db, "mfa_enroll", `["webauthn"]`)
	enroll("422 mfa_totp_enroll_not_enabled", `{"factor_type":"totp"}`)
	factor := queryText(t, db, `select id::text from auth.mfa_factors`)
	challenge := s.challenged(t, who, factor)
	exec(t, db, `update auth.mfa_challenges set created_at = created_at - interval '301 s'`)
	s.code(t, "422 mfa_challenge_expired", "POST", "/auth/v1/factors/"+factor+"/verify", verification(challenge, "123456"), apiVersion, who.bearer())
	set(t, db, "mfa_verify", `[]`)
	s.code(t, "422 mfa_totp_verify_not_enabled", "POST", "/auth/v1/factors/"+factor+"/challenge", "", apiVersion, who.bearer())
	for _, path := range []string{"x", "00000000-0000-0000-0000-000000000000"} {
		s.code(t, "404 mfa_factor_not_found", "DELETE", "/auth/v1/factors/"+path, "", apiVersion, who.bearer())
	}
	s.code(t, "401 no_authorization", "POST", "/auth/v1/factors", `{"factor_type":"totp"}`, apiVersion)
}
