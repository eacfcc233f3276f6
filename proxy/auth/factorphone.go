package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// sendFactorCode has the hook send_sms send a code that answers a challenge.
func (h *Handler) sendFactorCode(c *call, user json.RawMessage, phone, challenge string) error {
	if h.Hooks == nil {
		return refuse("mfa_phone_verify_not_enabled", messages["mfa_phone_verify_not_enabled"])
	}
	code := newCode()
	if err := h.bind(c, challenge, h.codeHash(challenge, code), nil); err != nil {
		return err
	}
	answer, err := h.Hooks.Run(c.r.Context(), c.w.Address, "send_sms", map[string]any{"user": user, "sms": map[string]string{"otp": code, "phone": phone}})
	switch {
	case err != nil:
		return refuse("sms_send_failed", "Error sending sms").Because(err)
	case answer == nil:
		return refuse("mfa_phone_verify_not_enabled", messages["mfa_phone_verify_not_enabled"])
	}
	return nil
}

// codeHash is what is kept of a code, in hexadecimal: a million codes are soon tried, so
// it needs a key that is not in the database. It fits its challenge alone.
func (h *Handler) codeHash(challenge, code string) []byte {
	mac := hmac.New(sha256.New, h.Seals.Derive("code of a second factor"))
	mac.Write([]byte(challenge + " " + code))
	return hex.AppendEncode(nil, mac.Sum(nil))
}
