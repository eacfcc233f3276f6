package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"
)

// enrolled is a second factor that was begun.
type enrolled struct {
	ID   string
	TOTP struct {
		QR     string `json:"qr_code"`
		Secret string
		URI    string
	}
}

func (s *server) enrolls(t *testing.T, who session, more string) (got enrolled) {
	t.Helper()
	a := s.code(t, "200", "POST", "/auth/v1/factors", `{"factor_type":"totp"`+more+`}`, apiVersion, who.bearer())
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || got.TOTP.Secret == "" {
		t.Fatalf("got %s, want a factor", a.Body)
	}
	return got
}

// challenged gives the id of a new challenge.
func (s *server) challenged(t *testing.T, who session, factor string) string {
	t.Helper()
	var got struct{ ID string }
	a := s.code(t, "200", "POST", "/auth/v1/factors/"+factor+"/challenge", `{}`, apiVersion, who.bearer())
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
		t.Fatal(err)
	}
	return got.ID
}

// codeAt is the code of a secret, steps of 30 seconds from now by the database's clock,
// which is that of this machine.
func codeAt(t *testing.T, secret string, steps int64) string {
	t.Helper()
	code, err := hotp.GenerateCode(secret, uint64(time.Now().Unix()/30+steps))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// wrongCode is none of the codes around now.
func wrongCode(t *testing.T, secret string) string {
	t.Helper()
	near := map[string]bool{}
	for steps := int64(-3); steps <= 3; steps++ {
		near[codeAt(t, secret, steps)] = true
	}
	for n := 0; ; n++ {
		if code := fmt.Sprintf("%06d", n); !near[code] {
			return code
		}
	}
}

func verification(challenge, code string) string {
	return `{"challenge_id":"` + challenge + `","code":"` + code + `"}`
}

// verifies answers a challenge rightly.
func (s *server) verifies(t *testing.T, who session, factor, code string) session {
	t.Helper()
	return s.enters(t, "/factors/"+factor+"/verify", verification(s.challenged(t, who, factor), code), who.bearer())
}

func TestASecondFactorRaisesTheSession(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	exec(t, db, `
		create table public.safe (id integer); insert into public.safe values (1);
		alter table public.safe enable row level security; grant select on public.safe to authenticated;
		create policy all_may on public.safe using (true);
		create policy two_factors on public.safe as restrictive using ((select auth.aal()) = 'aal2');
		create table public.careful (id integer); insert into public.careful values (1);
		alter table public.careful enable row level security; grant select on public.careful to authenticated;
		create policy all_may on public.careful using (true);
		create policy who_has_two on public.careful as restrictive using ((select auth.aal()) >= (select auth.next_aal()))`)
	servers := []*server{startAuth(t, db), startAuth(t, db)}
	s := servers[0]
	sees := func(who session, table, want string) {
		t.Helper()
		if a := s.code(t, "200", "GET", "/rest/v1/"+table, "", who.bearer()); a.Body != want {
			t.Errorf("%s shows %s, want %s", table, a.Body, want)
		}
	}
	first := s.signUp(t, "two@example.com")
	other := s.enters(t, "/token?grant_type=password", `{"email":"two@example.com","password":"the tests' password"}`)
	sees(first, "safe", `[]`)
	sees(first, "careful", `[{"id":1}]`)

	f := s.enrolls(t, first, `,"friendly_name":"My phone","issuer":"Acme"`)
	if !strings.HasPrefix(f.TOTP.QR, "<svg ") || !strings.Contains(f.TOTP.URI, "otpauth://totp/Acme:two@example.com?") || !strings.Contains(f.TOTP.URI, "secret="+f.TOTP.Secret) {
		t.Errorf("got %+v", f.TOTP)
	}
	sealed := queryText(t, db, `select secret from auth.mfa_factors`)
	if !strings.HasPrefix(sealed, "fbs1.") || strings.Contains(sealed, f.TOTP.Secret) {
		t.Errorf("in the database is %s", sealed)
	}
	if a := s.code(t, "200", "GET", "/auth/v1/user", "", first.bearer()); strings.Contains(a.Body, f.TOTP.Secret) || strings.Contains(a.Body, "fbs1.") ||
		!strings.Contains(a.Body, `"status": "unverified"`) {
		t.Errorf("got %s", a.Body)
	}
	// One that was not verified binds nobody.
	sees(first, "careful", `[{"id":1}]`)

	challenge := s.challenged(t, first, f.ID)
	s.code(t, "422 mfa_verification_failed", "POST", "/auth/v1/factors/"+f.ID+"/verify", verification(challenge, wrongCode(t, f.TOTP.Secret)), apiVersion, first.bearer())
	raised := servers[1].enters(t, "/factors/"+f.ID+"/verify", verification(challenge, codeAt(t, f.TOTP.Secret, 0)), first.bearer())
	claims, before := claimsOf(t, raised.AccessToken), claimsOf(t, first.AccessToken)
	amr := claims["amr"].([]any)
	if claims["aal"] != "aal2" || before["aal"] != "aal1" || claims["session_id"] != before["session_id"] ||
		amr[0].(map[string]any)["method"] != "totp" || amr[1].(map[string]any)["method"] != "password" {
		t.Errorf("got %v", claims)
	}
	sees(raised, "safe", `[{"id":1}]`)
	sees(raised, "careful", `[{"id":1}]`)
	sees(first, "careful", `[]`)
	if got := queryText(t, db, `select factor_id::text from auth.sessions`); got != f.ID {
		t.Errorf("the session has factor %s", got)
	}

	// What was there before is over: other sessions without it, and the token of aal1.
	s.refreshes(t, "400 refresh_token_not_found", other.RefreshToken)
	raised = s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+raised.RefreshToken+`"}`)
	if claimsOf(t, raised.AccessToken)["aal"] != "aal2" {
		t.Error("a refresh lowers the session")
	}

	// A sign-in begins below it, and can take nothing away.
	again := s.enters(t, "/token?grant_type=password", `{"email":"two@example.com","password":"the tests' password"}`)
	sees(again, "careful", `[]`)
	s.code(t, "422 insufficient_aal", "DELETE", "/auth/v1/factors/"+f.ID, "", apiVersion, again.bearer())
	s.code(t, "403 insufficient_aal", "POST", "/auth/v1/factors", `{"factor_type":"totp"}`, apiVersion, again.bearer())
	for body, want := range map[string]string{
		`{"password":"another password"}`: "403 insufficient_aal", `{"email":"other@example.com"}`: "403 insufficient_aal", `{"data":{"theme":"dark"}}`: "200",
	} {
		s.code(t, want, "PUT", "/auth/v1/user", body, apiVersion, again.bearer())
	}
	s.code(t, "200", "PUT", "/auth/v1/user", `{"password":"another password"}`, apiVersion, raised.bearer())
	// Nor can somebody else.
	eve := s.signUp(t, "eve@example.com")
	s.code(t, "404 mfa_factor_not_found", "DELETE", "/auth/v1/factors/"+f.ID, "", apiVersion, eve.bearer())
	s.code(t, "404 mfa_factor_not_found", "POST", "/auth/v1/factors/"+f.ID+"/challenge", "", apiVersion, eve.bearer())
	s.code(t, "404 mfa_factor_not_found", "POST", "/auth/v1/factors/"+f.ID+"/verify", verification(challenge, "123456"), apiVersion, eve.bearer())

	s.code(t, "200", "DELETE", "/auth/v1/factors/"+f.ID, "", raised.bearer())
	lowered := s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+raised.RefreshToken+`"}`)
	if claims := claimsOf(t, lowered.AccessToken); claims["aal"] != "aal1" || len(claims["amr"].([]any)) != 1 {
		t.Errorf("without the factor: got %v", claims)
	}
}

