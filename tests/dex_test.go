//go:build dex

package tests

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// dex is the OpenID provider of that name, in a process of its own. What it keeps is gone
// with the process.
type dex struct {
	URL    string // the issuer
	config string
	cmd    *osexec.Cmd
	log    *syncBuffer
}

// startDex starts what make dist/dex has built: its dependencies are many times ours, and
// so in a module of their own, tests/dex. It has two clients and two people, and makes
// itself new keys all the time.
func startDex(t *testing.T) *dex {
	t.Helper()
	address := "127.0.0.1:" + freePort(t)
	hash, err := bcrypt.GenerateFromPassword([]byte("a password"), bcrypt.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	d := &dex{URL: "http://" + address + "/dex", config: filepath.Join(t.TempDir(), "dex.yaml")}
	config := fmt.Sprintf(`{issuer: %q, storage: {type: memory}, web: {http: %q}, enablePasswordDB: true,
signer: {type: local, config: {keysRotationPeriod: 2s}}, expiry: {idTokens: 5m},
oauth2: {skipApprovalScreen: true, passwordConnector: local},
staticClients: [{id: us, name: Us, secret: our secret, redirectURIs: ["http://%s/auth/v1/callback"]}, {id: them, name: Them, secret: their secret, redirectURIs: ["http://them.test/"]}],
staticPasswords: [{email: Ada@Example.com, username: ada, userID: the-first, hash: %q}, {email: eve@example.com, username: eve, userID: the-second, hash: %[4]q}]}`,
		d.URL, address, authHost, string(hash))
	if err := os.WriteFile(d.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start(t)
	t.Cleanup(d.stop)
	return d
}

func (d *dex) start(t *testing.T) {
	t.Helper()
	d.log = new(syncBuffer)
	d.cmd = osexec.Command("../dist/dex", "serve", d.config)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "dex serves", func() bool {
		res, err := http.Get(d.URL + "/.well-known/openid-configuration")
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil && res.StatusCode == http.StatusOK
	})
}

func (d *dex) stop() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
}

// leaves goes to dex by a server of ours, writes a password into its form and comes back
// as far as the callback. asked is what dex was asked.
func (d *dex) leaves(t *testing.T, v *visitor, person, password string, more ...string) (asked url.Values, callback *url.URL) {
	t.Helper()
	query := url.Values{"provider": {"dex"}, "redirect_to": {appURL}}
	for i := 0; i+1 < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	ask := *v.client
	ask.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/dex/auth") {
			asked = r.URL.Query()
		}
		return nil
	}
	page, err := ask.Get("http://" + authHost + "/auth/v1/authorize?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	_ = page.Body.Close()
	if page.StatusCode != http.StatusOK || !strings.HasPrefix(page.Request.URL.String(), d.URL) {
		t.Fatalf("%s is shown with %d", page.Request.URL, page.StatusCode)
	}
	res, err := v.client.PostForm(page.Request.URL.String(), url.Values{"login": {person}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	callback, _ = res.Location()
	return asked, callback
}

// comes signs a person in at dex.
func (d *dex) comes(t *testing.T, v *visitor, person string, more ...string) url.Values {
	t.Helper()
	_, callback := d.leaves(t, v, person, "a password", more...)
	if callback == nil {
		t.Fatalf("dex does not send %s back\n%s", person, d.log)
	}
	return v.arrives(t, callback)
}

// token asks dex for tokens.
func (d *dex) token(t *testing.T, client, secret string, form url.Values) (got struct {
	IDToken string `json:"id_token"`
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
},
) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, d.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, url.QueryEscape(secret))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if err := json.Unmarshal(body, &got); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("dex answers %s\n%s", res.Status, body)
	}
	return got
}

