package auth

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// askLink calls auth.generate_link.
const askLink = `select auth.generate_link($1::text, $2::text, $3::jsonb, $4::jsonb, $5::text, $6::text, $7::boolean)::text`

// invite answers POST /invite {email, data}: a mail with a link by which somebody becomes a
// user.
func invite(h *Handler, c *call) error {
	var in struct {
		Email string          `json:"email"`
		Data  json.RawMessage `json:"data"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	data, err := metadata(in.Data)
	if err != nil {
		return err
	}
	email, err := emailAddress(in.Email)
	if err != nil {
		return err
	}
	t, err := h.ticketFor(c, email, "", pkceFields{})
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadWrite, askLink, []byte("invite"), []byte(email), t.arg(), data, nil, nil, boolean(true))
	if err != nil {
		return err
	}
	var out struct {
		User json.RawMessage `json:"user"`
	}
	if err := json.Unmarshal(doc, &out); err != nil {
		return err
	}
	if err := h.sends(c, doc, "", t); err != nil {
		return err
	}
	return c.answer(http.StatusOK, out.User)
}

// link is what generateLink makes: what is in the mail that it does not send.
type link struct {
	ActionLink       string `json:"action_link"`
	EmailOTP         string `json:"email_otp"`
	HashedToken      string `json:"hashed_token"`
	VerificationType string `json:"verification_type"`
	RedirectTo       string `json:"redirect_to"`
}

// generateLink answers POST /admin/generate_link with a user and the link and the code that a
// mail would have.
func generateLink(h *Handler, c *call) error {
	var in struct {
		Type     string          `json:"type"`
		Email    string          `json:"email"`
		NewEmail string          `json:"new_email"`
		Password string          `json:"password"`
		Data     json.RawMessage `json:"data"`
		Redirect string          `json:"redirect_to"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	data, err := metadata(in.Data)
	if err != nil {
		return err
	}
	email, err := emailAddress(in.Email)
	if err != nil {
		return err
	}
	what, verification, to, password := codeOfEmail, in.Type, email, ""
	switch in.Type {
	case "signup":
		if in.Password == "" {
			return refuse("validation_failed", "Signup requires a valid password")
		}
		if password, err = h.hashNew(c, in.Password, email, ""); err != nil {
			return err
		}
	case "invite", "magiclink", "recovery":
	case "email_change_current", "email_change_new":
		what, verification = codeOfEmailChange, "email_change"
		if in.NewEmail, err = emailAddress(in.NewEmail); err != nil {
			return err
		}
		if in.Type == "email_change_new" {
			to = in.NewEmail
		}
	default:
		return refuse("validation_failed", "Invalid email action link type requested: "+in.Type)
	}
	sites, err := h.redirects(c)
	if err != nil {
		return err
	}
	wanted := c.r.URL.Query().Get("redirect_to")
	if wanted == "" {
		wanted = in.Redirect
	}
	t := h.newTicket(what, to, sites.target(wanted), pkce{})
	doc, err := h.ask(c, pg.ReadWrite, askLink,
		[]byte(in.Type), []byte(email), t.arg(), data, text(password), text(in.NewEmail), boolean(false))
	if err != nil {
		return err
	}
	var out struct {
		User map[string]any `json:"user"`
	}
	if err := json.Unmarshal(doc, &out); err != nil {
		return err
	}
	made := link{
		ActionLink: h.URL + Prefix + "/verify?" + url.Values{"token": {t.token}, "type": {verification}, "redirect_to": {t.Redirect}}.Encode(),
		EmailOTP:   t.code, HashedToken: t.token, VerificationType: verification, RedirectTo: t.Redirect,
	}
	fields, _ := json.Marshal(made) // texts never fail
	if err := json.Unmarshal(fields, &out.User); err != nil {
		return err
	}
	return c.answer(http.StatusOK, encode(out.User))
}
