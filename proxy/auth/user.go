package auth

import (
	"net/http"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// getUser answers GET /user: who the bearer of the token is now.
func getUser(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadOnly, `select auth.user_of_session($1::uuid, $2::uuid)::text`, []byte(b.Session), []byte(b.Subject))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

func number64(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
