package token

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kelseyhightower/envconfig"
)

func TestConfigComesFromTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"SECRET": "x", "SECRET_IS_BASE64": "true", "AUD": "app", "ROLE_CLAIM": ".r", "CACHE_SIZE": "7", "ANON_ROLE": "",
	} {
		t.Setenv("FLUXBASE_JWT_"+name, value)
	}
	var c Config
	if err := envconfig.Process("FLUXBASE_JWT", &c); err != nil {
		t.Fatal(err)
	}
	if want := (Config{"x", "", true, "app", ".r", 7, ""}); c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func TestConfigHasWorkingDefaults(t *testing.T) {
	var c Config
	if err := envconfig.Process("FLUXBASE_JWT_TEST_DEFAULTS", &c); err != nil {
		t.Fatal(err)
	}
	if want := (Config{RoleClaim: "role", CacheSize: 1000, AnonRole: "anon"}); c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
}

func TestCheckNamesEveryMistake(t *testing.T) {
	t.Parallel()
	c := Config{Secret: "hunter2hunter2", Aud: "http://%%localhost.invalid", RoleClaim: "a.b", AnonRole: "none"}
	err := c.Check()
	if err == nil {
		t.Fatal("four mistakes passed")
	}
	for _, name := range []string{"SECRET", "AUD", "ROLE_CLAIM", "ANON_ROLE"} {
		if n := strings.Count(err.Error(), "FLUXBASE_JWT_"+name+":"); n != 1 {
			t.Errorf("%s is named %d times in:\n%v", name, n, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the secret is in the message:\n%v", err)
	}
	if v, newErr := New(c); v != nil || newErr == nil || newErr.Error() != err.Error() {
		t.Errorf("New gave %v and %v, want what Check says", v, newErr)
	}
}

func TestSecretsThatAreRefused(t *testing.T) {
	t.Parallel()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	k := testKeys()
	for _, tt := range []struct {
		name, secret string
		isBase64     bool
		hint         string
	}{
		{"short", "xyzzy-secret", false, "at least 32"},
		{"short when decoded", base64.StdEncoding.EncodeToString([]byte("xyzzy-secret")), true, "at least 32"},
		{"not base64", "xyzzy-secret!", true, "not base64"},
		{"no such file", "@/xyzzy-secret/none", false, "no such file"},
		{"broken JSON", `{"kty":"oct","k":"xyzzy-secret`, false, "not valid JSON"},
		{"JSON but no key", `{"xyzzy-secret":1}`, false, "not a valid JWK"},
		{"empty set", `{"keys":[]}`, false, "holds no key"},
		{"unknown kind alone", `{"kty":"xyzzy-secret"}`, false, "holds no key"},
		{"for encryption alone", `{"kty":"oct","use":"enc","k":"` + b64(secret) + `"}`, false, "holds no key"},
		{"short k", `{"kty":"oct","k":"` + b64("xyzzy-secret") + `"}`, false, "at least 32"},
		{"short k for HS512", jwk(t, []byte(secret), "", "HS512"), false, "at least 64"},
		{"short k for HS384", jwk(t, []byte(secret), "", "HS384"), false, "at least 48"},
		{"weak RSA", jwk(t, public(weak), "", ""), false, "at least 2048"},
		{"RSA that claims to be HMAC", jwk(t, public(k.rsa), "", "HS256"), false, "cannot have the alg"},
		{"P-256 that claims ES384", jwk(t, public(k.ec), "", "ES384"), false, "cannot have the alg"},
		{"second of a set", jwks(jwk(t, []byte(secret), "", ""), `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`), false, "key 2 of 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := Config{Secret: tt.secret, SecretIsBase64: tt.isBase64}
			err := c.Check()
			if err == nil || !strings.HasPrefix(err.Error(), "FLUXBASE_JWT_SECRET: ") || !strings.Contains(err.Error(), tt.hint) {
				t.Fatalf("got %v, want a message about FLUXBASE_JWT_SECRET with %q", err, tt.hint)
			}
			if strings.Contains(err.Error(), "xyzzy") || strings.Contains(err.Error(), b64("xyzzy-secret")) {
				t.Errorf("the secret is in the message: %v", err)
			}
		})
	}
}

func TestSecretsThatAreTaken(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "@" + path
	}
	binary := secret + "\xff\xfe\xfb"
	for _, tt := range []struct {
		name, secret string
		isBase64     bool
		key          string
	}{
		{"text", secret, false, secret},
		{"text with a space and an @", " @" + secret, false, " @" + secret},
		{"file", file(secret), false, secret},
		{"file that ends its line", file(secret + "\n"), false, secret},
		{"base64", base64.StdEncoding.EncodeToString([]byte(binary)), true, binary},
		{"base64 for URLs", strings.ReplaceAll(base64.URLEncoding.EncodeToString([]byte(binary+"x")), "=", "."), true, binary + "x"},
		{"base64 in a file", file(base64.StdEncoding.EncodeToString([]byte(binary)) + "\r\n"), true, binary},
		{"JWK in a file", file("\n" + jwk(t, []byte(secret), "", "") + "\n"), false, secret},
		{"JWK in base64", base64.StdEncoding.EncodeToString([]byte(jwk(t, []byte(secret), "", ""))), true, secret},
		{"set with a stranger", jwks(`{"kty":"AKP-next"}`, `{"kty":"oct","use":"enc","k":"AA"}`, jwk(t, []byte(secret), "", "")), false, secret},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := newVerifier(t, Config{Secret: tt.secret, SecretIsBase64: tt.isBase64}).Verify(t.Context(), sign(tt.key, hsHeader, `{"role":"editor"}`))
			wantCaller(t, got, err, "editor", `{"role":"editor"}`)
		})
	}
}
