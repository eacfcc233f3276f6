package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
)

// maxToken is more than any ID token has, in bytes.
const maxToken = 32 << 10

// algorithms are those by which only the provider can sign: with those of a shared secret
// anybody who has the secret could, and with none everybody.
var algorithms = []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"}

// idToken is one that was checked.
type idToken struct {
	*gooidc.IDToken
	claims map[string]any
}

// verify checks an ID token (OpenID Connect Core, 3.1.3.7) but for its nonce. clients are
// those whose it may be.
func (c *Client) verify(ctx context.Context, m *metadata, raw string, clients []string) (*idToken, error) {
	if raw == "" || len(raw) > maxToken {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrToken, len(raw))
	}
	good := []string{"RS256"}
	if len(m.Algorithms) > 0 {
		good = slices.DeleteFunc(slices.Clone(algorithms), func(a string) bool { return !slices.Contains(m.Algorithms, a) })
	}
	if len(good) == 0 {
		return nil, fmt.Errorf("%w: it signs by no algorithm that is good", ErrSetUp)
	}
	// Issuer and audience are checked below: of both there may be several.
	v := gooidc.NewVerifier(m.Issuer, m.keys, &gooidc.Config{SkipClientIDCheck: true, SkipIssuerCheck: true, SupportedSigningAlgs: good})
	checked, err := v.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	t := &idToken{IDToken: checked}
	if err := checked.Claims(&t.claims); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	switch {
	case !m.isIssuer(checked.Issuer, t.claims):
		return nil, fmt.Errorf("%w: it is of the issuer %q", ErrToken, checked.Issuer)
	case checked.Subject == "" || len(checked.Subject) > 255:
		return nil, fmt.Errorf("%w: it has no subject", ErrToken)
	case checked.IssuedAt.After(time.Now().Add(5 * time.Minute)):
		return nil, fmt.Errorf("%w: it is from the future", ErrToken)
	}
	return t, t.checkAudience(clients)
}

// checkAudience wants one of the clients, nobody else, and, where there are several, one
// to whom it was given.
func (t *idToken) checkAudience(clients []string) error {
	ours := func(name string) bool { return name != "" && slices.Contains(clients, name) }
	for _, name := range t.Audience {
		if !ours(name) {
			return fmt.Errorf("%w: %q", ErrAudience, name)
		}
	}
	to, _ := t.claims["azp"].(string)
	if len(t.Audience) == 0 || len(t.Audience) > 1 && !ours(to) {
		return fmt.Errorf("%w: it was given to %q", ErrAudience, to)
	}
	return nil
}

func (t *idToken) nonce() string { return t.Nonce }

// checkAccess compares an access token with the claim at_hash, where there is one.
func (t *idToken) checkAccess(access string) error {
	if t.AccessTokenHash == "" {
		return nil
	}
	if err := t.VerifyAccessToken(access); err != nil {
		return errors.Join(ErrToken, err)
	}
	return nil
}

// hashedNonce is what the ID token has of a nonce that an application made up; nothing of
// none.
func hashedNonce(nonce string) string {
	if nonce == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(nonce))
	return hex.EncodeToString(sum[:])
}