// The token of before a second factor may be in other hands.
func TestATokenOfBeforeTheSecondFactorEndsTheSession(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	who := s.signUp(t, "before@example.com")
	f := s.enrolls(t, who, "")
	raised := s.verifies(t, who, f.ID, codeAt(t, f.TOTP.Secret, 0))
	s.refreshes(t, "400 refresh_token_already_used", who.RefreshToken)
	s.refreshes(t, "400 refresh_token_not_found", raised.RefreshToken)
}

func TestSecretsOfSecondFactorsStaySealed(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	who := s.signUp(t, "sealed@example.com")
	const imported = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	factor := queryText(t, db, `insert into auth.mfa_factors (user_id, factor_type, status, secret)
		values ('`+who.User.ID+`', 'totp', 'verified', '`+imported+`') returning id::text`)
	stored := `select secret from auth.mfa_factors where id = '` + factor + `'`

	// At the first use, and also where nobody uses it, when a process starts.
	who = s.verifies(t, who, factor, codeAt(t, imported, -1))
	if got := queryText(t, db, stored); !strings.HasPrefix(got, "fbs1.") {
		t.Errorf("after its use it is %s", got)
	}
	exec(t, db, `update auth.mfa_factors set secret = '`+imported+`'`)
	both := startAuth(t, db, "FLUXBASE_ENCRYPTION_KEY="+anotherKey+","+encryptionKey)
	eventually(t, "the secret is sealed", func() bool { return strings.HasPrefix(queryText(t, db, stored), "fbs1.") })
	for _, p := range []*server{s, both} {
		p.logs(t, "was not sealed")
		if log := p.Log(); strings.Contains(log, imported) {
			t.Errorf("the log must warn of it, without it:\n%s", log)
		}
	}

	// Processes that do not have the key refuse, whatever the code.
	verify := "/auth/v1/factors/" + factor + "/verify"
	s.code(t, "500 unexpected_failure", "POST", verify, verification(s.challenged(t, who, factor), codeAt(t, imported, 0)), apiVersion, who.bearer())
	s.logs(t, "FLUXBASE_ENCRYPTION_KEY does not hold the key")
	exec(t, db, `select auth.clear_failed_attempts('`+who.User.ID+`')`)
	env := []string{"FLUXBASE_ADMIN_DATABASE_URL=" + db.AdminURL(), "FLUXBASE_ENCRYPTION_KEY=" + encryptionKey + "," + anotherKey}
	if out := runFluxbase(t, env, "keys", "rotate"); out.status != 0 {
		t.Fatal(out)
	}
	who = s.verifies(t, who, factor, codeAt(t, imported, 0))

	// What was changed or moved is an error too.
	for _, broken := range []string{"", "fbs1.x.AAAA", "no secret", queryText(t, db, stored) + "A"} {
		exec(t, db, `update auth.mfa_factors set secret = '`+broken+`'`)
		s.code(t, "500 unexpected_failure", "POST", verify, verification(s.challenged(t, who, factor), "000000"), apiVersion, who.bearer())
		exec(t, db, `select auth.clear_failed_attempts('`+who.User.ID+`')`)
	}
}

