package auth

import (
	"cmp"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// signOut answers POST /logout?scope=global|local|others. When it answers, the sessions
// are over everywhere; it waits for processes that have not said so, but not for ever.
func signOut(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	scope := cmp.Or(c.r.URL.Query().Get("scope"), "global")
	if scope != "global" && scope != "local" && scope != "others" {
		return refuse("validation_failed", "Unsupported logout scope: give global, local or others")
	}
	if _, err := h.ask(c, pg.ReadWrite, `select to_jsonb(auth.sign_out($1::uuid, $2::text))::text`, []byte(b.Session), []byte(scope)); err != nil {
		return err
	}
	if err := h.settle(c); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// settle waits until every live process knows what was committed, at most 5 seconds.
func (h *Handler) settle(c *call) error {
	mark, err := h.ask(c, pg.ReadWrite, `select fluxbase.mark()::text`)
	if err != nil {
		return err
	}
	_, err = h.ask(c, pg.ReadOnly, `select count(*)::text from fluxbase.await($1::pg_lsn)`, mark)
	return err
}
