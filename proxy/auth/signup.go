package auth

import (
	"encoding/json"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// signUp answers POST /signup: with an address or a phone and a password, or with
// neither for an anonymous user.
func signUp(h *Handler, c *call) error {
	var in struct {
		Email    string          `json:"email"`
		Phone    string          `json:"phone"`
		Password string          `json:"password"`
		Data     json.RawMessage `json:"data"`
		pkceFields
	}
	if err := c.read(&in); err != nil {
		return err
	}
	data, err := metadata(in.Data)
	if err != nil {
		return err
	}
	if in.Email == "" && in.Phone == "" && in.Password == "" {
		doc, err := h.ask(c, pg.ReadWrite, `select auth.sign_in_anonymously($1::jsonb, $2::text, $3::inet)::text`, data, c.agent(), c.address())
		if err != nil {
			return err
		}
		return h.signIn(c, doc)
	}
	email, phone, err := address(in.Email, in.Phone)
	if err != nil {
		return err
	}
	if in.Password == "" {
		return refuse("validation_failed", "Signup requires a valid password")
	}
	t, err := h.signUpTicket(c, email, phone, in.pkceFields)
	if err != nil {
		return err
	}
	hash, err := h.hashNew(c, in.Password, email, phone)
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.sign_up($1::text, $2::text, $3::text, $4::jsonb, $5::text, $6::inet, $7::jsonb)::text`,
		text(email), text(phone), []byte(hash), data, c.agent(), c.address(), t.arg())
	if err != nil {
		return err
	}
	var out struct {
		Session string          `json:"session_id"`
		User    json.RawMessage `json:"user"`
	}
	if err := json.Unmarshal(doc, &out); err != nil {
		return err
	}
	if out.Session != "" {
		return h.signIn(c, doc)
	}
	if err := h.sends(c, doc, phone, t); err != nil {
		return err
	}
	return c.answer(http.StatusOK, out.User)
}

// signUpTicket makes what confirms the address or number of who signs up.
func (h *Handler) signUpTicket(c *call, email, phone string, fields pkceFields) (*ticket, error) {
	flow, err := fields.flow()
	if err != nil {
		return nil, err
	}
	what, to := codeOfPhone, ""
	if email != "" {
		r, err := h.redirects(c)
		if err != nil {
			return nil, err
		}
		if !r.AtOnce {
			if err := h.canMail(c); err != nil {
				return nil, err
			}
		}
		what, to = codeOfEmail, r.target(c.r.URL.Query().Get("redirect_to"))
	}
	t := h.newTicket(what, email+phone, to, flow)
	// Asked again, it is told the same of one who has an account.
	t.Nobody = h.derivedUUID("sign-up of nobody", email+phone)
	return t, nil
}

// metadata is what users say of themselves, as an argument: an object or nothing.
func metadata(raw json.RawMessage) ([]byte, error) {
	data := object(raw)
	if data != nil && data[0] != '{' {
		return nil, refuse("validation_failed", "data must be an object")
	}
	return data, nil
}
