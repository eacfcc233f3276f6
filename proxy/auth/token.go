package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/auth/password"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// grantTypes are the ways to a session at POST /token?grant_type=.
var grantTypes = map[string]func(*Handler, *call) error{
	"id_token":      signInWithIDToken,
	"password":      human(signInWithPassword),
	"pkce":          exchange,
	"refresh_token": refresh,
}

func takeToken(h *Handler, c *call) error {
	grant := grantTypes[c.r.URL.Query().Get("grant_type")]
	if grant == nil {
		return refuse("validation_failed", "unsupported_grant_type")
	}
	return grant(h, c)
}

// signInWithPassword answers a right password, and all else alike: whether there is such
// a user neither the answer nor its time tells.
func signInWithPassword(h *Handler, c *call) error {
	var in struct {
		Email    string `json:"email"`
		Phone    string `json:"phone"`
		Password string `json:"password"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	email, phone, err := address(in.Email, in.Phone)
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	doc, err := h.ask(c, pg.ReadWrite, `select auth.begin_sign_in($1::text, $2::text, $3::inet)::text`, text(email), text(phone), c.address())
	if err != nil {
		return err
	}
	var begun struct {
		Account, ID, Hash string
		Rules             passwordRules
	}
	if err := json.Unmarshal(doc, &begun); err != nil {
		return err
	}
	ok, old, err := h.Passwords.Verify(ctx, begun.Hash, in.Password)
	switch {
	case errors.Is(err, password.ErrHash):
		return wrongCredentials.Because(fmt.Errorf("user %s: %w", begun.ID, err))
	case err != nil:
		h.notChecked(c, begun.Account)
		return err
	case !ok:
		h.wrongPasswordTried(c, begun.ID)
		return wrongCredentials
	}
	if err := h.passwordTried(c, begun.ID, true); err != nil {
		return err
	}
	var better []byte
	if old {
		// What can't be hashed now is hashed at the next sign-in.
		if hash, err := h.Passwords.Hash(ctx, in.Password); err == nil {
			better = []byte(hash)
		}
	}
	doc, err = h.ask(c, pg.ReadWrite, `select auth.sign_in_with_password($1::uuid, $2::text, $3::text, $4::text, $5::inet, $6::text)::text`,
		[]byte(begun.ID), []byte(begun.Hash), better, c.agent(), c.address(), []byte(begun.Account))
	if err != nil {
		return onToken(err)
	}
	s, err := h.session(c, doc)
	if err != nil {
		return err
	}
	if weak := h.weak(begun.Rules, in.Password, email, phone); weak != nil {
		s.WeakPassword = weak
	}
	return c.answer(http.StatusOK, encode(s))
}

var wrongCredentials = refuse("invalid_credentials", messages["invalid_credentials"])

// onToken gives a refusal the status that it has here.
func onToken(err error) error {
	e := *web.AsError(err)
	if e.Code == "user_banned" {
		e.Status = 400
	}
	return &e
}

// refresh answers a refresh token with the next one. It waits for others with the same
// token and then gives what they got, so nobody needs to be told to try again.
func refresh(h *Handler, c *call) error {
	var in struct {
		Token string `json:"refresh_token"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if isImported(in.Token) {
		doc, err := h.ask(c, pg.ReadWrite, `select auth.refresh_imported($1::text, $2::text, $3::inet)::text`,
			[]byte(in.Token), c.agent(), c.address())
		if err != nil {
			return onToken(err)
		}
		return h.signIn(c, doc)
	}
	session, number, err := h.parseRefreshToken(in.Token)
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.refresh_session($1::uuid, $2::bigint, $3::text, $4::inet)::text`,
		[]byte(session), number64(number), c.agent(), c.address())
	if err != nil {
		return onToken(err)
	}
	return h.signIn(c, doc)
}
