package tests

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// linksDB is a database in which addresses have to be confirmed, without a pause between
// mails.
func linksDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	set(t, db, "smtp_max_frequency", "0")
	for _, name := range []string{"attempts_free", "attempts_free_of_account", "attempts_free_of_address"} {
		set(t, db, name, "1000")
	}
	set(t, db, "uri_allow_list", `["https://app.test/**"]`)
	return db
}

// opens follows a link of a mail no further than to the first answer.
func (s *server) opens(t *testing.T, method, link string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, strings.Replace(link, "http://auth.test", s.URL, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	return once(t, req)
}

// once makes a request and follows no redirect.
func once(t *testing.T, req *http.Request) answer {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body strings.Builder
	if err := resp.Write(&body); err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body.String()}
}

var aUUID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// asBrowser are the headers of a browser that somebody sends to a page.
var asBrowser = []string{"Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-Site: none", "Sec-Fetch-User: ?1"}

// landing is where a 303 leads, and what stands in its fragment.
func landing(t *testing.T, a answer) (to *url.URL, fragment url.Values) {
	t.Helper()
	to, err := url.Parse(a.Header.Get("Location"))
	if err == nil {
		fragment, err = url.ParseQuery(to.EscapedFragment())
	}
	if err != nil || a.Status != 303 {
		t.Fatalf("got %d to %q: %v\n%s", a.Status, a.Header.Get("Location"), err, a.Body)
	}
	return to, fragment
}

func (s *server) auth(t *testing.T, want, path, body string) answer {
	t.Helper()
	return s.code(t, want, "POST", "/auth/v1"+path, body, apiVersion)
}

// counts makes n requests at once, in turn to each server, and counts their answers.
func counts(t *testing.T, n int, servers []*server, path string, body func(i int) string) map[string]int {
	t.Helper()
	var mu sync.Mutex
	got := map[string]int{}
	var people sync.WaitGroup
	for i := range n {
		people.Go(func() {
			a, err := servers[i%len(servers)].try("POST", "/auth/v1"+path, body(i), apiVersion)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[codeOf(a)]++
		})
	}
	people.Wait()
	return got
}

func wantCounts(t *testing.T, got, want map[string]int) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func signUpBody(email string) string {
	return `{"email":"` + email + `","password":"the tests' password","data":{"name":"Ada"}}`
}

