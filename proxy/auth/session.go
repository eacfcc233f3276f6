package auth

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// grant is what auth.grant_of returns.
type grant struct {
	Session string          `json:"session_id"`
	Counter int64           `json:"counter"`
	Claims  json.RawMessage `json:"claims"`
	User    json.RawMessage `json:"user"`
	// Hook is what auth.run_hook has returned for custom_access_token; nil without one.
	Hook json.RawMessage `json:"hook"`
	// Flow is that of auth.exchange_code, whose tokens of a provider are sealed for it.
	Flow                 string `json:"flow"`
	ProviderToken        string `json:"provider_access_token"`
	ProviderRefreshToken string `json:"provider_refresh_token"`
}

// session is what a client gets.
type session struct {
	AccessToken  string          `json:"access_token"`
	TokenType    string          `json:"token_type"`
	ExpiresIn    int64           `json:"expires_in"`
	ExpiresAt    int64           `json:"expires_at"`
	RefreshToken string          `json:"refresh_token"`
	User         json.RawMessage `json:"user"`
	WeakPassword any             `json:"weak_password,omitempty"`

	ProviderToken        string `json:"provider_token,omitempty"`
	ProviderRefreshToken string `json:"provider_refresh_token,omitempty"`
}

// session makes the tokens of a grant.
func (h *Handler) session(c *call, doc []byte) (*session, error) {
	var g grant
	if err := json.Unmarshal(doc, &g); err != nil {
		return nil, err
	}
	if g.Hook != nil && h.Hooks != nil {
		made, err := h.Hooks.Claims(c.r.Context(), g.Hook, g.Claims)
		if err != nil {
			return nil, refusedBy(err)
		}
		g.Claims = made
	}
	var at struct {
		Expires int64 `json:"exp"`
	}
	if err := json.Unmarshal(g.Claims, &at); err != nil {
		return nil, err
	}
	access, err := h.Signer.Sign(c.r.Context(), g.Claims)
	if err != nil {
		return nil, err
	}
	refresh, err := h.refreshToken(g.Session, g.Counter)
	if err != nil {
		return nil, err
	}
	providerToken, err := h.openToken(g.Flow, "provider_access_token", g.ProviderToken)
	if err != nil {
		return nil, err
	}
	providerRefresh, err := h.openToken(g.Flow, "provider_refresh_token", g.ProviderRefreshToken)
	if err != nil {
		return nil, err
	}
	return &session{
		AccessToken: access, TokenType: "bearer", ExpiresIn: max(at.Expires-time.Now().Unix(), 1), ExpiresAt: at.Expires,
		RefreshToken: refresh, User: g.User, ProviderToken: providerToken, ProviderRefreshToken: providerRefresh,
	}, nil
}

// signIn answers with the session of a grant.
func (h *Handler) signIn(c *call, doc []byte) error {
	s, err := h.session(c, doc)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, encode(s))
}

func encode(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // of texts, numbers, and JSON that Postgres wrote
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
