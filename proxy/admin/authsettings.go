package admin

import (
	"encoding/json"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// listAuthSettings answers GET /auth/settings.
func listAuthSettings(h *Handler, c *call) error {
	return h.list(c, `select coalesce(json_agg(s), '[]')::text from auth.list_settings() as s`)
}

// setAuthSettings answers PUT /auth/settings {name: value, …}: all are changed or none.
// The database reads them, so that it alone says what is wrong with one.
func setAuthSettings(h *Handler, c *call) error {
	body, err := web.ReadBody(c.r)
	if err != nil {
		return err
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(body, &given); err != nil || given == nil {
		return web.New("invalid_request", "the body is not an object of settings").Because(err)
	}
	now, err := h.ask(c, pg.ReadWrite,
		`select coalesce(json_object_agg(s.key, auth.set_setting(s.key, s.value) order by s.key), '{}')::text from jsonb_each($1::jsonb) as s`, body)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, now)
}