func TestRecoveryCodesAreGoodOnce(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	servers := []*server{startAuth(t, db), startAuth(t, db)}
	s := servers[0]
	const path = "/auth/v1/factors/recovery-codes"
	who := s.signUp(t, "codes@example.com")
	f := s.enrolls(t, who, "")
	s.code(t, "422 mfa_recovery_codes_sole_factor", "POST", path, "", apiVersion, who.bearer())
	raised := s.verifies(t, who, f.ID, codeAt(t, f.TOTP.Secret, 0))
	low := s.enters(t, "/token?grant_type=password", `{"email":"codes@example.com","password":"the tests' password"}`)
	s.code(t, "403 insufficient_aal", "POST", path, "", apiVersion, low.bearer())
	s.code(t, "404 mfa_factor_not_found", "POST", path+"/regenerate", "", apiVersion, raised.bearer())
	var made struct {
		ID    string
		Codes []string
	}
	read := func(a answer) {
		t.Helper()
		if err := json.Unmarshal([]byte(a.Body), &made); err != nil || len(made.Codes) != 10 || len(made.Codes[0]) != 24 {
			t.Fatalf("got %s", a.Body)
		}
	}
	read(s.code(t, "200", "POST", path, "", apiVersion, raised.bearer()))
	old := slices.Clone(made.Codes) // the next ones come into the same array
	s.code(t, "422 mfa_verified_factor_exists", "POST", path, "", apiVersion, raised.bearer())
	read(s.code(t, "200", "POST", path+"/regenerate", "", apiVersion, raised.bearer()))
	if n := queryText(t, db, `select count(*)::text from auth.mfa_recovery_codes where encode(code_hash, 'escape') ~ '`+made.Codes[0]+`' or octet_length(code_hash) <> 32`); n != "0" {
		t.Error("codes lie in the database")
	}
	use := func(code string) string { return `{"code":"` + code + `"}` }
	s.code(t, "422 mfa_verification_failed", "POST", path+"/verify", use(old[0]), apiVersion, low.bearer())

	// As people write it, by fifty at once.
	written := strings.ToUpper(made.Codes[0][:4] + "-" + made.Codes[0][4:8] + " " + made.Codes[0][8:])
	set(t, db, "mfa_max_failures", "1000")
	got := tries(t, servers, 50, "/factors/recovery-codes/verify", func(int) string { return use(written) }, low.bearer())
	if want := map[string]int{"200": 1, "422 mfa_verification_failed": 49}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if a := s.code(t, "200", "GET", path, "", raised.bearer()); !strings.Contains(a.Body, `"remaining": 9`) {
		t.Errorf("got %s", a.Body)
	}
	set(t, db, "mfa_max_failures", "5")
	exec(t, db, `select auth.clear_failed_attempts('`+who.User.ID+`')`)

	low = s.enters(t, "/token?grant_type=password", `{"email":"codes@example.com","password":"the tests' password"}`)
	high := s.enters(t, "/factors/recovery-codes/verify", use(made.Codes[1]), low.bearer())
	claims := claimsOf(t, high.AccessToken)
	if claims["aal"] != "aal2" || claims["amr"].([]any)[0].(map[string]any)["method"] != "mfa/recovery_code" {
		t.Errorf("got %v", claims)
	}
	// One count for all that can be guessed.
	for range 3 {
		s.code(t, "422 mfa_verification_failed", "POST", path+"/verify", use("x"), apiVersion, high.bearer())
	}
	challenge := s.challenged(t, high, f.ID)
	for _, want := range []string{"422 mfa_verification_failed", "422 mfa_verification_failed", "429 totp_rate_limit_exceeded"} {
		s.code(t, want, "POST", "/auth/v1/factors/"+f.ID+"/verify", verification(challenge, wrongCode(t, f.TOTP.Secret)), apiVersion, high.bearer())
	}
	s.code(t, "429 mfa_recovery_codes_locked", "POST", path+"/verify", use(made.Codes[2]), apiVersion, high.bearer())

	// They go with the last factor that they stand in for.
	s.code(t, "200", "DELETE", "/auth/v1/factors/"+f.ID, "", high.bearer())
	s.code(t, "404 mfa_factor_not_found", "GET", path, "", apiVersion, high.bearer())
}