func TestLinksAndCodesAtOnce(t *testing.T) {
	t.Parallel()
	db, box := linksDB(t), startSMTP(t)
	servers := []*server{startAuth(t, db, box.env()...), startAuth(t, db, box.env()...)}
	s := servers[0]

	t.Run("one of fifty uses of a link is the one", func(t *testing.T) {
		t.Parallel()
		s.auth(t, "200", "/signup", signUpBody("ada@link.test"))
		s.auth(t, "400 email_not_confirmed", "/token?grant_type=password", signUpBody("ada@link.test"))
		link, token := box.waitFor(t, "ada@link.test", 1).link(t)
		if !strings.HasPrefix(link.String(), "http://auth.test/auth/v1/verify?") || link.Query().Get("type") != "signup" {
			t.Errorf("the link is %s", link)
		}
		body := `{"type":"signup","token_hash":"` + token + `"}`
		wantCounts(t, counts(t, 50, servers, "/verify", func(int) string { return body }), map[string]int{"200": 1, "403 otp_expired": 49})
		s.enters(t, "/token?grant_type=password", signUpBody("ada@link.test"))
		if n := queryText(t, db, `select count(*)::text from auth.sessions as s join auth.users as u on u.id = s.user_id where u.email = 'ada@link.test'`); n != "2" {
			t.Errorf("%s sessions, want one by the link and one by the password", n)
		}
		why := queryText(t, db, `select string_agg(distinct e.details ->> 'why', ' ') from audit.events as e
			join auth.users as u on e.target = u.id::text where u.email = 'ada@link.test' and e.action = 'one_time_token.refused'`)
		if why != "used" {
			t.Errorf("the audit trail says %q", why)
		}
		eventually(t, "the log says why", func() bool {
			return strings.Contains(servers[0].Log()+servers[1].Log(), "otp_expired: Email link is invalid or has expired: used")
		})
	})

	t.Run("five of fifty wrong codes count, and then the right one is none", func(t *testing.T) {
		t.Parallel()
		s.auth(t, "200", "/otp", `{"email":"bob@link.test"}`)
		l := box.waitFor(t, "bob@link.test", 1)
		right := l.code(t)
		wrong := func(i int) string {
			code := fmt.Sprintf("%06d", i)
			if code == right {
				code = "999999"
			}
			return `{"type":"email","email":"bob@link.test","token":"` + code + `"}`
		}
		wantCounts(t, counts(t, 50, servers, "/verify", wrong), map[string]int{"403 otp_expired": 50})
		s.auth(t, "403 otp_expired", "/verify", `{"type":"email","email":"bob@link.test","token":"`+right+`"}`)
		n := queryText(t, db, `select count(*)::text from audit.events as e
			join auth.users as u on e.target = u.id::text where u.email = 'bob@link.test' and e.details ->> 'why' = 'wrong code'`)
		if n != "5" {
			t.Errorf("%s codes were compared, want 5", n)
		}
		// Who reads the mail is not kept out by who guesses.
		_, token := l.link(t)
		s.enters(t, "/verify", `{"type":"magiclink","token_hash":"`+token+`"}`)
	})

	t.Run("a code is good for its address and purpose alone", func(t *testing.T) {
		t.Parallel()
		s.auth(t, "200", "/otp", `{"email":"cy@link.test"}`)
		s.auth(t, "200", "/otp", `{"email":"di@link.test"}`)
		code := box.waitFor(t, "cy@link.test", 1).code(t)
		for _, body := range []string{
			`{"type":"email","email":"di@link.test","token":"` + code + `"}`, `{"type":"email_change","email":"cy@link.test","token":"` + code + `"}`,
			`{"type":"recovery","email":"cy@link.test","token":"` + code + `"}`, `{"type":"sms","phone":"+15551234567","token":"` + code + `"}`,
			`{"type":"email","email":"nobody@link.test","token":"` + code + `"}`,
		} {
			s.auth(t, "403 otp_expired", "/verify", body)
		}
		s.enters(t, "/verify", `{"type":"email","email":" CY@link.test","token":" `+code+` "}`)
		for body, want := range map[string]string{
			`{"type":"email","email":"cy@link.test"}`: "400 validation_failed", `{"token":"1","email":"cy@link.test"}`: "400 validation_failed",
			`{"type":"email","token":"123456"}`: "400 validation_failed", `{"type":"invented","token_hash":"x"}`: "400 validation_failed",
			`{"type":"email","email":"cy@link.test","token":"1","token_hash":"x"}`: "400 validation_failed",
		} {
			s.auth(t, want, "/verify", body)
		}
	})

	t.Run("a newer mail makes the older one void", func(t *testing.T) {
		t.Parallel()
		for range 2 {
			s.auth(t, "200", "/otp", `{"email":"ed@link.test"}`)
		}
		first, second := box.waitFor(t, "ed@link.test", 1), box.waitFor(t, "ed@link.test", 2)
		for i, l := range []letter{first, second} {
			_, token := l.link(t)
			a := s.call(t, "POST", "/auth/v1/verify", `{"type":"signup","token_hash":"`+token+`"}`, apiVersion)
			t.Logf("mail %d: %s", i, codeOf(a))
		}
		if n := queryText(t, db, `select count(*)::text from auth.sessions as s join auth.users as u on u.id = s.user_id where u.email = 'ed@link.test'`); n != "1" {
			t.Errorf("%s sessions, want 1", n)
		}
	})

	t.Run("users cannot say what they may do", func(t *testing.T) {
		t.Parallel()
		s.auth(t, "200", "/otp", `{"email":"eve@link.test","data":{"email_verified":true,"sub":"x"}}`)
		_, token := box.waitFor(t, "eve@link.test", 1).link(t)
		eve := s.enters(t, "/verify", `{"type":"signup","token_hash":"`+token+`"}`)
		before := s.code(t, "200", "GET", "/auth/v1/user", "", eve.bearer()).Body
		s.code(t, "403 not_admin", "PUT", "/auth/v1/user", `{"app_metadata":{"role":"admin"}}`, eve.bearer(), apiVersion)
		a := s.code(t, "200", "PUT", "/auth/v1/user", `{"role":"service_role","aud":"admin","is_anonymous":true,"email_confirmed_at":null,"banned_until":null,
			"raw_app_meta_data":{"role":"admin"},"is_super_admin":true,"id":"00000000-0000-4000-8000-000000000000","email_verified":true}`, eve.bearer(), apiVersion)
		if a.Body != before {
			t.Errorf("it became\n%s, and was\n%s", a.Body, before)
		}
		a = s.code(t, "200", "PUT", "/auth/v1/user", `{"data":{"role":"service_role","sub":"y","email":"boss@link.test","name":"Eve"}}`, eve.bearer(), apiVersion)
		var user struct {
			Role string
			Data map[string]any `json:"user_metadata"`
		}
		if err := json.Unmarshal([]byte(a.Body), &user); err != nil || user.Role != "authenticated" || user.Data["sub"] != eve.User.ID || user.Data["email"] != "eve@link.test" || user.Data["name"] != "Eve" {
			t.Errorf("got %s", a.Body)
		}
		next := s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+eve.RefreshToken+`"}`)
		if role := claimsOf(t, next.AccessToken)["role"]; role != "authenticated" {
			t.Errorf("the token has role %v", role)
		}
	})
}

