// Package admin answers operators at /api/v1/admin, for the service role alone. It
// only calls functions of the database, which psql may call as well.
package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Prefix of all paths.
const Prefix = "/api/v1/admin"

const serviceRole = "service_role"

var (
	errNoKey      = web.New("unauthorized", "API key is missing")
	errNotService = web.New("forbidden", "this is for the service role alone")
	errNoKeyOfID  = web.New("key_not_found", "there is no service key of this id")
)

// Handler answers all below Prefix.
type Handler struct {
	db     *pg.DB
	tokens *token.Verifier
	limit  Limit
	routes []route
}

// Limit may refuse a request of a caller.
type Limit func(*web.Response, *http.Request, pg.Caller) error

// New makes a Handler. db is a login that may become service_role; limit may be nil.
// more are routes of other capabilities.
func New(db *pg.DB, tokens *token.Verifier, limit Limit, more ...web.OperatorRoute) *Handler {
	return &Handler{db, tokens, limit, with(more)}
}

// route is one method of one path; * stands for the id in it.
type route struct {
	method, path string
	answer       func(*Handler, *call) error
	about        about
	module       string // whose keys may use it, too
}

var routes = []route{
	{http.MethodGet, "/service-keys", listKeys, aboutKeys, ""},
	{http.MethodPost, "/service-keys", issueKey, aboutIssue, ""},
	{http.MethodGet, "/service-keys/revocations", listRevocations, aboutRevocations, ""},
	{http.MethodPost, "/service-keys/*/revoke", revokeKey, aboutRevoke, ""},
	{http.MethodPost, "/service-keys/*/deprecate", deprecateKey, aboutDeprecate, ""},
	{http.MethodPost, "/service-keys/*/rotate", rotateKey, aboutRotate, ""},
	{http.MethodPost, "/legacy-keys/revoke", revokeLegacyKeys, aboutLegacy, ""},
	{http.MethodGet, "/audit", listEvents, aboutAudit, ""},
	{http.MethodGet, "/auth/settings", listAuthSettings, aboutAuthSettings, ""},
	{http.MethodPut, "/auth/settings", setAuthSettings, aboutSetAuthSettings, ""},
}

// with are all routes.
func with(more []web.OperatorRoute) []route {
	list := slices.Clone(routes)
	for _, op := range more {
		mode := pg.ReadWrite
		if op.Method == http.MethodGet {
			mode = pg.ReadOnly
		}
		answer := func(h *Handler, c *call) error {
			c.missing = op.Missing
			body, err := op.Answer(&web.Operator{
				Request: c.r, Name: c.id, Read: c.read,
				Ask: func(sql string, args ...[]byte) ([]byte, error) { return h.ask(c, mode, sql, args...) },
			})
			if err != nil {
				return err
			}
			if op.Method == http.MethodGet && web.Unchanged(c.w, c.r, body) {
				return nil
			}
			return c.answer(op.Status, body)
		}
		list = append(list, route{op.Method, op.Path, answer, about{op.ID, op.About, op.Status, op.Takes}, op.Module})
	}
	return list
}

// call is one request under way.
type call struct {
	w      *web.Response
	r      *http.Request
	caller pg.Caller
	id     string // in the path
	// missing is the code of what is not there; empty is that of service keys.
	missing string
}

// Serve answers one request.
func (h *Handler) Serve(w *web.Response, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store") // keys are shown once, also to caches
	at, parts, missing := web.Find(r.Method, strings.TrimPrefix(r.URL.Path, Prefix), len(h.routes), func(i int) (method, pattern string) {
		return h.routes[i].method, h.routes[i].path
	})
	module := ""
	if missing == nil {
		module = h.routes[at].module
	}
	caller, err := h.authorize(w, r, module)
	switch {
	case err != nil:
		return err
	case missing != nil:
		return missing
	}
	w.Route = Prefix + h.routes[at].path
	return h.routes[at].answer(h, &call{w: w, r: r, caller: caller, id: strings.Join(parts, "")})
}

func (h *Handler) authorize(w *web.Response, r *http.Request, module string) (pg.Caller, error) {
	if r.Header.Get("Apikey") == "" && r.Header.Get("Authorization") == "" && r.Header.Get("X-Service-Key") == "" {
		return pg.Caller{}, errNoKey
	}
	caller, err := h.tokens.Caller(r.Context(), r.Header, token.From{Module: "admin", Or: module, Address: w.Address})
	if err != nil {
		return pg.Caller{}, err
	}
	w.Role, w.User = caller.Role, caller.Subject
	if h.limit != nil {
		if err := h.limit(w, r, caller); err != nil {
			return pg.Caller{}, err
		}
	}
	if caller.Role != serviceRole {
		return pg.Caller{}, errNotService
	}
	if r.Method != http.MethodGet {
		err = token.CheckWrite(caller.Scope)
	}
	return caller, err
}

// read decodes the body, an object of the fields of in; an empty one is {}.
func (c *call) read(in any) error {
	body, err := web.ReadBody(c.r)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil || d.More() {
		e := web.New("invalid_request", "the body is not an object of the fields that this route takes")
		e.Hint = "docs/how-to/service-keys.md lists them"
		return e.Because(err)
	}
	return nil
}

// ask runs a statement that gives one text, or null, as the caller.
func (h *Handler) ask(c *call, mode pg.Mode, sql string, args ...[]byte) ([]byte, error) {
	value, err := h.db.Value(c.r.Context(), pg.ForRequest(c.w, c.r, c.caller, mode, sql, args))
	if err != nil {
		return nil, c.mapError(err)
	}
	return value, nil
}

// mapError gives what our functions raise a code of ours.
func (c *call) mapError(err error) error {
	var fault *pgconn.PgError
	if errors.As(err, &fault) {
		switch {
		case fault.Code == "P0002" && c.missing != "":
			return web.New(c.missing, fault.Message).Because(err)
		case fault.Code == "P0002":
			return errNoKeyOfID.Because(err)
		case fault.Code == "55000":
			e := web.New("key_conflict", fault.Message)
			e.Hint = fault.Hint
			if fault.Detail != "" {
				e.Details = fault.Detail
			}
			return e.Because(err)
		}
	}
	return web.FromPostgres(err, false)
}

// answer sends JSON.
func (c *call) answer(status int, body []byte) error { return web.SendJSON(c.w, status, body) }
