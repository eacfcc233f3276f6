package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"unicode"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// recoveryCodes answers GET /factors/recovery-codes: how many are left.
func recoveryCodes(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	doc, err := h.recoveryStatus(c, b)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

func (h *Handler) recoveryStatus(c *call, b bearer) ([]byte, error) {
	return h.ask(c, pg.ReadOnly, `select auth.recovery_codes_status($1::uuid)::text`, []byte(b.Subject))
}

// makeRecoveryCodes answers POST /factors/recovery-codes.
func makeRecoveryCodes(h *Handler, c *call) error {
	var in struct {
		Name string `json:"friendly_name"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if len(in.Name) > maxName {
		return refuse("validation_failed", "friendly_name is longer than 120 bytes")
	}
	return h.makeRecoveryCodes(c, "false", in.Name)
}

// remakeRecoveryCodes answers POST /factors/recovery-codes/regenerate.
func remakeRecoveryCodes(h *Handler, c *call) error { return h.makeRecoveryCodes(c, "true", "") }

func (h *Handler) makeRecoveryCodes(c *call, again, name string) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.make_recovery_codes($1::uuid, $2::boolean, $3::text)::text`, []byte(b.Session), []byte(again), text(name))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// useRecoveryCode answers POST /factors/recovery-codes/verify. The database is sent the
// hash alone, so that no log of it holds a code.
func useRecoveryCode(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	var in struct {
		Code string `json:"code"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(canonical(in.Code)))
	doc, err := h.ask(c, pg.ReadWrite, `select auth.use_recovery_code($1::uuid, decode($2::text, 'hex'))::text`,
		[]byte(b.Session), hex.AppendEncode(nil, sum[:]))
	if err != nil {
		return err
	}
	return h.signIn(c, doc)
}

// canonical is a recovery code as it was made, whatever people write between its
// letters, or take for one of them.
func canonical(code string) string {
	return strings.Map(func(r rune) rune {
		switch r = unicode.ToLower(r); {
		case r == '-' || unicode.IsSpace(r):
			return -1
		case r == 'o':
			return '0'
		case r == 'i' || r == 'l':
			return '1'
		}
		return r
	}, code)
}

// dropRecoveryCodes answers DELETE /factors/recovery-codes.
func dropRecoveryCodes(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	doc, err := h.recoveryStatus(c, b)
	if err != nil {
		return err
	}
	var set struct{ ID string }
	if err := json.Unmarshal(doc, &set); err != nil {
		return err
	}
	return h.unenroll(c, b, []byte(set.ID))
}
