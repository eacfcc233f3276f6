package auth

import (
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// factorsOf answers GET /admin/users/{id}/factors.
func factorsOf(h *Handler, c *call) error {
	id, err := c.id(0, "user_id")
	if err != nil {
		return err
	}
	return h.give(c, pg.ReadOnly, `select auth.list_factors($1::uuid)::text`, id)
}

// removeFactor answers DELETE /admin/users/{id}/factors/{factor}. When it answers, sessions
// that it ends are over everywhere.
func removeFactor(h *Handler, c *call) error {
	id, err := c.id(0, "user_id")
	if err != nil {
		return err
	}
	factor, err := c.id(1, "factor_id")
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.remove_factor($1::uuid, $2::uuid)::text`, id, factor)
	if err != nil {
		return err
	}
	if err := h.settle(c); err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// passkeysOf answers GET /admin/users/{id}/passkeys.
func passkeysOf(h *Handler, c *call) error {
	id, err := c.id(0, "user_id")
	if err != nil {
		return err
	}
	return h.give(c, pg.ReadOnly, `select case when auth.user_json($1::uuid) is null then '{"error": "user_not_found"}' else auth.list_passkeys($1::uuid) end::text`, id)
}

// takePasskey answers DELETE /admin/users/{id}/passkeys/{passkey}.
func takePasskey(h *Handler, c *call) error {
	id, err := c.id(0, "user_id")
	if err != nil {
		return err
	}
	passkey, err := c.id(1, "passkey_id")
	if err != nil {
		return err
	}
	if _, err := h.ask(c, pg.ReadWrite, `select auth.remove_passkey($1::uuid, $2::uuid)::text`, id, passkey); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// clearAttempts answers DELETE /admin/users/{id}/attempts: a lock-out is over.
func clearAttempts(h *Handler, c *call) error {
	id, err := c.id(0, "user_id")
	if err != nil {
		return err
	}
	return h.give(c, pg.ReadWrite, `select json_build_object('cleared', auth.clear_failed_attempts($1::uuid))::text`, id)
}
