package tests

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestPeopleSignInAtAProviderThroughTwoProcesses(t *testing.T) {
	t.Parallel()
	p, db := startOpenID(t), providersDB(t)
	one, two := startServer(t, db, providersEnv()...), startServer(t, db, providersEnv()...)
	p.offer(t, one, "keycloak")
	p.person("ada", "Ada@Example.com", true)

	v := newVisitor(t, one)
	callback := v.leaves(t, "keycloak", "ada", "scopes", "offline_access", "prompt", "consent", "state", "evil", "client_id", "evil")
	asked := p.last()
	for name, want := range map[string]string{
		"client_id": "us", "response_type": "code", "code_challenge_method": "S256", "redirect_uri": "http://auth.test/auth/v1/callback",
		"scope": "openid profile email offline_access", "login_hint": "ada",
	} {
		if asked.Get(name) != want {
			t.Errorf("%s: the provider was asked with %q, want %q", name, asked.Get(name), want)
		}
	}
	if len(asked.Get("state")) < 43 || len(asked.Get("nonce")) < 43 || len(asked.Get("code_challenge")) != 43 || asked.Has("redirect_to") {
		t.Errorf("the provider was asked with %v", asked)
	}
	var held int
	scan(t, db, &held, `select count(*) from auth.oauth_states as s where s::text like '%' || $1 || '%'`, asked.Get("state"))
	if held != 0 {
		t.Error("the database holds the state itself")
	}

	v.to(two)
	told := v.arrives(t, callback)
	id := in(t, told)
	if told.Get("provider_token") == "" || told.Get("provider_refresh_token") == "" || !told.Has("sb") || told.Get("token_type") != "bearer" {
		t.Errorf("the application is told %v", told)
	}
	a := two.code(t, "200", "GET", "/auth/v1/user", "", "Authorization: Bearer "+told.Get("access_token"))
	var user struct {
		Email       string
		ConfirmedAt string         `json:"email_confirmed_at"`
		App         map[string]any `json:"app_metadata"`
		Said        map[string]any `json:"user_metadata"`
		Identities  []struct {
			ID, Provider, Email string
			Data                map[string]any `json:"identity_data"`
		}
	}
	if err := json.Unmarshal([]byte(a.Body), &user); err != nil {
		t.Fatal(err)
	}
	if aal := claimsOf(t, told.Get("access_token"))["aal"]; aal != "aal1" {
		t.Errorf("the session is of %v", aal)
	}
	if user.Email != "ada@example.com" || user.ConfirmedAt == "" || user.App["provider"] != "keycloak" || user.Said["full_name"] != "Ada Lovelace" {
		t.Errorf("got %s", a.Body)
	}
	if i := user.Identities; len(i) != 1 || i[0].ID != "ada" || i[0].Provider != "keycloak" || i[0].Data["sub"] != "ada" || i[0].Data["email_verified"] != true || i[0].Data["iss"] != p.URL {
		t.Errorf("identities: got %s", a.Body)
	}

	t.Run("a state is good once", func(t *testing.T) {
		out(t, "bad_oauth_state", v.arrives(t, callback))
	})
	t.Run("the same person is the same user", func(t *testing.T) {
		if again := in(t, v.comes(t, "keycloak", "ada")); again != id {
			t.Errorf("got user %s, want %s", again, id)
		}
	})
	t.Run("what the provider refuses is passed on", func(t *testing.T) {
		callback := v.leaves(t, "keycloak", "ada")
		query := callback.Query()
		query.Del("code")
		query.Set("error", "access_denied")
		query.Set("error_description", "The user <said> no\r\nLocation: http://evil.test")
		callback.RawQuery = query.Encode()
		told := v.arrives(t, callback)
		if told.Get("error") != "access_denied" || strings.ContainsAny(told.Get("error_description"), "\r\n") {
			t.Errorf("got %v", told)
		}
	})
	t.Run("what is not told in the log", func(t *testing.T) {
		for _, s := range []*server{one, two} {
			for what, secret := range map[string]string{"the secret": "our secret", "the code": callback.Query().Get("code"), "the token": told.Get("provider_token")} {
				if strings.Contains(s.Log(), secret) {
					t.Errorf("the log holds %s", what)
				}
			}
		}
		var plain int
		scan(t, db, &plain, `select count(*) from auth.oauth_providers as p where p::text like '%our secret%'`)
		if plain != 0 {
			t.Error("the secret is not sealed")
		}
	})
	t.Run("twenty tabs of somebody new make one user", func(t *testing.T) {
		p.person("new", "new@example.com", true)
		tabs := make([]*url.URL, 20)
		for i := range tabs {
			tabs[i] = v.leaves(t, "keycloak", "new")
		}
		users := sync.Map{}
		var all sync.WaitGroup
		for i, callback := range tabs {
			all.Go(func() {
				w := newVisitor(t, []*server{one, two}[i%2])
				w.client.Jar = v.client.Jar
				users.Store(in(t, w.arrives(t, callback)), true)
			})
		}
		all.Wait()
		n := 0
		users.Range(func(any, any) bool { n++; return true })
		var made int
		scan(t, db, &made, `select count(*) from auth.users where email = 'new@example.com'`)
		if n != 1 || made != 1 {
			t.Errorf("%d users signed in, %d were made", n, made)
		}
	})
	t.Run("twenty callbacks with one state sign in once", func(t *testing.T) {
		callback := v.leaves(t, "keycloak", "ada")
		came := make(chan url.Values, 20)
		var all sync.WaitGroup
		for i := range cap(came) {
			all.Go(func() {
				w := newVisitor(t, []*server{one, two}[i%2])
				w.client.Jar = v.client.Jar
				came <- w.arrives(t, callback)
			})
		}
		all.Wait()
		close(came)
		good := 0
		for told := range came {
			if told.Has("access_token") {
				good++
			} else {
				out(t, "bad_oauth_state", told)
			}
		}
		if good != 1 {
			t.Errorf("%d of them signed in, want 1", good)
		}
	})
}

