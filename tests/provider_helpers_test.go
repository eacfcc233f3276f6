package tests

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// authHost is where FLUXBASE_PUBLIC_URL says that auth is; appURL is the application.
const authHost, appURL = "auth.test", "http://app.test/welcome"

// openID is an OpenID provider in this process: the real one of a library, whose users
// sign in as login_hint says. Its answers can be changed on their way.
type openID struct {
	URL     string
	storage *storage.Storage

	mu     sync.Mutex
	people map[string]*storage.User
	change func(claims map[string]any) // of ID tokens
	asked  []url.Values                // of the authorization endpoint
}

func startOpenID(t *testing.T) *openID {
	t.Helper()
	p := &openID{people: map[string]*storage.User{}}
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	p.URL = srv.URL
	client := storage.WebClient("us", "our secret", "http://"+authHost+"/auth/v1/callback")
	p.storage = storage.NewStorageWithClients(p, map[string]*storage.Client{"us": client})
	provider, err := op.NewProvider(&op.Config{
		CryptoKey: sha256.Sum256([]byte(t.Name())), CryptoKeyId: "key", CodeMethodS256: true, GrantTypeRefreshToken: true,
		SupportedUILocales: []language.Tag{language.English},
	}, p.storage, op.StaticIssuer(p.URL), op.WithAllowInsecure())
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("/login/username", func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("authRequestID")
		request, err := p.storage.AuthRequestByID(r.Context(), id)
		if err == nil {
			err = p.storage.CheckUsernamePassword(request.(*storage.AuthRequest).LoginHint, "a password", id)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, op.AuthCallbackURL(provider)(r.Context(), id), http.StatusFound)
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r.URL.Query())
		p.mu.Unlock()
		provider.ServeHTTP(w, r)
	})
	mux.HandleFunc("/oauth/token", func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		provider.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		var out map[string]any
		if raw, ok := "", rec.Code == http.StatusOK && json.Unmarshal(body, &out) == nil; ok {
			if raw, ok = out["id_token"].(string); ok {
				out["id_token"] = p.changed(t, raw)
				body, _ = json.Marshal(out)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	})
	mux.Handle("/", provider)
	return p
}

// changed signs the claims of an ID token again when they are to be others.
func (p *openID) changed(t *testing.T, raw string) string {
	p.mu.Lock()
	change := p.change
	p.mu.Unlock()
	if change == nil {
		return raw
	}
	payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Error(err)
	}
	change(claims)
	return p.sign(t, claims)
}

// changes has the claims of ID tokens changed; nil lets them be.
func (p *openID) changes(change func(map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.change = change
}

// last is what the authorization endpoint was asked last.
func (p *openID) last() url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[len(p.asked)-1]
}

// sign makes an ID token as the provider does.
func (p *openID) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	key, err := p.storage.SigningKey(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return signJWT(t, jose.SigningKey{Algorithm: key.SignatureAlgorithm(), Key: jose.JSONWebKey{Key: key.Key(), KeyID: key.ID()}}, claims)
}

func signJWT(t *testing.T, key jose.SigningKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(claims) // of texts and numbers
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// idToken makes one for us, of a subject; more replaces claims.
func (p *openID) idToken(t *testing.T, sub string, more map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": p.URL, "aud": "us", "sub": sub, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"email": sub + "@example.com", "email_verified": true,
	}
	maps.Copy(claims, more)
	return p.sign(t, claims)
}

// person has an account there.
func (p *openID) person(name, email string, verified bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.people[name] = &storage.User{
		ID: name, Username: name, Password: "a password", FirstName: "Ada", LastName: "Lovelace", Email: email, EmailVerified: verified,
		PreferredLanguage: language.English,
	}
}

// GetUserByID is part of storage.UserStore.
func (p *openID) GetUserByID(id string) *storage.User {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.people[id]
}

// GetUserByUsername is part of storage.UserStore.
func (p *openID) GetUserByUsername(name string) *storage.User { return p.GetUserByID(name) }

// ExampleClientID is part of storage.UserStore.
func (p *openID) ExampleClientID() string { return "none" }

