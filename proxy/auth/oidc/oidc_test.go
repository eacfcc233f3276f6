package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// issuer publishes itself and one key, and counts who asks.
type issuer struct {
	*httptest.Server
	key           *ecdsa.PrivateKey
	kid           atomic.Value // its name, a string
	doc           map[string]any
	asked, keyed  atomic.Int32
	answers       map[string]string // of other paths
	authorization string            // of the last request to one
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &issuer{key: key, answers: map[string]string{}}
	s.kid.Store("one")
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			s.asked.Add(1)
			_ = json.NewEncoder(w).Encode(s.doc)
		case "/keys":
			s.keyed.Add(1)
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: s.kid.Load().(string), Algorithm: "ES256", Use: "sig"}}})
		default:
			s.authorization = r.Header.Get("Authorization")
			if body, ok := s.answers[r.URL.Path]; ok {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(body))
				return
			}
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	s.doc = map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token", "jwks_uri": s.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
	}
	return s
}

func (s *issuer) token(t *testing.T, kid string, more map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: s.key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"iss": s.URL, "aud": "us", "sub": "ada", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(claims, more)
	payload, _ := json.Marshal(claims) // of texts and numbers
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := signed.CompactSerialize()
	return text
}

func (s *issuer) provider() *Provider {
	return &Provider{Name: "it", Preset: "oidc", ClientID: "us", Issuer: s.URL}
}

