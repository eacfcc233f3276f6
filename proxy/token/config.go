package token

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

const (
	defaultRoleClaim = "role"
	minSecret        = 32 // RFC 7518 section 3.2: at least the size of the hash
)

// Config says which tokens are trusted.
type Config struct {
	Secret         string `envconfig:"FLUXBASE_JWT_SECRET" secret:"true" pgrst:"jwt-secret" file:"true" desc:"What JWTs are verified with: a text of at least 32 bytes (HS256), a JWK or JWKS as JSON (HS, RS, PS, ES, EdDSA), or @path of a file that holds one of these. Empty: no token is accepted, only anonymous requests are."`
	JWKSURL        string `envconfig:"FLUXBASE_JWKS_URL" pgrst:"-" desc:"Where the issuer of tokens publishes its public keys, as a JWK set: https, or http on this machine. Fetched at the start and then as its Cache-Control says, and at once for a token of a key that is not known; known keys hold for a day while it is away. Beside FLUXBASE_JWT_SECRET or instead of it."`
	SecretIsBase64 bool   `envconfig:"FLUXBASE_JWT_SECRET_IS_BASE64" default:"false" pgrst:"jwt-secret-is-base64,secret-is-base64" desc:"The secret is base64 (standard or URL alphabet) and decoded first. Off, because most secrets are plain text."`
	Aud            string `envconfig:"FLUXBASE_JWT_AUD" pgrst:"jwt-aud" desc:"The audience that a token's aud claim must name, a text or a URI. Empty: any; a token without aud always passes, because many issuers send none."`
	RoleClaim      string `envconfig:"FLUXBASE_JWT_ROLE_CLAIM" default:"role" pgrst:"jwt-role-claim-key,role-claim-key" desc:"Where in the claims the database role is: a name, or a path such as $.app.roles[0], .realm_access.roles[?(@ == \"editor\")] or $['https://example.com/role']. role, because that is where Supabase and PostgREST look."`
	CacheSize      int    `envconfig:"FLUXBASE_JWT_CACHE_SIZE" default:"1000" pgrst:"jwt-cache-max-entries" desc:"How many verified tokens are remembered, so that a signature is checked once. An entry takes about 1 KiB; all together take at most 16 MiB. 0 remembers none."`
	AnonRole       string `envconfig:"FLUXBASE_JWT_ANON_ROLE" default:"anon" pgrst:"db-anon-role" dropin:"" desc:"The database role of requests without a token, and of tokens without a role. Empty: such requests are refused with PGRST302."`
}

// Check returns every mistake in the configuration at once, each with its
// variable and the way to mend it, or nil. It reads the file that @path names.
// No part of a secret is in its text.
func (c *Config) Check() error {
	_, keyErr := c.keys()
	_, pathErr := c.rolePath()
	return errors.Join(keyErr, pathErr, checkJWKSURL(c.JWKSURL), c.checkAud(), c.checkAnonRole())
}

// keys loads the secret; nil and no error when there is none.
func (c *Config) keys() ([]key, error) {
	if c.Secret == "" {
		return nil, nil
	}
	secret, err := c.secret()
	if err == nil {
		var keys []key
		if keys, err = parseKeys(secret); err == nil {
			return keys, nil
		}
	}
	return nil, fmt.Errorf("FLUXBASE_JWT_SECRET: %w", err)
}

func (c *Config) secret() ([]byte, error) {
	secret := []byte(c.Secret)
	if path, ok := strings.CutPrefix(c.Secret, "@"); ok {
		text, err := os.ReadFile(path)
		if err != nil {
			// Without the path: it may be a secret that happens to begin with @.
			var cause *os.PathError
			if errors.As(err, &cause) {
				err = cause.Err
			}
			return nil, fmt.Errorf("the file after @ can't be read: %w; name one that this process may read", err)
		}
		secret = bytes.TrimSuffix(text, []byte("\n"))
	}
	if !c.SecretIsBase64 {
		return secret, nil
	}
	// As PostgREST: both alphabets, and "." for padding as some URLs have it.
	text := strings.NewReplacer("_", "/", "-", "+", ".", "=").Replace(strings.TrimSpace(string(secret)))
	secret, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("is not base64; correct it, or set FLUXBASE_JWT_SECRET_IS_BASE64=false")
	}
	return secret, nil
}

func (c *Config) rolePath() (rolePath, error) {
	claim := c.RoleClaim
	if claim == "" {
		claim = defaultRoleClaim
	}
	path, err := parseRolePath(claim)
	if err != nil {
		return nil, fmt.Errorf("FLUXBASE_JWT_ROLE_CLAIM: %w", err)
	}
	return path, nil
}

// checkAud holds to RFC 7519's StringOrURI: what has a colon must be a URI.
func (c *Config) checkAud() error {
	if !strings.Contains(c.Aud, ":") {
		return nil
	}
	if u, err := url.Parse(c.Aud); err != nil || !u.IsAbs() {
		return errors.New("FLUXBASE_JWT_AUD: has a colon but is not a URI; give a name without colon, or a URI such as https://example.com")
	}
	return nil
}

func (c *Config) checkAnonRole() error {
	if c.AnonRole == "none" || strings.ContainsRune(c.AnonRole, 0) {
		return errors.New("FLUXBASE_JWT_ANON_ROLE: is not a role that can exist; name a database role, or leave it empty to refuse anonymous requests")
	}
	return nil
}
