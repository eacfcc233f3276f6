package auth

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/auth/captcha"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// human makes an answer one for clients that a CAPTCHA shows to be people, while the
// setting captcha_provider asks for one. Who comes with the service role needs none.
func human(answer func(*Handler, *call) error) func(*Handler, *call) error {
	return func(h *Handler, c *call) error {
		if c.caller.Role != serviceRole {
			if err := h.checkCaptcha(c); err != nil {
				return err
			}
		}
		return answer(h, c)
	}
}

// viaHook is the captcha_provider of a CAPTCHA that the hook captcha_verification checks.
const viaHook = "hook"

func (h *Handler) checkCaptcha(c *call) error {
	doc, err := h.ask(c, pg.ReadOnly, `select auth.setting('captcha_provider')::text`)
	if err != nil {
		return err
	}
	var provider string
	if err := json.Unmarshal(doc, &provider); err != nil || provider == "" {
		return err
	}
	var in struct {
		Security struct {
			Token string `json:"captcha_token"`
		} `json:"gotrue_meta_security"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	token := strings.TrimSpace(in.Security.Token)
	if token == "" {
		return noPerson("no captcha_token found")
	}
	if provider == viaHook {
		return h.captchaTried(c, token)
	}
	err = h.Captcha.Verify(c.r.Context(), provider, token, c.w.Address)
	var refusal captcha.Refusal
	switch {
	case errors.As(err, &refusal):
		return noPerson(string(refusal))
	case err != nil:
		return noCaptcha.Because(err)
	}
	return nil
}

// captchaTried has the hook captcha_verification decide about a token.
func (h *Handler) captchaTried(c *call, token string) error {
	if h.Hooks == nil {
		return noCaptcha.Because(errNoHook)
	}
	answer, err := h.Hooks.Run(c.r.Context(), c.w.Address, "captcha_verification", map[string]any{
		"captcha_token": token, "path": strings.TrimPrefix(c.w.Route, Prefix),
	})
	switch {
	case err != nil:
		return refusedBy(err)
	case answer == nil:
		return noCaptcha.Because(errNoHook)
	}
	var says struct{ Decision, Message string }
	if err := json.Unmarshal(answer, &says); err != nil {
		return web.Internal.Because(err)
	}
	if says.Decision != "continue" {
		return noPerson(says.Message)
	}
	return nil
}

var (
	noCaptcha = refuse("captcha_unavailable", "captcha verification process failed")
	errNoHook = errors.New("captcha_provider is hook, and the hook captcha_verification is not set")
)

func noPerson(why string) error {
	if why == "" {
		why = "rejected"
	}
	return refuse("captcha_failed", "captcha protection: request disallowed ("+why+")")
}
