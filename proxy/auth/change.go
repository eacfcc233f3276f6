package auth

import (
	"encoding/json"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// changeUser answers PUT /user: what users may change of themselves. Of the body only the
// fields below are read; role, app_metadata and whether an address is confirmed are none
// of theirs.
func changeUser(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	var in struct {
		Email    string          `json:"email"`
		Phone    string          `json:"phone"`
		Password string          `json:"password"`
		Current  string          `json:"current_password"`
		Nonce    string          `json:"nonce"`
		Data     json.RawMessage `json:"data"`
		App      json.RawMessage `json:"app_metadata"`
		pkceFields
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if object(in.App) != nil {
		return refuse("not_admin", "Updating app_metadata requires admin privileges")
	}
	data, err := metadata(in.Data)
	if err != nil {
		return err
	}
	flow, err := in.flow()
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadOnly, `select auth.account_of_session($1::uuid, $2::uuid)::text`, []byte(b.Session), []byte(b.Subject))
	if err != nil {
		return err
	}
	var account account
	if err := json.Unmarshal(doc, &account); err != nil {
		return err
	}

	changes := map[string]any{}
	tickets := map[string]*ticket{}
	if data != nil {
		changes["data"] = json.RawMessage(data)
	}
	if in.Email != "" {
		email, err := emailAddress(in.Email)
		if err != nil {
			return err
		}
		if email != account.Email {
			to := h.onSite(&account.Redirects).target(c.r.URL.Query().Get("redirect_to"))
			changes["email"] = email
			tickets["new"] = h.newTicket(codeOfEmailChange, email, to, flow)
			tickets["now"] = h.newTicket(codeOfEmailChange, account.Email, to, flow)
		}
	}
	if in.Phone != "" {
		phone, err := phoneNumber(in.Phone)
		if err != nil {
			return err
		}
		if phone != account.Phone {
			changes["phone"] = phone
			tickets["phone"] = h.newTicket(codeOfPhoneChange, phone, "", flow)
		}
	}
	if in.Password != "" {
		hash, err := h.changedPassword(c, &account, in.Password, in.Current)
		if err != nil {
			return err
		}
		changes["hash"], changes["hash_was"] = hash, account.Hash
		if ip := c.address(); ip != nil {
			changes["ip"] = string(ip)
		}
		if in.Nonce != "" {
			changes["nonces"] = h.codeSums(codeOfReauthentication, b.Subject, in.Nonce)
		}
	}
	changes["tickets"] = tickets
	if changes["email"] != nil && !account.Redirects.AtOnce {
		if err := h.canMail(c); err != nil {
			return err
		}
	}
	doc, err = h.ask(c, pg.ReadWrite, `select auth.change_user($1::uuid, $2::uuid, $3::jsonb)::text`, []byte(b.Session), []byte(b.Subject), encode(changes))
	if err != nil {
		return err
	}
	var out struct {
		User  json.RawMessage `json:"user"`
		Ended int             `json:"ended"`
	}
	if err := json.Unmarshal(doc, &out); err != nil {
		return err
	}
	if phone, ok := changes["phone"].(string); ok || tickets["new"] != nil {
		if err := h.sends(c, doc, phone, tickets["phone"]); err != nil {
			return err
		}
	}
	if out.Ended > 0 {
		// The answer says that the others are signed out, so they are.
		if err := h.settle(c); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, out.User)
}

// account is what auth.account_of_session returns.
type account struct {
	ID, Email, Phone, Hash string
	// AskCurrent says that a new password needs the old one.
	AskCurrent bool `json:"current_password"`
	Redirects  redirects
}

// changedPassword hashes a new password that takes the place of another. Who tries many is
// stopped as at a sign-in: a session that somebody else has is none to guess from.
func (h *Handler) changedPassword(c *call, who *account, text, current string) (string, error) {
	if who.Hash == "" {
		return h.hashNew(c, text, who.Email, who.Phone)
	}
	if who.AskCurrent && current == "" {
		return "", refuse("current_password_required", messages["current_password_required"])
	}
	if _, err := h.ask(c, pg.ReadWrite, `select auth.begin_attempt($1::text, $2::inet, 'change')::text`, []byte(who.ID), c.address()); err != nil {
		return "", err
	}
	ctx := c.r.Context()
	if current != "" {
		if ok, _, err := h.Passwords.Verify(ctx, who.Hash, current); err != nil {
			return "", err
		} else if !ok {
			return "", refuse("current_password_invalid", messages["current_password_invalid"])
		}
	}
	if same, _, err := h.Passwords.Verify(ctx, who.Hash, text); err != nil {
		return "", err
	} else if same {
		return "", refuse("same_password", messages["same_password"])
	}
	return h.hashNew(c, text, who.Email, who.Phone)
}
