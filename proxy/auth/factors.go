package auth

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/fluxbase/fluxbase/proxy/auth/passkey"
	"github.com/fluxbase/fluxbase/proxy/auth/totp"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// maxName is the longest name of a factor or a passkey, in bytes.
const maxName = 120

// secretOf is where the secret of a factor lies.
func secretOf(factor string) seal.Place {
	return seal.Place{Table: "auth.mfa_factors", Column: "secret", ID: factor}
}

// enrollFactor answers POST /factors: it begins a second factor, which counts once it
// was verified. The secret is shown here alone.
func enrollFactor(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	var in struct {
		Type   string `json:"factor_type"`
		Name   string `json:"friendly_name"`
		Issuer string `json:"issuer"`
		Phone  string `json:"phone"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if len(in.Name) > maxName {
		return refuse("validation_failed", "friendly_name is longer than 120 bytes")
	}
	id := newUUID()
	var secret, sealed, phone string
	switch in.Type {
	case "webauthn":
	case "totp":
		secret = totp.NewSecret()
		sealed = h.Seals.Seal([]byte(secret), secretOf(id))
	case "phone":
		if phone, err = phoneNumber(in.Phone); err != nil {
			return err
		}
	default:
		return refuse("validation_failed", "factor_type needs to be totp, phone, or webauthn")
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.enroll_factor($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text)::text`,
		[]byte(b.Session), []byte(id), []byte(in.Type), text(in.Name), text(sealed), text(phone))
	if err != nil {
		return err
	}
	var out struct {
		ID      string      `json:"id"`
		Type    string      `json:"type"`
		Name    string      `json:"friendly_name"`
		Phone   string      `json:"phone,omitempty"`
		TOTP    *totpSecret `json:"totp,omitempty"`
		Account string      `json:"account,omitempty"`
		SiteURL string      `json:"site_url,omitempty"`
	}
	if err := json.Unmarshal(doc, &out); err != nil {
		return err
	}
	if secret != "" {
		uri := totp.URI(secret, cmp.Or(in.Issuer, h.issuer(out.SiteURL)), out.Account)
		picture, err := totp.QR(uri)
		if err != nil {
			return err
		}
		out.TOTP = &totpSecret{picture, secret, uri}
	}
	out.Account, out.SiteURL = "", ""
	return c.answer(http.StatusOK, encode(out))
}

// totpSecret is how a secret is shown to its user.
type totpSecret struct {
	QR     string `json:"qr_code"`
	Secret string `json:"secret"`
	URI    string `json:"uri"`
}

// issuer is how authenticator apps call us: the host of the application.
func (h *Handler) issuer(site string) string {
	for _, address := range []string{site, h.URL} {
		if u, err := url.Parse(address); err == nil && u.Hostname() != "" {
			return u.Hostname()
		}
	}
	return "fluxbase"
}

