package auth

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fluxbase/fluxbase/proxy/auth/password"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

// passwordRules is what auth.password_rules returns.
type passwordRules struct {
	password.Rules
	SiteURL string   `json:"site_url"`
	Words   []string `json:"words"`
}

// weak tells why a password may not be set by the user of an address and a phone; nil if it may.
func (h *Handler) weak(rules passwordRules, text, email, phone string) *password.Weak {
	return rules.Check(text, append([]string{email, phone, rules.SiteURL, h.URL}, rules.Words...)...)
}

// hashNew returns the hash of a password that a user wants to have, or weak_password.
func (h *Handler) hashNew(c *call, text, email, phone string) (string, error) {
	doc, err := h.ask(c, pg.ReadOnly, `select auth.password_rules()::text`)
	if err != nil {
		return "", err
	}
	var rules passwordRules
	if err := json.Unmarshal(doc, &rules); err != nil {
		return "", err
	}
	if weak := h.weak(rules, text, email, phone); weak != nil {
		e := refuse("weak_password", weak.Message)
		e.Details = struct {
			Reasons []string `json:"reasons"`
		}{weak.Reasons}
		return "", e
	}
	return h.Passwords.Hash(c.r.Context(), text)
}

// notChecked takes back an attempt that auth.begin_sign_in has counted and nobody could check, so
// that a crowd at the sign-in makes nobody one who guesses. If that can't be done either, it counts.
func (h *Handler) notChecked(c *call, account string) {
	// The time of the request may be over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), 3*time.Second)
	defer cancel()
	detached := *c
	detached.r = c.r.WithContext(ctx)
	_, _ = h.ask(&detached, pg.ReadWrite, `select auth.clear_attempts($1::text, $2::inet, was_right => false)::text`, []byte(account), c.address())
}
