package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Class maps SQLSTATEs that begin with Prefix to a status. The longest prefix
// wins; what no row matches is the client's mistake, 400.
type Class struct {
	Prefix  string
	Status  int
	Meaning string
}

// Classes is the one table from SQLSTATE to status. It is PostgREST's, with
// 57P02 and 57P03 (server crashed, server starting) as 503 like 57P01.
var Classes = []Class{
	{"08", 503, "connection exception"},
	{"09", 500, "triggered action exception"},
	{"0L", 403, "invalid grantor"},
	{"0P", 403, "invalid role specification"},
	{"21000", 500, "cardinality violation (400 when pg-safeupdate asks for a WHERE clause)"},
	{"22023", 400, "invalid parameter value (401 when the token's role does not exist)"},
	{"23503", 409, "foreign key violation"},
	{"23505", 409, "unique violation"},
	{"25", 500, "invalid transaction state"},
	{"25006", 405, "write in a read-only transaction"},
	{"28", 403, "invalid authorization"},
	{"2D", 500, "invalid transaction termination"},
	{"38", 500, "external routine exception"},
	{"39", 500, "external routine invocation"},
	{"3B", 500, "savepoint exception"},
	{"40", 500, "transaction rollback: serialization failure, deadlock"},
	{"42501", 403, "insufficient privilege, row level security (401 for the anonymous role)"},
	{"42883", 404, "undefined function (406 for xmlagg)"},
	{"42P01", 404, "undefined table"},
	{"42P17", 500, "infinite recursion in a policy, invalid object definition"},
	{"53", 503, "insufficient resources"},
	{"53400", 500, "configuration limit exceeded"},
	{"54", 500, "program limit exceeded"},
	{"55", 500, "object not in prerequisite state"},
	{"57", 500, "operator intervention: statement timeout"},
	{"57P01", 503, "server is shutting down"},
	{"57P02", 503, "server crashed"},
	{"57P03", 503, "server is starting"},
	{"58", 500, "system error"},
	{"F0", 500, "configuration file error"},
	{"HV", 500, "foreign data wrapper error"},
	{"P0001", 400, "raised by a function"},
	{"P0", 500, "PL/pgSQL error"},
	{"XX", 500, "internal error of Postgres"},
}

var classes = func() map[string]*Class {
	m := make(map[string]*Class, len(Classes))
	for i := range Classes {
		m[Classes[i].Prefix] = &Classes[i]
	}
	return m
}()

// classOf is the row of a SQLSTATE; nil where none matches.
func classOf(code string) *Class {
	for n := len(code); n >= 2; n-- {
		if c := classes[code[:n]]; c != nil && len(code) == 5 {
			return c
		}
	}
	return nil
}

// SQLState makes an error that says what Postgres says by this SQLSTATE, where it is not
// asked.
func SQLState(code, message string) *Error {
	e := FromPostgres(&pgconn.PgError{Code: code, Message: message}, false)
	e.Err = nil
	return e
}

// FromPostgres turns an error of pg.Do into the answer to the client: an
// *Error stays itself, a *pgconn.PgError is mapped by its SQLSTATE, anything
// else is internal. anonymous tells whether the request came without a token of
// a user, which makes 401 of what signing in may mend.
func FromPostgres(err error, anonymous bool) *Error {
	var pgErr *pgconn.PgError
	var webErr *Error
	switch {
	case errors.As(err, &webErr):
		return webErr
	case !errors.As(err, &pgErr):
		return Internal.Because(err)
	case pgErr.Code == "PGRST":
		return raised(pgErr)
	}
	e := &Error{
		Status:  sqlStatus(pgErr, anonymous),
		Code:    pgErr.Code,
		Message: pgErr.Message,
		Hint:    pgErr.Hint,
		Err:     err,
	}
	if pgErr.Detail != "" {
		e.Details = pgErr.Detail
	}
	switch e.Status {
	case http.StatusUnauthorized:
		e.Header = http.Header{"Www-Authenticate": {"Bearer"}}
	case http.StatusServiceUnavailable:
		e.Header = retrySoon
	}
	return e
}

func sqlStatus(e *pgconn.PgError, anonymous bool) int {
	switch {
	case strings.HasPrefix(e.Code, "PT"):
		if n, err := strconv.Atoi(e.Code[2:]); err == nil && n >= 200 && n <= 599 {
			return n
		}
		return http.StatusInternalServerError
	case e.Code == "42501" && anonymous:
		return http.StatusUnauthorized
	case e.Code == "22023" && strings.HasPrefix(e.Message, "role ") && strings.HasSuffix(e.Message, "does not exist"):
		return http.StatusUnauthorized
	case e.Code == "21000" && strings.HasSuffix(e.Message, "requires a WHERE clause"):
		return http.StatusBadRequest
	case e.Code == "42883" && strings.HasPrefix(e.Message, "function xmlagg("):
		return http.StatusNotAcceptable
	}
	if c := classOf(e.Code); c != nil {
		return c.Status
	}
	return http.StatusBadRequest
}

// raised answers RAISE SQLSTATE 'PGRST', by which a function dictates the whole
// answer: MESSAGE holds {code, message, details, hint}, DETAIL {status, headers,
// status_text}, as JSON.
func raised(e *pgconn.PgError) *Error {
	var msg struct {
		Code, Message *string
		Details       any
		Hint          string
	}
	if json.Unmarshal([]byte(e.Message), &msg) != nil || msg.Code == nil || msg.Message == nil {
		return badRaise("Invalid JSON value for MESSAGE: '"+e.Message+"'",
			"MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.")
	}
	const wantDetail = "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."
	if e.Detail == "" {
		return badRaise("DETAIL is missing in the RAISE statement", wantDetail)
	}
	var detail struct {
		Status  *int
		Headers map[string]string
	}
	if json.Unmarshal([]byte(e.Detail), &detail) != nil || detail.Status == nil || detail.Headers == nil ||
		*detail.Status < 200 || *detail.Status > 599 {
		return badRaise("Invalid JSON value for DETAIL: '"+e.Detail+"'", wantDetail)
	}
	out := &Error{Status: *detail.Status, Code: *msg.Code, Message: *msg.Message, Details: msg.Details, Hint: msg.Hint, Err: e}
	for name, value := range detail.Headers {
		if out.Header == nil {
			out.Header = http.Header{}
		}
		out.Header.Set(name, value)
	}
	return out
}

func badRaise(details, hint string) *Error {
	e := New("PGRST121", `Could not parse JSON in the "RAISE SQLSTATE 'PGRST'" error`)
	e.Details, e.Hint = details, hint
	return e
}
