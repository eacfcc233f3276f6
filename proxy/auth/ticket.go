package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/auth/mail"
)

// What a code is for. A code is bound to it and to where it was sent, and so is good for
// nothing else.
const (
	codeOfEmail            = "email" // also of sign-up, recovery and so on: clients may call all that email
	codeOfEmailChange      = "email_change"
	codeOfPhone            = "sms"
	codeOfPhoneChange      = "phone_change"
	codeOfReauthentication = "reauthentication"
)

// ticket is a link and a code on their way to somebody: what functions of schema auth
// take, as JSON, has neither in it.
type ticket struct {
	token, code string

	Hash     string      `json:"hash"`
	Code     string      `json:"code"`
	Redirect string      `json:"redirect_to"`
	Mail     mail.Sealed `json:"mail"`
	pkce
	// Nobody is the id of who signs up, for one who has an account already.
	Nobody string `json:"nobody,omitempty"`
}

// newTicket makes one for an address or number; what is one of the constants above.
func (h *Handler) newTicket(what, address, redirect string, flow pkce) *ticket {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	t := &ticket{token: base64.RawURLEncoding.EncodeToString(random[:]), code: newCode(), Redirect: redirect, pkce: flow}
	if flow.Challenge != "" {
		t.token = pkcePrefix + t.token
	}
	t.Hash, t.Code = hashOfLink(t.token), hex.EncodeToString(codeSum(h.Seals.Derive(codePurpose), what, address, t.code))
	t.Mail = mail.Seal(h.Seals, mail.Link{Code: t.code, Hash: t.token})
	return t
}

// arg is the ticket as an argument.
func (t *ticket) arg() []byte { return encode(t) }

// codePurpose is that of the keys of package seal.
const codePurpose = "one-time code"

// pkcePrefix begins the links of a PKCE flow.
const pkcePrefix = "pkce_"

// newCode makes one of six digits.
func newCode() string {
	n, _ := rand.Int(rand.Reader, big.NewInt(1_000_000)) // never fails
	return fmt.Sprintf("%06d", n)
}

// hashOfLink is by what a link is found.
func hashOfLink(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// codeSum hashes a code under a key: there are so few codes that a hash alone hides none.
func codeSum(key []byte, what, address, code string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(what + "\x00" + address + "\x00" + code))
	return mac.Sum(nil)
}

// codeSums are what a code may be hashed to, while keys change, in hexadecimal.
func (h *Handler) codeSums(what, address, code string) []string {
	keys := h.Seals.DeriveAll(codePurpose)
	sums := make([]string, len(keys))
	for i, key := range keys {
		sums[i] = hex.EncodeToString(codeSum(key, what, address, strings.TrimSpace(code)))
	}
	return sums
}

// byteas makes an argument of type bytea[] of texts in hexadecimal.
func byteas(sums []string) []byte {
	if sums == nil {
		return nil
	}
	return []byte(`{"\\x` + strings.Join(sums, `","\\x`) + `"}`)
}

// derivedUUID makes an id that looks like any other and is the same each time.
func (h *Handler) derivedUUID(purpose, of string) string {
	mac := hmac.New(sha256.New, h.Seals.Derive(purpose))
	mac.Write([]byte(of))
	return uuidOf([16]byte(mac.Sum(nil)))
}

// sends delivers what a function of schema auth has left to do: its document may name, in
// sms, a user to whom the code of a ticket is to be sent. Mails are in the queue already.
func (h *Handler) sends(c *call, doc []byte, phone string, t *ticket) error {
	var todo struct {
		User json.RawMessage `json:"sms"`
	}
	if err := json.Unmarshal(doc, &todo); err != nil {
		return err
	}
	if object(todo.User) == nil {
		if h.Mails != nil {
			h.Mails.Kick()
		}
		return nil
	}
	if h.Hooks == nil {
		return refuse("sms_send_failed", "Error sending sms: the hook send_sms is not set")
	}
	sent, err := h.Hooks.Run(c.r.Context(), c.w.Address, "send_sms", map[string]any{
		"user": todo.User, "sms": map[string]string{"otp": t.code, "phone": phone},
	})
	switch {
	case err != nil:
		return refuse("sms_send_failed", "Error sending sms").Because(err)
	case sent == nil:
		return refuse("sms_send_failed", "Error sending sms: the hook send_sms is not set")
	}
	return nil
}

// canMail fails where no mail can be sent, before anything is done.
func (h *Handler) canMail(c *call) error {
	if h.Mails == nil {
		return mail.ErrNotConfigured
	}
	return h.Mails.Check(c.r.Context())
}