// challenge is that of a verifier (RFC 7636, section 4.2).
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

const pkceVerifier = "a verifier, which nobody but the application has seen"

// The checklist of RFC 9700 where we are the client, and of RFC 9207.
func TestStrangersAtTheCallback(t *testing.T) {
	t.Parallel()
	p, other, db := startOpenID(t), startOpenID(t), providersDB(t)
	s := startServer(t, db, providersEnv()...)
	p.offer(t, s, "keycloak")
	other.offer(t, s, "other")
	p.person("ada", "ada@example.com", true)
	other.person("ada", "ada@example.com", true)
	v := newVisitor(t, s)

	with := func(callback *url.URL, name, value string) *url.URL {
		c := *callback
		query := c.Query()
		query.Set(name, value)
		c.RawQuery = query.Encode()
		return &c
	}
	t.Run("a state that was never made", func(t *testing.T) {
		out(t, "bad_oauth_state", v.arrives(t, with(v.leaves(t, "keycloak", "ada"), "state", strings.Repeat("x", 43))))
	})
	t.Run("no state", func(t *testing.T) {
		out(t, "bad_oauth_callback", v.arrives(t, with(v.leaves(t, "keycloak", "ada"), "state", "")))
	})
	t.Run("no code", func(t *testing.T) {
		out(t, "bad_oauth_callback", v.arrives(t, with(v.leaves(t, "keycloak", "ada"), "code", "")))
	})
	t.Run("a code that was never given", func(t *testing.T) {
		out(t, "bad_oauth_callback", v.arrives(t, with(v.leaves(t, "keycloak", "ada"), "code", "x")))
	})
	t.Run("a state that has expired", func(t *testing.T) {
		callback := v.leaves(t, "keycloak", "ada")
		exec(t, db, `update auth.oauth_states set expires_at = now()`)
		out(t, "bad_oauth_state", v.arrives(t, callback))
	})
	t.Run("another's sign-in in one's own browser", func(t *testing.T) {
		out(t, "bad_oauth_state", newVisitor(t, s).arrives(t, v.leaves(t, "keycloak", "ada")))
		w := newVisitor(t, s)
		w.leaves(t, "keycloak", "ada")
		out(t, "bad_oauth_state", w.arrives(t, v.leaves(t, "keycloak", "ada")))
	})
	t.Run("another's code in one's own sign-in", func(t *testing.T) {
		stolen := v.leaves(t, "keycloak", "ada").Query().Get("code")
		w := newVisitor(t, s)
		// Its challenge is that of the other sign-in.
		out(t, "bad_oauth_callback", w.arrives(t, with(w.leaves(t, "keycloak", "ada"), "code", stolen)))
	})
	t.Run("a code of another provider", func(t *testing.T) {
		stolen := v.leaves(t, "other", "ada").Query().Get("code")
		out(t, "bad_oauth_callback", v.arrives(t, with(v.leaves(t, "keycloak", "ada"), "code", stolen)))
	})
	t.Run("the issuer of another provider", func(t *testing.T) {
		callback := v.leaves(t, "keycloak", "ada")
		out(t, "bad_oauth_callback", v.arrives(t, with(callback, "iss", other.URL)))
		in(t, v.arrives(t, with(v.leaves(t, "keycloak", "ada"), "iss", p.URL)))
	})
	for name, change := range map[string]func(map[string]any){
		"the nonce of another sign-in": func(c map[string]any) { c["nonce"] = "another" },
		"no nonce":                     func(c map[string]any) { delete(c, "nonce") },
		"another audience":             func(c map[string]any) { c["aud"] = "them" },
		"an audience beside us":        func(c map[string]any) { c["aud"] = []string{"us", "them"} },
		"another issuer":               func(c map[string]any) { c["iss"] = other.URL },
		"expired long ago":             func(c map[string]any) { c["exp"] = 1 },
		"another access token":         func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" },
		"another subject":              func(c map[string]any) { c["sub"] = "eve" },
		"no subject":                   func(c map[string]any) { delete(c, "sub") },
	} {
		// In order: they change one provider.
		t.Run("an ID token with "+name, func(t *testing.T) {
			p.changes(change)
			defer p.changes(nil)
			told := v.comes(t, "keycloak", "ada")
			if told.Get("error_code") == "" || told.Has("access_token") {
				t.Errorf("got %v", told)
			}
		})
	}
	t.Run("a site that is not on the list", func(t *testing.T) {
		for _, to := range []string{"http://evil.test/", "http://app.test@evil.test/", "//evil.test", "javascript:alert(1)", "http://app.test.evil.test"} {
			callback := v.leaves(t, "keycloak", "ada", "redirect_to", to)
			if sent, _ := v.goes(t, callback.String()); sent == nil || sent.Host != "app.test" {
				t.Errorf("%s: sent to %v", to, sent)
			}
		}
	})
	t.Run("a sign-in of whom nobody asked", func(t *testing.T) {
		for want, query := range map[string]string{
			"400 provider_disabled": "provider=nobody", "400 validation_failed": "provider=keycloak&code_challenge=abc&code_challenge_method=s256",
		} {
			s.code(t, want, "GET", "/auth/v1/authorize?"+query, "", apiVersion)
		}
		s.code(t, "200", "PUT", "/auth/v1/admin/oauth-providers/keycloak", `{"enabled":false}`, "Authorization: Bearer "+serviceToken(t))
		s.code(t, "400 provider_disabled", "GET", "/auth/v1/authorize?provider=keycloak", "", apiVersion)
		s.code(t, "200", "PUT", "/auth/v1/admin/oauth-providers/keycloak", `{"enabled":true}`, "Authorization: Bearer "+serviceToken(t))
		s.code(t, "401 no_authorization", "PUT", "/auth/v1/admin/oauth-providers/keycloak", `{"enabled":false}`, apiVersion)
		s.code(t, "403 not_admin", "GET", "/auth/v1/admin/oauth-providers", "", "Authorization: Bearer "+userToken(t, "ada"), apiVersion)
	})
	t.Run("a session without the verifier", func(t *testing.T) {
		told := v.comes(t, "keycloak", "ada", "code_challenge", challenge(pkceVerifier), "code_challenge_method", "s256")
		if told.Has("access_token") || told.Get("code") == "" {
			t.Fatalf("got %v", told)
		}
		exchange := func(want, verifier string) answer {
			return s.code(t, want, "POST", "/auth/v1/token?grant_type=pkce", `{"auth_code":"`+told.Get("code")+`","code_verifier":"`+verifier+`"}`, apiVersion)
		}
		var sealed string
		scan(t, db, &sealed, `select provider_access_token from auth.flow_state where used_at is null and provider_access_token is not null`)
		if !strings.HasPrefix(sealed, "fbs1.") {
			t.Errorf("the provider's token is kept as %q", sealed)
		}
		exchange("400 bad_code_verifier", strings.Repeat("x", 43))
		if a := exchange("200", pkceVerifier); !strings.Contains(a.Body, `"provider_token":"`) {
			t.Errorf("got %s", a.Body)
		}
	})
	t.Run("a form from elsewhere", func(t *testing.T) {
		form := v.leaves(t, "keycloak", "ada").Query()
		form.Set("evil", "1")
		res, err := v.client.PostForm("http://"+authHost+"/auth/v1/callback", form)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		to, err := res.Location()
		if res.StatusCode != 303 || err != nil || to.Host != authHost || to.Query().Has("evil") {
			t.Fatalf("got %d, %s", res.StatusCode, to)
		}
		in(t, v.arrives(t, to))
	})
	t.Run("a provider within our network", func(t *testing.T) {
		careful := startServer(t, db, append(authEnv(), "FLUXBASE_PUBLIC_URL=http://"+authHost)...)
		a := careful.code(t, "502 provider_unavailable", "GET", "/auth/v1/authorize?provider=keycloak", "", apiVersion)
		if strings.Contains(a.Body, "127.0.0.1") {
			t.Errorf("it is told where: %s", a.Body)
		}
	})
}

