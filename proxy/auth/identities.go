package auth

import (
	"encoding/json"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// unlinkIdentity answers DELETE /user/identities/ID.
func unlinkIdentity(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	if !isUUID(c.parts[0]) {
		return refuse("validation_failed", "identity_id must be an UUID")
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.unlink_identity($1::uuid, $2::uuid, $3::uuid)::text`,
		[]byte(b.Session), []byte(b.Subject), []byte(c.parts[0]))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// listProviders answers GET /admin/oauth-providers.
func listProviders(h *Handler, c *call) error {
	doc, err := h.ask(c, pg.ReadOnly, `select auth.list_oauth_providers()::text`)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// setProvider answers PUT /admin/oauth-providers/NAME: the fields of auth.oauth_providers
// that change, and client_secret in plain, which is stored sealed.
func setProvider(h *Handler, c *call) error {
	in := map[string]json.RawMessage{}
	if err := c.read(&in); err != nil {
		return err
	}
	delete(in, "client_secret_sealed")
	if raw, given := in["client_secret"]; given {
		var secret string
		if json.Unmarshal(raw, &secret) != nil {
			return refuse("validation_failed", "client_secret is a text")
		}
		delete(in, "client_secret")
		in["client_secret_sealed"] = json.RawMessage("null")
		if secret != "" {
			in["client_secret_sealed"] = encode(h.Seals.Seal([]byte(secret), SecretPlace(c.parts[0])))
		}
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.set_oauth_provider($1::text, $2::jsonb)::text`, []byte(c.parts[0]), encode(in))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// dropProvider answers DELETE /admin/oauth-providers/NAME.
func dropProvider(h *Handler, c *call) error {
	doc, err := h.ask(c, pg.ReadWrite, `select to_jsonb(auth.drop_oauth_provider($1::text))::text`, []byte(c.parts[0]))
	if err != nil {
		return err
	}
	if string(doc) != "true" {
		return refuse("provider_not_found", "There is no such provider")
	}
	return c.answer(http.StatusOK, []byte("{}"))
}