func TestAdministratorsTakeLostFactors(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	who := s.signUp(t, "lost@example.com")
	f := s.enrolls(t, who, `,"friendly_name":"lost"`)
	raised := s.verifies(t, who, f.ID, codeAt(t, f.TOTP.Secret, 0))
	if got := queryText(t, db, `select (auth.list_factors('`+who.User.ID+`') -> 0 ->> 'friendly_name')`); got != "lost" {
		t.Errorf("got %s", got)
	}
	if got := queryText(t, db, `select auth.remove_factor('`+who.User.ID+`', '`+f.ID+`') ->> 'id'`); got != f.ID {
		t.Errorf("got %s", got)
	}
	eventually(t, "its access token is worth nothing", func() bool {
		return s.call(t, "GET", "/rest/v1/", "", raised.bearer()).Status == 401
	})
	s.refreshes(t, "400 refresh_token_not_found", raised.RefreshToken)
}

// Whoever comes first, no session stays raised by a factor that is gone.
func TestAFactorIsTakenWhileItIsShown(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	servers := []*server{startAuth(t, db), startAuth(t, db)}
	for round := range 4 {
		email := fmt.Sprintf("taken%d@example.com", round)
		who := servers[0].signUp(t, email)
		f := servers[0].enrolls(t, who, "")
		servers[0].verifies(t, who, f.ID, codeAt(t, f.TOTP.Secret, -1))
		low := servers[0].enters(t, "/token?grant_type=password", `{"email":"`+email+`","password":"the tests' password"}`)
		body := verification(servers[0].challenged(t, low, f.ID), codeAt(t, f.TOTP.Secret, 0))
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := servers[1].try("POST", "/auth/v1/factors/"+f.ID+"/verify", body, apiVersion, low.bearer()); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() { exec(t, db, `select auth.remove_factor('`+who.User.ID+`', '`+f.ID+`')`) })
		both.Wait()
		if n := queryText(t, db, `select count(*)::text from auth.sessions where aal > 'aal1'`); n != "0" {
			t.Errorf("%s sessions are of aal2 by a factor that is gone", n)
		}
	}
}