func TestAnIDTokenOfAnotherIsNoSignIn(t *testing.T) {
	t.Parallel()
	p, other, db := startOpenID(t), startOpenID(t), providersDB(t)
	s := startServer(t, db, providersEnv()...)
	p.offer(t, s, "keycloak", `"additional_client_ids":["our phone app"]`)
	takes := func(t *testing.T, want, token string, more ...string) answer {
		t.Helper()
		body := `{"provider":"keycloak","id_token":"` + token + `"` + strings.Join(append([]string{""}, more...), ",") + `}`
		return s.code(t, want, "POST", "/auth/v1/token?grant_type=id_token", body, apiVersion)
	}
	sum := sha256.Sum256([]byte("a nonce"))
	nonce := map[string]any{"nonce": hex.EncodeToString(sum[:])}

	takes(t, "200", p.idToken(t, "ada", nil))
	takes(t, "200", p.idToken(t, "ada", map[string]any{"aud": "our phone app"}))
	takes(t, "200", p.idToken(t, "ada", nonce), `"nonce":"a nonce"`)
	for name, tt := range map[string]struct {
		want, token string
		more        []string
	}{
		"another nonce":     {"400 bad_id_token", p.idToken(t, "ada", nonce), []string{`"nonce":"another"`}},
		"a nonce kept back": {"400 bad_id_token", p.idToken(t, "ada", nonce), nil},
		"a nonce made up":   {"400 bad_id_token", p.idToken(t, "ada", nil), []string{`"nonce":"a nonce"`}},
		"the hash itself":   {"400 bad_id_token", p.idToken(t, "ada", nonce), []string{`"nonce":"` + hex.EncodeToString(sum[:]) + `"`}},
		"another app":       {"400 unexpected_audience", p.idToken(t, "ada", map[string]any{"aud": "their app"}), nil},
		"another app, too":  {"400 unexpected_audience", p.idToken(t, "ada", map[string]any{"aud": []string{"us", "their app"}}), nil},
		"no app":            {"400 unexpected_audience", p.idToken(t, "ada", map[string]any{"aud": []string{}}), nil},
		"another issuer":    {"400 bad_id_token", p.idToken(t, "ada", map[string]any{"iss": "https://accounts.google.com"}), nil},
		"expired":           {"400 bad_id_token", p.idToken(t, "ada", map[string]any{"exp": 1}), nil},
		"without an end":    {"400 bad_id_token", p.idToken(t, "ada", map[string]any{"exp": nil}), nil},
		"from the future":   {"400 bad_id_token", p.idToken(t, "ada", map[string]any{"iat": 1 << 40, "exp": 1 << 41}), nil},
		"another's key":     {"400 bad_id_token", other.idToken(t, "ada", map[string]any{"iss": p.URL}), nil},
		"not one":           {"400 bad_id_token", "x.y.z", nil},
		"nothing":           {"400 validation_failed", "", nil},
		"another access token": {
			"400 bad_id_token", p.idToken(t, "ada", map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), []string{`"access_token":"x"`},
		},
	} {
		t.Run(name, func(t *testing.T) { takes(t, tt.want, tt.token, tt.more...) })
	}

	t.Run("another algorithm", func(t *testing.T) {
		good := strings.Split(p.idToken(t, "ada", nil), ".")
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
		takes(t, "400 bad_id_token", none+"."+good[1]+".")
		takes(t, "400 bad_id_token", none+"."+good[1]+"."+good[2])
		// The public key, which everybody has, as if it were a shared secret; and the secret
		// that the provider does share.
		keys, err := http.Get(p.URL + "/keys")
		if err != nil {
			t.Fatal(err)
		}
		defer keys.Body.Close()
		var set jose.JSONWebKeySet
		if err := json.NewDecoder(keys.Body).Decode(&set); err != nil || len(set.Keys) == 0 {
			t.Fatal(err, len(set.Keys))
		}
		public, _ := set.Keys[0].MarshalJSON()
		payload, _ := base64.RawURLEncoding.DecodeString(good[1])
		var claims map[string]any
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		for _, key := range [][]byte{public, []byte("our secret, made long enough to sign with it")} {
			jwk := jose.JSONWebKey{Key: key, KeyID: set.Keys[0].KeyID}
			takes(t, "400 bad_id_token", signJWT(t, jose.SigningKey{Algorithm: jose.HS256, Key: jwk}, claims))
		}
	})

	t.Run("an access token of ours", func(t *testing.T) {
		takes(t, "400 bad_id_token", userToken(t, "ada"))
	})
}

func TestTheClientSignsInAtProviders(t *testing.T) {
	t.Parallel()
	p, db := startOpenID(t), providersDB(t)
	set(t, db, "manual_linking_enabled", "true")
	set(t, db, "anonymous_users_enabled", "true")
	one, two := startServer(t, db, providersEnv()...), startServer(t, db, providersEnv()...)
	p.offer(t, one, "keycloak")
	p.person("ada", "ada@example.com", true)
	p.person("ada elsewhere", "ada@elsewhere.example", true)
	sum := sha256.Sum256([]byte("a nonce"))
	runNode(t, one, "providers.test.mjs", "FLUXBASE_TEST_URL_2="+two.URL,
		"FLUXBASE_TEST_ID_TOKEN="+p.idToken(t, "bob", map[string]any{"nonce": hex.EncodeToString(sum[:])}))
}
