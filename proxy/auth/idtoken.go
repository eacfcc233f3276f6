package auth

import (
	"github.com/fluxbase/fluxbase/proxy/auth/oidc"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

// signInWithIDToken answers an ID token that an application got from a provider by
// itself, as on phones; or adds the account to the user who brings it.
func signInWithIDToken(h *Handler, c *call) error {
	var in struct {
		Provider string `json:"provider"`
		Token    string `json:"id_token"`
		Access   string `json:"access_token"`
		Nonce    string `json:"nonce"`
		Link     bool   `json:"link_identity"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Token == "" || in.Provider == "" {
		return refuse("validation_failed", "provider and id_token are needed")
	}
	linkTo := ""
	if in.Link {
		b, err := h.signedIn(c)
		if err != nil {
			return err
		}
		const may = `select coalesce(auth.require_aal($1::uuid, 'mfa_require_aal2_for_user_changes'), auth.user_of_session($1::uuid, $2::uuid))::text`
		doc, err := h.ask(c, pg.ReadOnly, may, []byte(b.Session), []byte(b.Subject))
		if err != nil || doc == nil {
			return err
		}
		linkTo = b.Subject
	}
	doc, err := h.ask(c, pg.ReadOnly, `select auth.oauth_provider($1::text)::text`, text(in.Provider))
	if err != nil {
		return err
	}
	p, err := h.provider(doc)
	if err != nil {
		return err
	}
	person, err := h.Providers.CheckIDToken(c.r.Context(), p, oidc.Token{ID: in.Token, Access: in.Access, Nonce: in.Nonce})
	if err != nil {
		return ofProvider(err)
	}
	if doc, err = h.identity(c, p.Name, person, linkTo, nil); err != nil {
		return onToken(err)
	}
	return h.signIn(c, doc)
}
