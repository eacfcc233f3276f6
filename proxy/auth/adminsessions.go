package auth

import (
	"net/http"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// listSessions answers GET /admin/users/{id}/sessions.
func listSessions(h *Handler, c *call) error {
	id, err := c.id(0, "user_id")
	if err != nil {
		return err
	}
	return h.give(c, pg.ReadOnly, `select auth.list_sessions($1::uuid)::text`, id)
}

// endSessions answers DELETE /admin/users/{id}/sessions, all of them, and
// …/sessions/{session}. When it answers they are over everywhere.
func endSessions(h *Handler, c *call) error {
	id, err := c.id(0, "user_id")
	if err != nil {
		return err
	}
	var session []byte
	if len(c.parts) > 1 {
		if session, err = c.id(1, "session_id"); err != nil {
			return err
		}
	}
	doc, err := h.ask(c, pg.ReadWrite, `select json_build_object('ended', auth.end_sessions($1::uuid, $2::uuid))::text`, id, session)
	if err != nil {
		return err
	}
	if err := h.settle(c); err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// impersonate answers POST /admin/users/{id}/impersonate {reason, minutes} with a session
// of the user, which lasts that long and says who acts.
func impersonate(h *Handler, c *call) error {
	id, err := c.id(0, "user_id")
	if err != nil {
		return err
	}
	in := struct {
		Reason  string `json:"reason"`
		Minutes int64  `json:"minutes"`
	}{Minutes: 15}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Minutes < 1 || in.Minutes > 60 {
		return refuse("validation_failed", "minutes must be 1 to 60")
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.impersonate($1::uuid, $2::text, $3::interval, $4::text, $5::inet)::text`,
		id, text(in.Reason), []byte(strconv.FormatInt(in.Minutes, 10)+" min"), c.agent(), c.address())
	if err != nil {
		return err
	}
	return h.signIn(c, doc)
}

// ownSessions answers GET /user/sessions: where the user is signed in.
func ownSessions(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	return h.give(c, pg.ReadOnly, `select auth.own_sessions($1::uuid, $2::uuid)::text`, []byte(b.Session), []byte(b.Subject))
}

// endOwnSession answers DELETE /user/sessions/{id}.
func endOwnSession(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	id, err := c.id(0, "session_id")
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.end_own_session($1::uuid, $2::uuid, $3::uuid)::text`,
		[]byte(b.Session), []byte(b.Subject), id)
	if err != nil {
		return err
	}
	if err := h.settle(c); err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// ofImpersonator are the routes for those who act in a user's place; all others change
// by what the user signs in, and where.
var ofImpersonator = map[string]bool{
	"GET " + Prefix + "/user":          true,
	"GET " + Prefix + "/user/sessions": true,
	"POST " + Prefix + "/logout":       true,
}