func TestLinksInMails(t *testing.T) {
	t.Parallel()
	db, box := linksDB(t), startSMTP(t)
	s := startAuth(t, db, box.env()...)

	t.Run("whatever scans mails uses up no link", func(t *testing.T) {
		t.Parallel()
		s.auth(t, "200", "/otp?redirect_to="+url.QueryEscape("https://app.test/in?sb_flow_id=7"), `{"email":"ada@scan.test"}`)
		link, token := box.waitFor(t, "ada@scan.test", 1).link(t)
		for name, header := range map[string][]string{
			"a program": nil, "a fetch": {"Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}, "a frame": {"Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"},
			"a prefetch": append([]string{"Sec-Purpose: prefetch;prerender"}, asBrowser...), "a preview": append([]string{"X-Purpose: preview"}, asBrowser...),
		} {
			a := s.opens(t, "GET", link.String(), header...)
			if a.Status != 200 || !strings.Contains(a.Body, `<form method="post" action="verify/open">`) || !strings.Contains(a.Body, token) {
				t.Errorf("%s got %d\n%s", name, a.Status, a.Body)
			}
			csp := a.Header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(a.Body, "<script") ||
				a.Header.Get("Referrer-Policy") != "no-referrer" || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s got %v", name, a.Header)
			}
		}
		if a := s.opens(t, "HEAD", link.String(), asBrowser...); a.Status != 200 {
			t.Errorf("HEAD got %d", a.Status)
		}
		// The button.
		form := url.Values{"token": {token}, "type": {link.Query().Get("type")}, "redirect_to": {link.Query().Get("redirect_to")}}
		req, err := http.NewRequest("POST", s.URL+"/auth/v1/verify/open", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		to, said := landing(t, once(t, req))
		if to.Host != "app.test" || to.Path != "/in" || to.RawQuery != "sb_flow_id=7" || said.Get("type") != "signup" || said.Get("refresh_token") == "" ||
			said.Get("token_type") != "bearer" || said.Get("expires_in") == "" || said.Get("expires_at") == "" || !said.Has("sb") {
			t.Errorf("it leads to %s", to)
		}
		s.code(t, "200", "GET", "/auth/v1/user", "", "Authorization: Bearer "+said.Get("access_token"))
		to, said = landing(t, s.opens(t, "GET", link.String(), asBrowser...))
		if said.Get("error") != "access_denied" || said.Get("error_code") != "otp_expired" || said.Get("error_description") != "Email link is invalid or has expired" || to.RawQuery != "sb_flow_id=7" {
			t.Errorf("a second time it leads to %s", to)
		}
	})

	t.Run("a link leads nowhere but where it may", func(t *testing.T) {
		t.Parallel()
		for i, evil := range []string{"https://evil.test/", "https://app.test@evil.test/", `https://app.test\.evil.test/`, "//evil.test", "javascript:alert(1)//app.test"} {
			to := fmt.Sprint("evil", i, "@scan.test")
			s.auth(t, "200", "/otp?redirect_to="+url.QueryEscape(evil), `{"email":"`+to+`"}`)
			l := box.waitFor(t, to, 1)
			link, _ := l.link(t)
			if got := link.Query().Get("redirect_to"); got != "http://auth.test" {
				t.Errorf("the mail leads to %s", got)
			}
			q := link.Query()
			q.Set("redirect_to", evil) // who gets the link may change it
			link.RawQuery = q.Encode()
			if got, _ := landing(t, s.opens(t, "GET", link.String(), asBrowser...)); got.Host != "auth.test" {
				t.Errorf("the link leads to %s", got)
			}
			if got, _ := landing(t, s.opens(t, "GET", "http://auth.test/auth/v1/verify?redirect_to="+url.QueryEscape(evil), asBrowser...)); got.Host != "auth.test" {
				t.Errorf("a link without a token leads to %s", got)
			}
		}
	})

	t.Run("a flow is ended by who began it", func(t *testing.T) {
		t.Parallel()
		verifier := strings.Repeat("a-long.verifier~", 4)
		sum := sha256.Sum256([]byte(verifier))
		challenge := base64.RawURLEncoding.EncodeToString(sum[:])
		body := `{"email":"pkce@scan.test","code_challenge":"` + challenge + `","code_challenge_method":"s256"}`
		s.auth(t, "400 validation_failed", "/otp", `{"email":"pkce@scan.test","code_challenge":"`+challenge+`"}`)
		s.auth(t, "400 validation_failed", "/otp", `{"email":"pkce@scan.test","code_challenge":"short","code_challenge_method":"s256"}`)
		s.auth(t, "400 validation_failed", "/otp", `{"email":"pkce@scan.test","code_challenge":"`+challenge+`","code_challenge_method":"md5"}`)
		s.auth(t, "200", "/otp?redirect_to="+url.QueryEscape("https://app.test/cb?next=%2Fa"), body)
		link, token := box.waitFor(t, "pkce@scan.test", 1).link(t)
		if !strings.HasPrefix(token, "pkce_") {
			t.Errorf("the token is %s", token)
		}
		var code string
		for range 2 { // a scanner that is a browser, and then the reader
			to, said := landing(t, s.opens(t, "GET", link.String(), asBrowser...))
			next := to.Query().Get("code")
			if !aUUID.MatchString(next) || code != "" && next != code || len(said) != 0 || to.Query().Get("next") != "/a" {
				t.Errorf("it leads to %s", to)
			}
			code = next
		}
		exchange := func(want, code, verifier string) answer {
			t.Helper()
			return s.auth(t, want, "/token?grant_type=pkce", `{"auth_code":"`+code+`","code_verifier":"`+verifier+`"}`)
		}
		exchange("400 bad_code_verifier", code, verifier+"x")
		exchange("404 flow_state_not_found", "00000000-0000-4000-8000-000000000000", verifier)
		exchange("400 validation_failed", code, "")
		wantCounts(t, counts(t, 20, []*server{s}, "/token?grant_type=pkce", func(int) string {
			return `{"auth_code":"` + code + `","code_verifier":"` + verifier + `"}`
		}), map[string]int{"200": 1, "422 flow_state_already_used": 19})
		to, said := landing(t, s.opens(t, "GET", link.String(), asBrowser...))
		if said.Get("error_code") != "otp_expired" || to.Query().Get("error_code") != "otp_expired" || to.Query().Get("next") != "/a" {
			t.Errorf("after its end it leads to %s", to)
		}
	})

	t.Run("a password that nobody confirmed goes when the owner comes", func(t *testing.T) {
		t.Parallel()
		s.auth(t, "200", "/signup", signUpBody("owner@scan.test")) // by somebody else
		s.auth(t, "200", "/otp", `{"email":"owner@scan.test"}`)
		_, token := box.waitFor(t, "owner@scan.test", 2).link(t)
		for _, l := range box.to("owner@scan.test") {
			if link, other := l.link(t); link.Query().Get("type") == "magiclink" {
				token = other
			}
		}
		s.enters(t, "/verify", `{"type":"magiclink","token_hash":"`+token+`"}`)
		s.auth(t, "400 invalid_credentials", "/token?grant_type=password", signUpBody("owner@scan.test"))
	})
}

func TestEachLinkHasAPageIfTheSettingSaysSo(t *testing.T) {
	t.Parallel()
	db, box := linksDB(t), startSMTP(t)
	set(t, db, "verify_page", "true")
	s := startAuth(t, db, box.env()...)
	s.auth(t, "200", "/recover", `{"email":"nobody@page.test"}`)
	s.auth(t, "200", "/otp", `{"email":"ada@page.test"}`)
	link, _ := box.waitFor(t, "ada@page.test", 1).link(t)
	if a := s.opens(t, "GET", link.String(), asBrowser...); a.Status != 200 || !strings.Contains(a.Body, "<h1>Confirm your address</h1>") {
		t.Errorf("got %d\n%s", a.Status, a.Body)
	}
	set(t, db, "attempts_free", "5")
	wantCounts(t, counts(t, 20, []*server{s}, "/verify", func(int) string { return `{"type":"email","email":"nobody@page.test","token":"000000"}` }),
		map[string]int{"403 otp_expired": 5, "429 over_request_rate_limit": 15})
	if a := s.opens(t, "GET", `http://auth.test/auth/v1/verify?token="><script>alert(1)</script>&type="x`, asBrowser...); strings.Contains(a.Body, "<script") {
		t.Errorf("got\n%s", a.Body)
	}
	if len(box.to("nobody@page.test")) > 0 {
		t.Error("nobody got a mail")
	}
}