func TestPeopleSignInAtDex(t *testing.T) {
	t.Parallel()
	d, db := startDex(t), providersDB(t)
	one, two := startServer(t, db, providersEnv()...), startServer(t, db, providersEnv()...)
	one.code(t, "200", "PUT", "/auth/v1/admin/oauth-providers/dex", `{"client_id":"us","client_secret":"our secret","issuer":"`+d.URL+`"}`,
		"Authorization: Bearer "+serviceToken(t))
	v := newVisitor(t, one)

	asked, callback := d.leaves(t, v, "ada@example.com", "a password", "scopes", "offline_access", "state", "evil",
		"code_challenge", challenge(pkceVerifier), "code_challenge_method", "s256")
	if asked.Get("code_challenge_method") != "S256" || len(asked.Get("code_challenge")) != 43 || asked.Get("code_challenge") == challenge(pkceVerifier) ||
		len(asked.Get("state")) < 43 || len(asked.Get("nonce")) < 43 || asked.Get("scope") != "openid profile email offline_access" {
		t.Errorf("dex was asked with %v", asked)
	}
	v.to(two)
	told := v.arrives(t, callback)
	exchange := func(want, verifier string) answer {
		return one.code(t, want, "POST", "/auth/v1/token?grant_type=pkce", `{"auth_code":"`+told.Get("code")+`","code_verifier":"`+verifier+`"}`, apiVersion)
	}
	if told.Has("access_token") || told.Get("code") == "" {
		t.Fatalf("the application is told %v", told)
	}
	exchange("400 bad_code_verifier", strings.Repeat("x", 43))
	var got struct {
		session
		Access  string `json:"provider_token"`
		Refresh string `json:"provider_refresh_token"`
	}
	a := exchange("200", pkceVerifier)
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || got.User.Email != "ada@example.com" || got.Access == "" || got.Refresh == "" {
		t.Fatalf("got %s", a.Body)
	}
	ada := got.User.ID

	t.Run("what the application got is dex's", func(t *testing.T) {
		next := d.token(t, "us", "our secret", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}})
		if next.Access == "" || next.Refresh == "" || next.Refresh == got.Refresh {
			t.Errorf("got %+v", next)
		}
	})
	t.Run("a state is good once", func(t *testing.T) { out(t, "bad_oauth_state", v.arrives(t, callback)) })
	t.Run("a state that was never made", func(t *testing.T) {
		_, callback := d.leaves(t, v, "ada@example.com", "a password")
		query := callback.Query()
		query.Set("state", strings.Repeat("x", 43))
		callback.RawQuery = query.Encode()
		out(t, "bad_oauth_state", v.arrives(t, callback))
	})
	t.Run("the state of another browser", func(t *testing.T) {
		_, callback := d.leaves(t, v, "ada@example.com", "a password")
		out(t, "bad_oauth_state", newVisitor(t, two).arrives(t, callback))
	})
	t.Run("another's code in one's own sign-in", func(t *testing.T) {
		_, stolen := d.leaves(t, v, "ada@example.com", "a password")
		w := newVisitor(t, two)
		_, own := d.leaves(t, w, "eve@example.com", "a password")
		query := own.Query()
		query.Set("code", stolen.Query().Get("code"))
		own.RawQuery = query.Encode()
		out(t, "bad_oauth_callback", w.arrives(t, own)) // dex sees another verifier
	})
	t.Run("a wrong password stays with dex", func(t *testing.T) {
		if _, callback := d.leaves(t, v, "ada@example.com", "another"); callback != nil {
			t.Errorf("sent to %s", callback)
		}
	})
	t.Run("twenty tabs of somebody new make one user", func(t *testing.T) {
		var users sync.Map
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				users.Store(in(t, d.comes(t, newVisitor(t, []*server{one, two}[i%2]), "eve@example.com")), true)
			})
		}
		all.Wait()
		n := 0
		users.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d users", n)
		}
	})
	t.Run("an ID token", func(t *testing.T) {
		sum := sha256.Sum256([]byte("a nonce"))
		form := url.Values{
			"grant_type": {"password"}, "username": {"ada@example.com"}, "password": {"a password"}, "scope": {"openid email profile"},
			"nonce": {hex.EncodeToString(sum[:])},
		}
		ours, theirs := d.token(t, "us", "our secret", form), d.token(t, "them", "their secret", form)
		takes := func(want, token, access, nonce string) answer {
			return two.code(t, want, "POST", "/auth/v1/token?grant_type=id_token",
				`{"provider":"dex","id_token":"`+token+`","access_token":"`+access+`","nonce":"`+nonce+`"}`, apiVersion)
		}
		a := takes("200", ours.IDToken, ours.Access, "a nonce")
		if !strings.Contains(a.Body, `"id":"`+ada+`"`) && !strings.Contains(a.Body, `"id": "`+ada+`"`) {
			t.Errorf("got %s, want %s", a.Body, ada)
		}
		takes("400 bad_id_token", ours.IDToken, ours.Access, "another")
		takes("400 bad_id_token", ours.IDToken, theirs.Access, "a nonce")
		takes("400 unexpected_audience", theirs.IDToken, theirs.Access, "a nonce")
		parts, other := strings.Split(ours.IDToken, "."), strings.Split(theirs.IDToken, ".")
		takes("400 bad_id_token", parts[0]+"."+other[1]+"."+parts[2], theirs.Access, "a nonce")
	})
	t.Run("keys that change all the time", func(t *testing.T) {
		kids := map[string]bool{}
		for began := time.Now(); len(kids) < 2 || time.Since(began) < min(*soak, time.Minute); {
			if user := in(t, d.comes(t, v, "ada@example.com")); user != ada {
				t.Fatalf("got user %s, want %s", user, ada)
			}
			form := url.Values{"grant_type": {"password"}, "username": {"ada@example.com"}, "password": {"a password"}, "scope": {"openid"}}
			head, _, _ := strings.Cut(d.token(t, "us", "our secret", form).IDToken, ".")
			kids[head] = true
		}
	})
	t.Run("a provider that is away, and comes back with nothing", func(t *testing.T) {
		_, callback := d.leaves(t, v, "ada@example.com", "a password")
		d.stop()
		if told := v.arrives(t, callback); told.Get("error") != "server_error" || told.Has("code") {
			t.Errorf("got %v", told)
		}
		d.start(t)
		if user := in(t, d.comes(t, v, "ada@example.com")); user != ada {
			t.Errorf("got user %s, want %s", user, ada)
		}
	})
}
