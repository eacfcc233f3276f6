// Package jobs answers at /jobs/v1: who enqueues, workers in any language, and operators, for
// the service role alone, and users who look at jobs of their own. It only calls functions of
// schema jobs, which psql may call as well.
package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/proxy/jobs/wake"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Prefix of all paths.
const Prefix = "/jobs/v1"

const (
	serviceRole = "service_role"
	userRole    = "authenticated"
)

var errForbidden = web.New("forbidden", "this is for the service role alone")

// Deps is what a Handler is made of.
type Deps struct {
	// DB is a login that may become service_role, Requests one that may become other roles.
	DB, Requests *pg.DB
	Tokens       *token.Verifier
	// Once reads idempotency keys.
	Once *idempotency.Keys
	// Waker tells those who wait of new jobs, and Busy is told when some end.
	Waker *wake.Waker
	Busy  func()
	// Poll is how often who waits looks for jobs that nobody told of.
	Poll time.Duration
	// Stopping is closed when nobody is to wait any longer.
	Stopping <-chan struct{}
	// Seals seals the secrets of handlers; nil takes none.
	Seals *seal.Keys
	// Limit may refuse a request of a caller; nil refuses none.
	Limit func(*web.Response, *http.Request, pg.Caller) error
}

// Handler answers all below Prefix.
type Handler struct{ Deps }

// New makes a Handler.
func New(deps Deps) *Handler { return &Handler{deps} }

// route is one method of one path; * stands for a part of it.
type route struct {
	method, path string
	answer       func(*Handler, *call) error
	about        about
}

// routes is the whole surface.
var routes = []route{
	{http.MethodPost, "/enqueue", enqueue, aboutEnqueue},
	{http.MethodPost, "/claim", claim, aboutClaim},
	{http.MethodPost, "/finish", finish, aboutFinish},
	{http.MethodPost, "/progress", finish, aboutProgress},
	{http.MethodPost, "/heartbeat", heartbeat, aboutHeartbeat},
	{http.MethodGet, "/jobs", listJobs, aboutJobs},
	{http.MethodGet, "/jobs/*", readJob, aboutJob},
	{http.MethodPost, "/jobs/*/cancel", cancelJob, aboutCancel},
	{http.MethodPost, "/jobs/*/retry", retryJob, aboutRetry},
	{http.MethodGet, "/jobs/*/steps", listSteps, aboutSteps},
	{http.MethodPost, "/jobs/*/steps", storeStep, aboutStep},
	{http.MethodPost, "/events", emit, aboutEmit},
	{http.MethodGet, "/events/*", readEvent, aboutEvent},
	{http.MethodPost, "/queues/*/pause", pauseQueue, aboutPause},
	{http.MethodPost, "/queues/*/resume", resumeQueue, aboutResume},
	{http.MethodPost, "/queues/*/redrive", redriveQueue, aboutRedrive},
	{http.MethodPut, "/queues/*/limit", limitQueue, aboutLimitQueue},
	{http.MethodPut, "/keys/*/limit", limitKey, aboutLimitKey},
	{http.MethodGet, "/limits", listLimits, aboutLimits},
	{http.MethodGet, "/schedules", listSchedules, aboutSchedules},
	{http.MethodPut, "/schedules/*", setSchedule, aboutSchedule},
	{http.MethodDelete, "/schedules/*", dropSchedule, aboutUnschedule},
	{http.MethodPost, "/schedules/*/pause", pauseSchedule, aboutPauseSchedule},
	{http.MethodPost, "/schedules/*/resume", resumeSchedule, aboutResumeSchedule},
	{http.MethodPost, "/schedules/*/run", runSchedule, aboutRunSchedule},
	{http.MethodGet, "/workers", listWorkers, aboutWorkers},
	{http.MethodGet, "/workers/*/jobs", heldJobs, aboutHeld},
	{http.MethodPost, "/workers/*/drain", drainWorker, aboutDrain},
	{http.MethodGet, "/handlers", listHandlers, aboutHandlers},
	{http.MethodPost, "/handlers/*/secrets", addSecret, aboutSecret},
	{http.MethodDelete, "/handler-secrets/*", dropSecret, aboutDropSecret},
	{http.MethodGet, "/stats", stats, aboutStats},
}

