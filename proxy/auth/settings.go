package auth

import (
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// health answers GET /health.
func health(_ *Handler, c *call) error {
	return c.answer(http.StatusOK, []byte(`{"version":"fluxbase","name":"GoTrue","description":"GoTrue is a user registration and authentication API"}`))
}

// publishKeys answers GET /.well-known/jwks.json.
func publishKeys(h *Handler, c *call) error { return h.Issued.ServeJWKS(c.w, c.r) }

// discover answers GET /.well-known/openid-configuration and its twin of OAuth.
func discover(h *Handler, c *call) error { return h.Issued.ServeDiscovery(h.URL+Prefix, c.w, c.r) }

// settings answers GET /settings: what a sign-in page should offer.
func settings(h *Handler, c *call) error {
	doc, err := h.ask(c, pg.ReadOnly, `select auth.public_settings()::text`)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}
