package auth

import (
	"crypto/sha256"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// pkce is how a client begins a flow that it alone can end (RFC 7636); empty for one that
// does not.
type pkce struct {
	Challenge string `json:"challenge,omitempty"`
	Method    string `json:"challenge_method,omitempty"`
}

// pkceFields are those of a body.
type pkceFields struct {
	Challenge string `json:"code_challenge"`
	Method    string `json:"code_challenge_method"`
}

// flow checks what a client sends.
func (in pkceFields) flow() (pkce, error) {
	switch {
	case in.Challenge == "" && in.Method == "":
		return pkce{}, nil
	case in.Challenge == "" || in.Method == "":
		return pkce{}, refuse("validation_failed", "PKCE flow requires code_challenge_method and code_challenge")
	}
	method := strings.ToLower(in.Method)
	if method != "s256" && method != "plain" {
		return pkce{}, refuse("validation_failed", "code_challenge_method is s256 or plain")
	}
	if !isVerifier(in.Challenge) {
		return pkce{}, refuse("validation_failed", "code challenge has to be between 43 and 128 characters of A-Z, a-z, 0-9, -, ., _ and ~")
	}
	return pkce{in.Challenge, method}, nil
}

// isVerifier tells the form of verifiers, and of challenges.
func isVerifier(s string) bool {
	return len(s) >= 43 && len(s) <= 128 && strings.IndexFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~", c)
	}) < 0
}

// exchange answers POST /token?grant_type=pkce: the code that a flow ended with, and the
// verifier of the challenge that it began with, for a session.
func exchange(h *Handler, c *call) error {
	var in struct {
		Code     string `json:"auth_code"`
		Verifier string `json:"code_verifier"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Code == "" || in.Verifier == "" {
		return refuse("validation_failed", "invalid request: both auth code and code verifier should be non-empty")
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.exchange_code($1::bytea, $2::text, $3::text, $4::inet)::text`,
		hashOfCode(in.Code), text(in.Verifier), c.agent(), c.address())
	if err != nil {
		return onToken(err)
	}
	return h.signIn(c, doc)
}

// hashOfCode is by what a code of a flow is found, as an argument.
func hashOfCode(code string) []byte {
	sum := sha256.Sum256([]byte(code))
	return bytea(sum[:])
}