// challengeFactor answers POST /factors/{id}/challenge.
func challengeFactor(h *Handler, c *call) error {
	b, factor, err := h.signedInFor(c, "mfa_factor_not_found")
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.challenge_factor($1::uuid, $2::uuid, $3::inet)::text`, []byte(b.Session), factor, c.address())
	if err != nil {
		return err
	}
	var made struct {
		passkey.User
		ID         string          `json:"id"`
		Type       string          `json:"type"`
		Expires    int64           `json:"expires_at"`
		Status     string          `json:"status"`
		Phone      string          `json:"phone"`
		Owner      json.RawMessage `json:"user"`
		Credential json.RawMessage `json:"credential"`
		Party      passkey.Party   `json:"relying_party"`
	}
	if err := json.Unmarshal(doc, &made); err != nil {
		return err
	}
	out := map[string]any{"id": made.ID, "type": made.Type, "expires_at": made.Expires}
	switch made.Type {
	case "phone":
		if err := h.sendFactorCode(c, made.Owner, made.Phone, made.ID); err != nil {
			return err
		}
	case "webauthn":
		server, err := passkey.New(made.Party, h.URL)
		if err != nil {
			return err
		}
		kind, ask := "create", func() (passkey.Question, error) { return server.Register(made.User, false) }
		if made.Status == "verified" {
			if err := has(&made.User, made.Credential); err != nil {
				return err
			}
			kind, ask = "request", func() (passkey.Question, error) { return server.Sign(&made.User) }
		}
		q, err := ask()
		if err != nil {
			return err
		}
		if err := h.bind(c, made.ID, nil, q.State); err != nil {
			return err
		}
		out["webauthn"] = map[string]any{"type": kind, "credential_options": map[string]any{"publicKey": q.Options}}
	}
	return c.answer(http.StatusOK, encode(out))
}

// bind says what the answer to a challenge must fit.
func (h *Handler) bind(c *call, challenge string, codeHash []byte, state []byte) error {
	_, err := h.ask(c, pg.ReadWrite, `select to_jsonb(auth.bind_challenge($1::uuid, decode($2::text, 'hex'), $3::jsonb))::text`, []byte(challenge), codeHash, state)
	return err
}

// verifyFactor answers POST /factors/{id}/verify. An attempt is counted before its code
// is looked at, and SQL decides whether a code that is right is still good.
func verifyFactor(h *Handler, c *call) error {
	b, factor, err := h.signedInFor(c, "mfa_factor_not_found")
	if err != nil {
		return err
	}
	var in struct {
		Challenge string `json:"challenge_id"`
		Code      string `json:"code"`
		WebAuthn  struct {
			Answer json.RawMessage `json:"credential_response"`
		} `json:"webauthn"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if !isUUID(in.Challenge) {
		return refuse("validation_failed", "challenge_id must be a UUID")
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.begin_factor_attempt($1::uuid, $2::uuid, $3::uuid)::text`, []byte(b.Session), factor, []byte(in.Challenge))
	if err != nil {
		return err
	}
	var begun attempt
	if err := json.Unmarshal(doc, &begun); err != nil {
		return err
	}
	var step, codeHash, credential []byte
	var why error // for the log: an authenticator may be refused because of a setting
	valid := false
	switch begun.Type {
	case "totp":
		step, err = h.stepOf(c, string(factor), begun, in.Code)
		valid = step != nil
	case "phone":
		codeHash = h.codeHash(in.Challenge, in.Code)
		valid = hmac.Equal(codeHash, []byte(begun.CodeHash))
	case "webauthn":
		credential, why, err = h.credentialOf(begun, in.WebAuthn.Answer)
		valid = credential != nil
	}
	if err != nil {
		return err
	}
	if err := h.askAboutAttempt(c, string(factor), begun, valid); err != nil {
		return err
	}
	doc, err = h.ask(c, pg.ReadWrite, `select auth.finish_factor_attempt($1::bigint, $2::bigint, decode($3::text, 'hex'), $4::jsonb)::text`,
		number64(begun.Attempt), step, codeHash, credential)
	if err != nil {
		return web.AsError(err).Because(errors.Join(why, errors.Unwrap(err)))
	}
	return h.signIn(c, doc)
}

// attempt is what auth.begin_factor_attempt tells.
type attempt struct {
	Attempt    int64           `json:"attempt"`
	Type       string          `json:"type"`
	Status     string          `json:"status"`
	Now        int64           `json:"now"`
	Secret     string          `json:"secret"`
	LastStep   int64           `json:"last_step"`
	CodeHash   string          `json:"code_hash"`
	State      json.RawMessage `json:"session_data"`
	User       string          `json:"user_id"`
	Credential json.RawMessage `json:"credential"`
	Party      passkey.Party   `json:"relying_party"`
}

// askAboutAttempt lets the hook mfa_verification_attempt refuse an attempt, which stays
// counted then.
func (h *Handler) askAboutAttempt(c *call, factor string, begun attempt, valid bool) error {
	if h.Hooks == nil {
		return nil
	}
	answer, err := h.Hooks.Run(c.r.Context(), c.w.Address, "mfa_verification_attempt", map[string]any{
		"factor_id": factor, "factor_type": begun.Type, "user_id": begun.User, "valid": valid,
	})
	if err != nil || answer == nil {
		return err
	}
	var says struct{ Decision, Message string }
	if err := json.Unmarshal(answer, &says); err != nil {
		return err
	}
	if says.Decision == "reject" {
		return refuse("mfa_verification_rejected", cmp.Or(says.Message, messages["mfa_verification_rejected"]))
	}
	return nil
}

// stepOf gives the time step of a code, by the clock of the database, which all
// processes share; nothing for a wrong one.
func (h *Handler) stepOf(c *call, factor string, begun attempt, code string) ([]byte, error) {
	secret, err := h.openSecret(c, factor, begun.Secret)
	if err != nil {
		return nil, err
	}
	step, ok, err := totp.Match(secret, code, begun.Now)
	switch {
	case err != nil:
		return nil, fmt.Errorf("second factor %s: %w", factor, err)
	case !ok || step <= begun.LastStep:
		return nil, nil
	}
	return number64(step), nil
}

// credentialOf gives the credential record after the answer of an authenticator;
// nothing, and why, for a wrong answer.
func (h *Handler) credentialOf(begun attempt, answer json.RawMessage) (record []byte, why, err error) {
	server, err := passkey.New(begun.Party, h.URL)
	if err != nil {
		return nil, nil, err
	}
	user := passkey.User{ID: begun.User}
	check := func() (*webauthn.Credential, error) { return server.Registered(user, begun.State, answer) }
	if begun.Status == "verified" {
		if err := has(&user, begun.Credential); err != nil {
			return nil, nil, err
		}
		check = func() (*webauthn.Credential, error) { return server.Signed(user, false, begun.State, answer) }
	}
	made, why := check()
	if why != nil {
		return nil, why, nil
	}
	return encode(made), nil, nil
}

// has gives a user the one credential of a second factor, as it is kept.
func has(user *passkey.User, credential json.RawMessage) error {
	user.Credentials = make([]webauthn.Credential, 1)
	if err := json.Unmarshal(credential, &user.Credentials[0]); err != nil {
		return fmt.Errorf("the credential of a second factor: %w", err)
	}
	return nil
}

// unenrollFactor answers DELETE /factors/{id}.
func unenrollFactor(h *Handler, c *call) error {
	b, factor, err := h.signedInFor(c, "mfa_factor_not_found")
	if err != nil {
		return err
	}
	return h.unenroll(c, b, factor)
}

func (h *Handler) unenroll(c *call, b bearer, factor []byte) error {
	doc, err := h.ask(c, pg.ReadWrite, `select auth.unenroll_factor($1::uuid, $2::uuid)::text`, []byte(b.Session), factor)
	if err != nil {
		e := *web.AsError(err)
		if e.Code == "insufficient_aal" {
			e.Status = http.StatusUnprocessableEntity // here alone
		}
		return &e
	}
	if err := h.settle(c); err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// signedInFor wants the access token of a user, and in the path the id of what is to be
// theirs; what is no UUID is missing.
func (h *Handler) signedInFor(c *call, missing string) (b bearer, id []byte, err error) {
	if b, err = h.signedIn(c); err != nil {
		return b, nil, err
	}
	if !isUUID(c.parts[0]) {
		return b, nil, refuse(missing, messages[missing])
	}
	return b, []byte(c.parts[0]), nil
}

// newUUID makes a random UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return uuidOf(b)
}

// uuidOf writes a UUID of random bits (RFC 9562, section 5.4).
func uuidOf(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