// call is one request under way.
type call struct {
	w      *web.Response
	r      *http.Request
	caller pg.Caller
	part   string // of the path, where the pattern has *
}

// Serve answers one request.
func (h *Handler) Serve(w *web.Response, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	caller, err := h.authorize(w, r)
	if err != nil {
		return err
	}
	at, parts, err := web.Find(r.Method, strings.TrimPrefix(r.URL.Path, Prefix), len(routes), func(i int) (method, pattern string) {
		return routes[i].method, routes[i].path
	})
	if err != nil {
		return err
	}
	rt := routes[at]
	w.Route = Prefix + rt.path
	if caller.Role != serviceRole && !rt.about.users {
		return errForbidden
	}
	return rt.answer(h, &call{w, r, caller, strings.Join(parts, "")})
}

func (h *Handler) authorize(w *web.Response, r *http.Request) (pg.Caller, error) {
	if r.Header.Get("Apikey") == "" && r.Header.Get("Authorization") == "" && r.Header.Get("X-Service-Key") == "" {
		return pg.Caller{}, web.New("unauthorized", "API key is missing")
	}
	caller, err := h.Tokens.Caller(r.Context(), r.Header, token.From{Module: "jobs", Address: w.Address})
	if err != nil {
		return pg.Caller{}, err
	}
	w.Role = caller.Role
	if h.Limit != nil {
		if err := h.Limit(w, r, caller); err != nil {
			return pg.Caller{}, err
		}
	}
	if caller.Role != serviceRole && !(caller.Role == userRole && r.Method == http.MethodGet) {
		return pg.Caller{}, errForbidden
	}
	if r.Method != http.MethodGet {
		err = token.CheckWrite(caller.Scope)
	}
	return caller, err
}

// body reads all of it.
func (c *call) body() ([]byte, error) {
	body, err := io.ReadAll(c.r.Body)
	var own *web.Error
	switch {
	case errors.As(err, &own):
		return nil, own
	case err != nil:
		return nil, web.ClientGone.Because(err)
	}
	return bytes.TrimSpace(body), nil
}

// read decodes the body, an object of the fields of in; an empty one is {}.
func (c *call) read(in any) error {
	body, err := c.body()
	if err != nil || len(body) == 0 {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil || d.More() {
		e := web.New("invalid_request", "the body is not an object of the fields that this route takes")
		e.Hint = "docs/how-to/jobs.md and /openapi.json tell of them"
		return e.Because(err)
	}
	return nil
}

// ask runs a statement that gives one text, or null.
func (h *Handler) ask(ctx context.Context, c *call, mode pg.Mode, sql string, args ...[]byte) ([]byte, error) {
	if c.w.LogSQL {
		c.w.SQL = append(c.w.SQL, sql)
	}
	db := h.DB
	if c.caller.Role != serviceRole {
		db = h.Requests
	}
	res, err := db.Do(ctx, c.transaction(mode, sql, args))
	if err != nil {
		return nil, mapError(err)
	}
	defer res.Free()
	if len(res.Values) == 0 || res.Values[0] == nil {
		return nil, nil
	}
	return bytes.Clone(res.Values[0]), nil
}

func (c *call) transaction(mode pg.Mode, sql string, args [][]byte) *pg.Tx {
	return &pg.Tx{
		Caller: c.caller, Mode: mode, Method: c.r.Method, Path: c.r.URL.Path, RequestID: c.w.ID, Main: pg.Statement{SQL: sql, Args: args},
	}
}

// mapError gives what our functions raise a code of ours.
func mapError(err error) error {
	var fault *pgconn.PgError
	if errors.As(err, &fault) {
		switch fault.Code {
		case "P0002":
			return web.New("job_not_found", fault.Message).Because(err)
		case "55000":
			return web.New("worker_draining", fault.Message).Because(err)
		}
	}
	return web.FromPostgres(err, false)
}

// tell runs a statement and sends its answer; none is not found, as what says.
func (h *Handler) tell(c *call, mode pg.Mode, status int, what, sql string, args ...[]byte) error {
	body, err := h.ask(c.r.Context(), c, mode, sql, args...)
	switch {
	case err != nil:
		return err
	case body == nil:
		return web.New("job_not_found", what)
	}
	return c.answer(status, body)
}

// answer sends JSON.
func (c *call) answer(status int, body []byte) error {
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // a client that is gone wants no other answer
	return nil
}
