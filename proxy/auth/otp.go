package auth

import (
	"encoding/json"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// requestOTP answers POST /otp: a link and a code by which an address, or a code by which
// a number can sign in.
func requestOTP(h *Handler, c *call) error {
	var in struct {
		Email  string          `json:"email"`
		Phone  string          `json:"phone"`
		Create *bool           `json:"create_user"`
		Data   json.RawMessage `json:"data"`
		pkceFields
	}
	if err := c.read(&in); err != nil {
		return err
	}
	data, err := metadata(in.Data)
	if err != nil {
		return err
	}
	email, phone, err := address(in.Email, in.Phone)
	if err != nil {
		return err
	}
	t, err := h.ticketFor(c, email, phone, in.pkceFields)
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.request_otp($1::text, $2::text, $3::jsonb, $4::boolean, $5::jsonb)::text`,
		text(email), text(phone), t.arg(), boolean(in.Create == nil || *in.Create), data)
	if err != nil {
		return err
	}
	return h.sent(c, doc, phone, t)
}

// ticketFor makes the ticket of a flow that begins with an address or a number.
func (h *Handler) ticketFor(c *call, email, phone string, fields pkceFields) (*ticket, error) {
	flow, err := fields.flow()
	if err != nil {
		return nil, err
	}
	if phone != "" {
		return h.newTicket(codeOfPhone, phone, "", flow), nil
	}
	if err := h.canMail(c); err != nil {
		return nil, err
	}
	to, err := h.redirects(c)
	if err != nil {
		return nil, err
	}
	return h.newTicket(codeOfEmail, email, to.target(c.r.URL.Query().Get("redirect_to")), flow), nil
}

// sent answers when something was sent, or would have been.
func (h *Handler) sent(c *call, doc []byte, phone string, t *ticket) error {
	if err := h.sends(c, doc, phone, t); err != nil {
		return err
	}
	if phone != "" {
		return c.messageSent()
	}
	return c.answer(http.StatusOK, []byte(`{}`))
}

func (c *call) messageSent() error {
	return c.answer(http.StatusOK, encode(map[string]string{"message_id": c.w.ID}))
}

// recoverPassword answers POST /recover: a link by which to set a new password. Whether anybody
// has the address, neither the answer nor its time tells.
func recoverPassword(h *Handler, c *call) error {
	var in struct {
		Email string `json:"email"`
		pkceFields
	}
	if err := c.read(&in); err != nil {
		return err
	}
	email, err := emailAddress(in.Email)
	if err != nil {
		return err
	}
	t, err := h.ticketFor(c, email, "", in.pkceFields)
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.request_recovery($1::text, $2::jsonb)::text`, text(email), t.arg())
	if err != nil {
		return err
	}
	return h.sent(c, doc, "", t)
}

// resend answers POST /resend: once more what somebody waits for.
func resend(h *Handler, c *call) error {
	var in struct {
		Type  string `json:"type"`
		Email string `json:"email"`
		Phone string `json:"phone"`
		pkceFields
	}
	if err := c.read(&in); err != nil {
		return err
	}
	email, phone, err := address(in.Email, in.Phone)
	if err != nil {
		return err
	}
	byPhone := in.Type == "sms" || in.Type == "phone_change"
	if byPhone != (phone != "") {
		return refuse("validation_failed", "Type provided requires an email address, or a phone number for sms and phone_change")
	}
	t, err := h.ticketFor(c, email, phone, in.pkceFields)
	if err != nil {
		return err
	}
	where := email + phone
	tickets := map[string]*ticket{"new": t}
	if in.Type == "email_change" || in.Type == "phone_change" {
		doc, err := h.ask(c, pg.ReadOnly, `select auth.pending_change($1::text, $2::text)::text`, text(in.Type), text(where))
		if err != nil {
			return err
		}
		change := struct{ Now, New string }{where, where}
		if doc != nil {
			if err := json.Unmarshal(doc, &change); err != nil {
				return err
			}
		}
		t = h.newTicket(in.Type, change.New, t.Redirect, t.pkce)
		tickets["new"], tickets["now"] = t, h.newTicket(in.Type, change.Now, t.Redirect, t.pkce)
		if byPhone {
			phone = change.New
		}
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.resend($1::text, $2::text, $3::jsonb)::text`, text(in.Type), text(where), encode(tickets))
	switch {
	case err != nil:
		return err
	case !byPhone:
		return h.sent(c, doc, "", t)
	}
	// Whether anybody waits for a message, the time that the hook takes must not tell.
	h.later(c, "a message was not sent again", func(c *call) error { return h.sends(c, doc, phone, t) })
	return c.messageSent()
}

// reauthenticate answers GET /reauthenticate: a code by which the user shows again who
// they are.
func reauthenticate(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	if b.Email != "" {
		if err := h.canMail(c); err != nil {
			return err
		}
	}
	t := h.newTicket(codeOfReauthentication, b.Subject, "", pkce{})
	doc, err := h.ask(c, pg.ReadWrite, `select auth.request_reauthentication($1::uuid, $2::uuid, $3::jsonb)::text`, []byte(b.Session), []byte(b.Subject), t.arg())
	if err != nil {
		return err
	}
	var to struct {
		User struct{ Phone string } `json:"sms"`
	}
	if err := json.Unmarshal(doc, &to); err != nil {
		return err
	}
	if err := h.sends(c, doc, to.User.Phone, t); err != nil {
		return err
	}
	return c.answer(http.StatusOK, []byte(`{}`))
}