func TestAnIssuerIsAskedOnceAndHasToBeItself(t *testing.T) {
	t.Parallel()
	s, c := startIssuer(t), New(true)
	for range 5 {
		if _, err := c.CheckIDToken(t.Context(), s.provider(), Token{ID: s.token(t, "one", nil)}); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for range 20 { // an attacker makes them up
		all.Go(func() {
			if _, err := c.CheckIDToken(t.Context(), s.provider(), Token{ID: s.token(t, "unknown", nil)}); !errors.Is(err, ErrToken) {
				t.Errorf("a token of an unknown key: %v", err)
			}
		})
	}
	all.Wait()
	// One who comes when the keys are there already makes them be asked for once more.
	if s.asked.Load() != 1 || s.keyed.Load() > 4 {
		t.Errorf("the document was asked for %d times, the keys %d times", s.asked.Load(), s.keyed.Load())
	}
	s.kid.Store("two") // signs from now on
	if _, err := c.CheckIDToken(t.Context(), s.provider(), Token{ID: s.token(t, "two", nil)}); err != nil {
		t.Errorf("a key that is new: %v", err)
	}

	impostor := startIssuer(t)
	impostor.doc["issuer"] = s.URL
	if _, err := c.CheckIDToken(t.Context(), impostor.provider(), Token{ID: s.token(t, "one", nil)}); !errors.Is(err, ErrSetUp) {
		t.Errorf("a document of another issuer: %v", err)
	}
	s.Close()
	if _, err := c.AuthURL(t.Context(), s.provider(), Start{}); err != nil {
		t.Errorf("what is known is asked for again: %v", err)
	}
	if _, err := New(false).AuthURL(t.Context(), s.provider(), Start{}); !errors.Is(err, ErrAway) {
		t.Errorf("it is reached in a private network: %v", err)
	}
}

func TestNobodyWhoAsksAloneEndsTheQuestionOfOthers(t *testing.T) {
	t.Parallel()
	s, c := startIssuer(t), New(true)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.AuthURL(gone, s.provider(), Start{}); err != nil {
		t.Errorf("the document is not fetched: %v", err)
	}
}

func TestAuthURLKeepsWhatIsOurs(t *testing.T) {
	t.Parallel()
	s, c := startIssuer(t), New(true)
	p := s.provider()
	p.Scopes = []string{"email", "calendar"}
	verifier := oauth2.GenerateVerifier()
	got, err := c.AuthURL(t.Context(), p, Start{
		State: "the state", Nonce: "the nonce", Verifier: verifier, RedirectURL: "https://us.example/callback", Scopes: []string{"calendar", "more"},
		More: url.Values{"prompt": {"consent"}, "state": {"x"}, "Redirect_URI": {"x"}, "nonce": {"x"}, "request": {"x"}, "request_uri": {"x"}, "response_type": {"token"}, "code_challenge": {"x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"client_id": {"us"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"}, "nonce": {"the nonce"},
		"prompt": {"consent"}, "redirect_uri": {"https://us.example/callback"}, "response_type": {"code"}, "scope": {"openid profile email calendar more"}, "state": {"the state"},
	}
	if u.Query().Encode() != want.Encode() {
		t.Errorf("got  %v\nwant %v", u.Query(), want)
	}
}

// What each provider says, as its documentation shows it, and what becomes of it.
func TestWhoEachProviderMeans(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		preset, claims, want string
	}{
		"google": {
			"google", `{"iss":"accounts.google.com","sub":"110","email":"ada@example.com","email_verified":true,"name":"Ada L","picture":"https://p","given_name":"Ada","family_name":"L","hd":"example.com","locale":"en"}`,
			`{"avatar_url":"https://p","custom_claims":{"hd":"example.com"},"email":"ada@example.com","email_verified":true,"family_name":"L","full_name":"Ada L","given_name":"Ada","iss":"https://accounts.google.com","locale":"en","name":"Ada L","phone_verified":false,"picture":"https://p","provider_id":"110","sub":"110"}`,
		},
		"github": {
			"github", `{"id":12345678901,"login":"ada","name":null,"email":"ada@example.com","email_verified":true,"avatar_url":"https://p"}`,
			`{"avatar_url":"https://p","email":"ada@example.com","email_verified":true,"full_name":"ada","iss":"https://api.github.com","name":"ada","phone_verified":false,"picture":"https://p","preferred_username":"ada","provider_id":"12345678901","sub":"12345678901","user_name":"ada"}`,
		},
		"gitlab": {
			"gitlab", `{"iss":"https://gitlab.com","sub":"7","email":"ada@example.com","email_verified":true,"name":"Ada","preferred_username":"ada","nickname":"ada"}`,
			`{"email":"ada@example.com","email_verified":true,"full_name":"Ada","iss":"https://gitlab.com","name":"Ada","nickname":"ada","phone_verified":false,"preferred_username":"ada","provider_id":"7","sub":"7","user_name":"ada"}`,
		},
		"apple": {
			"apple", `{"iss":"https://appleid.apple.com","sub":"001.a","email":"x@privaterelay.appleid.com","email_verified":"true","is_private_email":"true","name":"Ada L"}`,
			`{"custom_claims":{"is_private_email":true},"email":"x@privaterelay.appleid.com","email_verified":true,"full_name":"Ada L","iss":"https://appleid.apple.com","name":"Ada L","phone_verified":false,"provider_id":"001.a","sub":"001.a"}`,
		},
		"microsoft, of whom the domain is": {
			"azure", `{"iss":"https://login.microsoftonline.com/t/v2.0","sub":"s","tid":"t","email":"ada@example.com","xms_edov":"1","name":"Ada"}`,
			`{"custom_claims":{"tid":"t"},"email":"ada@example.com","email_verified":true,"full_name":"Ada","iss":"https://login.microsoftonline.com/t/v2.0","name":"Ada","phone_verified":false,"provider_id":"s","sub":"s"}`,
		},
		"microsoft, of whom nobody knows": {
			"azure", `{"iss":"https://login.microsoftonline.com/t/v2.0","sub":"s","tid":"t","email":"ada@example.com","email_verified":true}`,
			`{"custom_claims":{"tid":"t"},"email":"ada@example.com","email_verified":false,"iss":"https://login.microsoftonline.com/t/v2.0","phone_verified":false,"provider_id":"s","sub":"s"}`,
		},
		"discord": {
			"discord", `{"id":"80351110224678912","username":"ada","global_name":"Ada","avatar":"8342","email":"ada@example.com","verified":true}`,
			`{"avatar_url":"https://cdn.discordapp.com/avatars/80351110224678912/8342.png","custom_claims":{"global_name":"Ada"},"email":"ada@example.com","email_verified":true,"full_name":"Ada","iss":"https://discord.com/api","name":"Ada","phone_verified":false,"picture":"https://cdn.discordapp.com/avatars/80351110224678912/8342.png","preferred_username":"ada","provider_id":"80351110224678912","sub":"80351110224678912","user_name":"ada"}`,
		},
		"slack": {
			"slack_oidc", `{"iss":"https://slack.com","sub":"U1","https://slack.com/team_id":"T1","email":"ada@example.com","email_verified":true,"name":"Ada"}`,
			`{"custom_claims":{"https://slack.com/team_id":"T1"},"email":"ada@example.com","email_verified":true,"full_name":"Ada","iss":"https://slack.com","name":"Ada","phone_verified":false,"provider_id":"U1","sub":"U1"}`,
		},
		"one of OAuth 2.0": {
			"oauth2", `{"id":7,"username":"ada","email":"ada@example.com"}`,
			`{"email":"ada@example.com","email_verified":false,"iss":"https://api.example/me","phone_verified":false,"preferred_username":"ada","provider_id":"7","sub":"7","user_name":"ada"}`,
		},
		"one that says too much": {
			"oidc", `{"iss":"i","sub":"7","name":"a\u0000b","picture":"` + strings.Repeat("x", maxText+1) + `","groups":["a"],"email_verified":true}`,
			`{"email_verified":false,"full_name":"ab","iss":"i","name":"ab","phone_verified":false,"provider_id":"7","sub":"7"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := presets[tt.preset]
			m := set.fixed
			m.Issuer = set.issuer
			p := &Provider{Preset: tt.preset}
			if tt.preset == "oauth2" {
				p.UserinfoURL = "https://api.example/me"
			}
			var claims map[string]any
			if err := json.Unmarshal([]byte(tt.claims), &claims); err != nil {
				t.Fatal(err)
			}
			person, err := set.person(p, &m, claims)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := json.Marshal(person.Data)
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	for preset, set := range presets {
		if person, err := set.person(&Provider{}, &metadata{}, map[string]any{}); err == nil {
			t.Errorf("%s: %v is nobody", preset, person)
		}
	}
}

func TestGitHubTellsTheVerifiedAddress(t *testing.T) {
	t.Parallel()
	s, c := startIssuer(t), New(true)
	s.answers["/token"] = `{"access_token":"gho","token_type":"bearer","scope":"user:email"}`
	s.answers["/user"] = `{"id":1,"login":"ada","email":"shown@example.com"}`
	p := &Provider{Preset: "github", ClientID: "us", Secret: "s", TokenURL: s.URL + "/token", UserinfoURL: s.URL + "/user"}
	for list, want := range map[string]string{
		`[{"email":"a@example.com","verified":true},{"email":"b@example.com","primary":true,"verified":true}]`:  "b@example.com true",
		`[{"email":"a@example.com","verified":true},{"email":"b@example.com","primary":true,"verified":false}]`: "b@example.com false",
		`[]`: "<nil> false",
	} {
		s.answers["/user/emails"] = list
		person, tokens, err := c.Exchange(t.Context(), p, Return{Code: "c", Verifier: "v"})
		if err != nil {
			t.Fatal(err)
		}
		email := "<nil>"
		if said, ok := person.Data["email"].(string); ok {
			email = said
		}
		if got := email + map[bool]string{true: " true", false: " false"}[person.Data["email_verified"] == true]; got != want || tokens.Access != "gho" || s.authorization != "Bearer gho" {
			t.Errorf("%s: got %s", list, got)
		}
	}
	s.answers["/token"] = `{"error":"bad_verification_code","error_description":"the code c is wrong"}`
	if _, _, err := c.Exchange(t.Context(), p, Return{Code: "the secret code"}); !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "the secret code") {
		t.Errorf("a code that is refused: %v", err)
	}
}

func TestAppleTakesASignedSecret(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{Preset: "apple", ClientID: "com.example.web", TeamID: "TEAM", KeyID: "KEY", Secret: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
	secret, err := appleSecret(p)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(secret, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(key.Public())
	if err != nil || signed.Signatures[0].Header.KeyID != "KEY" {
		t.Fatalf("%v, key %q", err, signed.Signatures[0].Header.KeyID)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims["iss"] != "TEAM" || claims["sub"] != "com.example.web" || claims["aud"] != "https://appleid.apple.com" {
		t.Errorf("got %v", claims)
	}
	for _, bad := range []string{"", "a secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"} {
		p.Secret = bad
		if _, err := appleSecret(p); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if got := AppleName(`{"name":{"firstName":"Ada","lastName":"Lovelace"},"email":"evil@example.com"}`); got != "Ada Lovelace" {
		t.Errorf("the name is %q", got)
	}
	if got := AppleName(`{"name":`); got != "" {
		t.Errorf("the name is %q", got)
	}
}

func TestEachTenantOfMicrosoftSpeaksForItself(t *testing.T) {
	t.Parallel()
	m := &metadata{Issuer: azureHost + tenant + "/v2.0"}
	for _, tt := range []struct {
		name, tid string
		want      bool
	}{
		{azureHost + "t1/v2.0", "t1", true},
		{azureHost + "t1/v2.0", "t2", false},
		{azureHost + tenant + "/v2.0", "t1", false},
		{azureHost + "t1/x/v2.0", "t1/x", false},
		{azureHost + "/v2.0", "", false},
		{"https://evil.example/t1/v2.0", "t1", false},
	} {
		if got := m.isIssuer(tt.name, map[string]any{"tid": tt.tid}); got != tt.want {
			t.Errorf("%s of tenant %s: %t", tt.name, tt.tid, got)
		}
	}
}

func TestPresetsAreThoseOfTheDatabase(t *testing.T) {
	t.Parallel()
	want := []string{"apple", "azure", "discord", "github", "gitlab", "google", "oauth2", "oidc", "slack_oidc"}
	if got := slices.Sorted(maps.Keys(presets)); !slices.Equal(got, want) {
		t.Errorf("got %q, want those of the check in auth.oauth_providers: %q", got, want)
	}
}