func TestAPhoneIsASecondFactor(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	exec(t, db, `create table public.sent (at serial, phone text, otp text);
		create function public.send(event jsonb) returns jsonb language sql security definer as
		$$ insert into public.sent (phone, otp) values (event #>> '{sms,phone}', event #>> '{sms,otp}'); select '{}'::jsonb $$;
		grant execute on function public.send(jsonb) to supabase_auth_admin`)
	set(t, db, "hook_send_sms_uri", `"pg-functions://postgres/public/send"`)
	s := startAuth(t, db)
	who := s.signUp(t, "phone@example.com")
	var f struct{ ID, Phone string }
	a := s.code(t, "200", "POST", "/auth/v1/factors", `{"factor_type":"phone","phone":"+49 30 123456"}`, apiVersion, who.bearer())
	if err := json.Unmarshal([]byte(a.Body), &f); err != nil || f.Phone != "4930123456" {
		t.Fatalf("got %s", a.Body)
	}
	challenge := s.challenged(t, who, f.ID)
	code := queryText(t, db, `select otp from public.sent where phone = '4930123456'`)
	s.code(t, "429 over_sms_send_rate_limit", "POST", "/auth/v1/factors/"+f.ID+"/challenge", "", apiVersion, who.bearer())
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	s.code(t, "422 mfa_verification_failed", "POST", "/auth/v1/factors/"+f.ID+"/verify", verification(challenge, wrong), apiVersion, who.bearer())
	raised := s.enters(t, "/factors/"+f.ID+"/verify", verification(challenge, code), who.bearer())
	if claims := claimsOf(t, raised.AccessToken); claims["aal"] != "aal2" || claims["amr"].([]any)[0].(map[string]any)["method"] != "mfa/phone" {
		t.Errorf("got %v", claims)
	}
	s.code(t, "422 mfa_challenge_expired", "POST", "/auth/v1/factors/"+f.ID+"/verify", verification(challenge, code), apiVersion, raised.bearer())
	if n := queryText(t, db, `select count(*)::text from auth.mfa_challenges as c, public.sent as s where c::text like '%' || s.otp || '%'`); n != "0" {
		t.Error("the code lies in the database")
	}

	// The hook of attempts may refuse a right one, too.
	exec(t, db, `create function public.refuse(event jsonb) returns jsonb language sql as
		$$ select jsonb_build_object('decision', 'reject', 'message', 'valid: ' || (event ->> 'valid')) $$;
		grant execute on function public.refuse(jsonb) to supabase_auth_admin;
		update auth.mfa_factors set last_challenged_at = null`)
	set(t, db, "hook_mfa_verification_attempt_uri", `"pg-functions://postgres/public/refuse"`)
	challenge = s.challenged(t, raised, f.ID)
	code = queryText(t, db, `select otp from public.sent order by at desc limit 1`)
	a = s.code(t, "403 mfa_verification_rejected", "POST", "/auth/v1/factors/"+f.ID+"/verify", verification(challenge, code), apiVersion, raised.bearer())
	if !strings.Contains(a.Body, "valid: true") {
		t.Errorf("got %s", a.Body)
	}
}
