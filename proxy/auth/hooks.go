package auth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"github.com/fluxbase/fluxbase/proxy/auth/hook"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// announced gives what the hook before_user_created has to be asked, or has said, if that is
// what a document tells: a flow that would make a user returns it alone, and has done nothing.
func announced(doc []byte) []byte {
	if !bytes.HasPrefix(doc, []byte(`{"announced": `)) {
		return nil
	}
	return doc[len(`{"announced": `) : len(doc)-1]
}

// announce asks the hook, and goes on with the flow once that lets it pass.
func (h *Handler) announce(ctx context.Context, tx *pg.Tx, ran []byte) ([]byte, error) {
	if h.Hooks == nil {
		return nil, errors.New("the hook before_user_created is set, and nothing calls hooks")
	}
	if _, err := h.Hooks.Finish(ctx, ran); err != nil {
		return nil, refusedBy(err)
	}
	tx.Settings = append(tx.Settings, pg.Setting{Name: "auth.user_announced", Value: "yes"})
	return h.DB.Value(ctx, tx)
}

// refusedBy makes the refusal of a hook an error of ours, in the hook's words.
func refusedBy(err error) error {
	var said *hook.Error
	if !errors.As(err, &said) {
		return err
	}
	code := said.Code
	if code == hook.CodeUnknown || code == hook.CodeUnexpected {
		code = "hook_refused"
	}
	e := *refuse(code, said.Message).Because(err)
	e.Status = said.Status
	return &e
}

// errRejected is the cause where a hook has said no to a password.
var errRejected = errors.New("the hook password_verification_attempt rejects it")

// passwordTried tells the hook password_verification_attempt of a password that was right or
// wrong. It may reject one that was right, and have the user signed out everywhere.
func (h *Handler) passwordTried(c *call, user string, valid bool) error {
	if h.Hooks == nil || user == "" {
		return nil
	}
	answer, err := h.Hooks.Run(c.r.Context(), c.w.Address, "password_verification_attempt", map[string]any{"user_id": user, "valid": valid})
	if err != nil || answer == nil {
		return refusedBy(err)
	}
	var says struct {
		Decision, Message string
		SignOut           bool `json:"should_logout_user"`
	}
	if err := json.Unmarshal(answer, &says); err != nil {
		return web.Internal.Because(err)
	}
	if says.Decision != "reject" {
		return nil
	}
	if says.SignOut {
		if _, err := h.ask(c, pg.ReadWrite, `select to_jsonb(auth.end_sessions($1::uuid))::text`, []byte(user)); err != nil {
			return err
		}
		if err := h.settle(c); err != nil {
			return err
		}
	}
	return refuse("invalid_credentials", cmp.Or(says.Message, messages["invalid_credentials"])).Because(errRejected)
}

// wrongPasswordTried does so once the answer has gone, so that its time tells nobody
// whether there is such a user.
func (h *Handler) wrongPasswordTried(c *call, user string) {
	if h.Hooks == nil || user == "" {
		return
	}
	h.later(c, "a hook could not be told of a wrong password", func(c *call) error {
		err := h.passwordTried(c, user, false)
		if errors.Is(err, errRejected) {
			return nil
		}
		return err
	})
}

// later does work after the answer. If that fails, the log says it as failed does.
func (h *Handler) later(c *call, failed string, work func(*call) error) {
	detached := *c
	detached.r = c.r.WithContext(context.WithoutCancel(c.r.Context()))
	detached.w = &web.Response{ID: c.w.ID, Address: c.w.Address}
	// Whoever waits for the handler to return waits for the end of the answer, too.
	c.w.After = func() {
		h.Go(func() {
			if err := work(&detached); err != nil {
				h.Log.WarnContext(detached.r.Context(), failed, "request_id", detached.w.ID, "error", err)
			}
		})
	}
}