// providersEnv is what servers of these tests take beside startAuth's.
func providersEnv() []string {
	return append(authEnv(), "FLUXBASE_PUBLIC_URL=http://"+authHost, "FLUXBASE_AUTH_PRIVATE_ADDRESSES=true")
}

// offer has a server offer a provider under a name.
func (p *openID) offer(t *testing.T, s *server, name string, more ...string) {
	t.Helper()
	fields := append([]string{`"client_id":"us","client_secret":"our secret","issuer":"` + p.URL + `"`}, more...)
	s.code(t, "200", "PUT", "/auth/v1/admin/oauth-providers/"+name, "{"+strings.Join(fields, ",")+"}", "Authorization: Bearer "+serviceToken(t))
}

func serviceToken(t *testing.T) string {
	return signToken(t, map[string]any{"role": "service_role", "exp": time.Now().Add(time.Hour).Unix()})
}

// providersDB is a database of which auth sends people to the application.
func providersDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	set(t, db, "site_url", `"http://app.test"`)
	return db
}

// visitor is a browser, for which auth is at a process of our choice.
type visitor struct {
	client *http.Client
	mu     sync.Mutex
	at     *server
}

func newVisitor(t *testing.T, s *server) *visitor {
	t.Helper()
	v := &visitor{at: s}
	jar, _ := cookiejar.New(nil)
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, _ := strings.Cut(address, ":"); host == authHost {
			v.mu.Lock()
			u, err := url.Parse(v.at.URL)
			v.mu.Unlock()
			if err != nil {
				return nil, err
			}
			address = u.Host
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	v.client = &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "app.test" || v.stops(r.URL) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return v
}

// stops tells a URL that only a test goes to, when it wants.
func (v *visitor) stops(u *url.URL) bool { return u.Host == authHost && u.Path == "/auth/v1/callback" }

// to moves auth to another process.
func (v *visitor) to(s *server) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at = s
}

// goes opens a URL and gives where it is sent in the end, or the status if nowhere.
func (v *visitor) goes(t *testing.T, address string) (to *url.URL, status int) {
	t.Helper()
	res, err := v.client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	to, err = res.Location()
	if err != nil {
		return nil, res.StatusCode
	}
	return to, res.StatusCode
}

// leaves goes to a provider as a person and comes back as far as the callback.
func (v *visitor) leaves(t *testing.T, provider, person string, more ...string) (callback *url.URL) {
	t.Helper()
	query := url.Values{"provider": {provider}, "redirect_to": {appURL}, "login_hint": {person}}
	for i := 0; i+1 < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	callback, status := v.goes(t, "http://"+authHost+"/auth/v1/authorize?"+query.Encode())
	if callback == nil || callback.Query().Get("code") == "" {
		t.Fatalf("%s at %s: status %d, sent to %v", person, provider, status, callback)
	}
	return callback
}

// arrives opens a callback and gives what the application is told.
func (v *visitor) arrives(t *testing.T, callback *url.URL) (told url.Values) {
	t.Helper()
	to, status := v.goes(t, callback.String())
	if to == nil || to.Host != "app.test" {
		t.Fatalf("status %d, sent to %v", status, to)
	}
	told = to.Query()
	fragment, err := url.ParseQuery(to.Fragment)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(told, fragment)
	return told
}

// comes signs a person in at a provider, without PKCE.
func (v *visitor) comes(t *testing.T, provider, person string, more ...string) url.Values {
	t.Helper()
	return v.arrives(t, v.leaves(t, provider, person, more...))
}

// in wants a session and gives the user of it.
func in(t *testing.T, told url.Values) (user string) {
	t.Helper()
	if told.Get("access_token") == "" || told.Get("refresh_token") == "" {
		t.Fatalf("no session: %v", told)
	}
	return claimsOf(t, told.Get("access_token"))["sub"].(string)
}

// out wants a refusal of a code.
func out(t *testing.T, code string, told url.Values) {
	t.Helper()
	if told.Get("error_code") != code || told.Has("access_token") || told.Has("code") {
		t.Errorf("got %v, want %s", told, code)
	}
}
