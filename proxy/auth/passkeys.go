package auth

import (
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/auth/passkey"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

// ceremony is what functions of schema auth tell of passkeys that are registered or shown.
type ceremony struct {
	passkey.User
	Party passkey.Party   `json:"relying_party"`
	State json.RawMessage `json:"session_data"`
}

// ceremony asks for one, and makes the server that goes with it.
func (h *Handler) ceremony(c *call, mode pg.Mode, sql string, args ...[]byte) (*ceremony, *passkey.Server, error) {
	doc, err := h.ask(c, mode, sql, args...)
	if err != nil {
		return nil, nil, err
	}
	var out ceremony
	if err := json.Unmarshal(doc, &out); err != nil {
		return nil, nil, err
	}
	server, err := passkey.New(out.Party, h.URL)
	return &out, server, err
}

// ask keeps a question and sends it.
func (h *Handler) askAuthenticator(c *call, user string, q passkey.Question) error {
	doc, err := h.ask(c, pg.ReadWrite, `select auth.keep_passkey_challenge($1::uuid, $2::jsonb)::text`, text(user), q.State)
	if err != nil {
		return err
	}
	var kept struct {
		ID      string          `json:"challenge_id"`
		Options json.RawMessage `json:"options"`
		Expires int64           `json:"expires_at"`
	}
	if err := json.Unmarshal(doc, &kept); err != nil {
		return err
	}
	kept.Options = q.Options
	return c.answer(http.StatusOK, encode(kept))
}

// answered is what comes back.
type answered struct {
	Challenge  string          `json:"challenge_id"`
	Credential json.RawMessage `json:"credential"`
	Name       string          `json:"friendly_name"`
}

func (c *call) answered() (in answered, err error) {
	if err := c.read(&in); err != nil {
		return in, err
	}
	switch {
	case !isUUID(in.Challenge):
		return in, refuse("validation_failed", "challenge_id must be a UUID")
	case len(in.Name) > maxName:
		return in, refuse("validation_failed", "friendly_name is longer than 120 bytes")
	}
	return in, nil
}

func notVerified(err error) error {
	return refuse("webauthn_verification_failed", messages["webauthn_verification_failed"]).Because(err)
}

// beginPasskey answers POST /passkeys/registration/options.
func beginPasskey(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	begun, server, err := h.ceremony(c, pg.ReadWrite, `select auth.begin_passkey_registration($1::uuid)::text`, []byte(b.Session))
	if err != nil {
		return err
	}
	q, err := server.Register(begun.User, true)
	if err != nil {
		return err
	}
	return h.askAuthenticator(c, begun.ID, q)
}

// addPasskey answers POST /passkeys/registration/verify.
func addPasskey(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	in, err := c.answered()
	if err != nil {
		return err
	}
	taken, server, err := h.ceremony(c, pg.ReadWrite, `select auth.take_passkey_challenge($1::uuid, $2::uuid)::text`, []byte(in.Challenge), []byte(b.Subject))
	if err != nil {
		return err
	}
	made, err := server.Registered(taken.User, taken.State, in.Credential)
	if err != nil {
		return notVerified(err)
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.add_passkey($1::uuid, decode($2::text, 'hex'), decode($3::text, 'hex'), $4::jsonb, $5::text)::text`,
		[]byte(b.Session), hex.AppendEncode(nil, made.ID), hex.AppendEncode(nil, made.PublicKey), encode(made), text(in.Name))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// askForPasskey answers POST /passkeys/authentication/options: any passkey will do, and
// nobody has to say who they are.
func askForPasskey(h *Handler, c *call) error {
	_, server, err := h.ceremony(c, pg.ReadOnly, `select auth.begin_passkey_sign_in()::text`)
	if err != nil {
		return err
	}
	q, err := server.Sign(nil)
	if err != nil {
		return err
	}
	return h.askAuthenticator(c, "", q)
}

// signInWithPasskey answers POST /passkeys/authentication/verify.
func signInWithPasskey(h *Handler, c *call) error {
	in, err := c.answered()
	if err != nil {
		return err
	}
	credential, err := passkey.CredentialID(in.Credential)
	if err != nil {
		return notVerified(err)
	}
	id := hex.AppendEncode(nil, credential)
	taken, server, err := h.ceremony(c, pg.ReadWrite, `select auth.take_passkey_challenge($1::uuid, null, decode($2::text, 'hex'))::text`, []byte(in.Challenge), id)
	if err != nil {
		return err
	}
	signed, err := server.Signed(taken.User, true, taken.State, in.Credential)
	if err != nil {
		return notVerified(err)
	}
	backedUp := "false"
	if signed.Flags.BackupState {
		backedUp = "true"
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.sign_in_with_passkey($1::uuid, decode($2::text, 'hex'), $3::bigint, $4::boolean, $5::text, $6::inet)::text`,
		[]byte(taken.ID), id, number64(int64(signed.Authenticator.SignCount)), []byte(backedUp), c.agent(), c.address())
	if err != nil {
		return onToken(err)
	}
	return h.signIn(c, doc)
}

// listPasskeys answers GET /passkeys.
func listPasskeys(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadOnly, `select auth.list_passkeys($1::uuid)::text`, []byte(b.Subject))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// renamePasskey answers PATCH /passkeys/{id}.
func renamePasskey(h *Handler, c *call) error {
	b, id, err := h.signedInFor(c, "webauthn_credential_not_found")
	if err != nil {
		return err
	}
	var in struct {
		Name string `json:"friendly_name"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Name == "" || len(in.Name) > maxName {
		return refuse("validation_failed", "friendly_name must have 1 to 120 bytes")
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.rename_passkey($1::uuid, $2::uuid, $3::text)::text`, []byte(b.Subject), id, text(in.Name))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// removePasskey answers DELETE /passkeys/{id}.
func removePasskey(h *Handler, c *call) error {
	b, id, err := h.signedInFor(c, "webauthn_credential_not_found")
	if err != nil {
		return err
	}
	if _, err := h.ask(c, pg.ReadWrite, `select auth.remove_passkey($1::uuid, $2::uuid, $3::uuid)::text`, []byte(b.Subject), id, []byte(b.Session)); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
