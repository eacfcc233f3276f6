package web

import "net/http"

// Code is one row of the table of errors: what a client may switch on. The
// table is the only place that knows the status of a code; docs/reference/errors.md
// is generated from it.
type Code struct {
	Code   string
	Status int
	// Meaning completes "the server answers this when …".
	Meaning string
}

// Codes lists our own codes and PostgREST's. SQLSTATEs are mapped by class, see
// Classes.
var Codes = []Code{
	{"batch_invalid", http.StatusBadRequest, "a batch, or an operation of it, is not well formed, or asks for what can't be within a batch"},
	{"batch_reference", http.StatusBadRequest, "a reference within a batch leads to no value of an earlier operation"},
	{"batch_too_large", http.StatusRequestEntityTooLarge, "a batch has too many operations, or its answer would be too long"},
	{"body_too_large", http.StatusRequestEntityTooLarge, "the request body is over the limit of its route class"},
	{"client_gone", 499, "the client closed the connection before the answer (seen in logs only)"},
	{"cursor_not_possible", http.StatusBadRequest, "the rows asked for can't be read on from a cursor; message and hint say why"},
	{"cursors_not_installed", http.StatusNotImplemented, "a cursor is asked for on a database that fluxbase migrate up was not run on"},
	{"expired_cursor", http.StatusBadRequest, "the cursor is older than the setting pagination.cursor_lifetime allows"},
	{"forbidden", http.StatusForbidden, "the caller has no right to this"},
	{"forbidden_origin", http.StatusForbidden, "a browser's preflight came from an origin that CORS does not allow"},
	{"guard_cost", http.StatusBadRequest, "a guard: the planner expects the request to cost more than is allowed here"},
	{"guard_embed_breadth", http.StatusBadRequest, "a guard: more embeds stand side by side than are allowed here"},
	{"guard_embed_depth", http.StatusBadRequest, "a guard: embeds are nested deeper than is allowed here"},
	{"guard_filter", http.StatusForbidden, "a guard: the column is none to filter by here"},
	{"guard_operator", http.StatusForbidden, "a guard: the operator is not allowed here"},
	{"guard_order", http.StatusForbidden, "a guard: the column is none to order by here"},
	{"guard_rows", http.StatusBadRequest, "a guard: the write touches more rows than are allowed here; it is undone"},
	{"guard_timeout", http.StatusGatewayTimeout, "a guard: the statement took longer than is allowed here; it is undone"},
	{"internal_error", http.StatusInternalServerError, "something failed inside; the log has more under the request id"},
	{"invalid_cursor", http.StatusBadRequest, "the cursor is not one for this table, order, filter and role, or was changed"},
	{"invalid_request", http.StatusBadRequest, "the request is not well formed HTTP for this route"},
	{"method_not_allowed", http.StatusMethodNotAllowed, "the route exists, but not for this method; see the Allow header"},
	{"not_found", http.StatusNotFound, "no route has this path"},
	{"precondition_failed", http.StatusPreconditionFailed, "the row or answer is not the one that If-Match, If-None-Match or If-Unmodified-Since names; nothing was changed"},
	{"precondition_needs_one_row", http.StatusBadRequest, "If-Match with an ETag came with a write that may be of several rows"},
	{"request_timeout", http.StatusGatewayTimeout, "the request ran into its deadline; its transaction was rolled back"},
	{"shutting_down", http.StatusServiceUnavailable, "the process is stopping; try again, another one answers"},
	{"stream_away", http.StatusServiceUnavailable, "changes of the database are not streamed now, so realtime stands still; /readyz names the reason"},
	{"too_many_requests", http.StatusTooManyRequests, "a limit on how much is asked for is reached; try again later, or ask for less at once"},
	{"unauthorized", http.StatusUnauthorized, "the route needs an API key or a token, and none came"},
	{"unfiltered_write", http.StatusBadRequest, "an update or delete has no filter, and Prefer: handling=all-rows does not say that all rows are meant"},
	{"unprocessable", http.StatusUnprocessableEntity, "the body is well formed, but not what the route takes"},
	{"unsupported_media_type", http.StatusUnsupportedMediaType, "the body is of a type that the route doesn't take"},
	{"json_too_deep", http.StatusBadRequest, "the body nests deeper than 64 levels"},

	{"PGRST000", http.StatusServiceUnavailable, "the database can't be reached, or a connection was lost"},
	{"PGRST002", http.StatusServiceUnavailable, "the catalogue of the database is not loaded yet"},
	{"PGRST003", http.StatusGatewayTimeout, "all connections of the pool stayed busy for as long as a request may wait"},
	{"PGRST100", http.StatusBadRequest, "the query string does not parse"},
	{"PGRST101", http.StatusMethodNotAllowed, "a function is called with a method other than GET, HEAD and POST"},
	{"PGRST102", http.StatusBadRequest, "the body is not valid, or not of a type that the route takes"},
	{"PGRST103", http.StatusRequestedRangeNotSatisfiable, "the range asked for can't be"},
	{"PGRST105", http.StatusMethodNotAllowed, "a PUT does not filter by exactly the primary key"},
	{"PGRST106", http.StatusNotAcceptable, "the schema is not exposed"},
	{"PGRST107", http.StatusNotAcceptable, "no media type of the Accept header can be produced"},
	{"PGRST108", http.StatusBadRequest, "a filter names an embed that select does not hold"},
	{"PGRST111", http.StatusInternalServerError, "response.headers was set to something else than a JSON array of objects"},
	{"PGRST112", http.StatusInternalServerError, "response.status was set to something that is no status"},
	{"PGRST114", http.StatusBadRequest, "a PUT has limit or offset"},
	{"PGRST115", http.StatusBadRequest, "the key in the body of a PUT is not the one in its URL"},
	{"PGRST116", http.StatusNotAcceptable, "one row was asked for and there are none or several; a write is undone"},
	{"PGRST117", http.StatusMethodNotAllowed, "the method is not supported"},
	{"PGRST118", http.StatusBadRequest, "an order by a related table that is not to-one"},
	{"PGRST120", http.StatusBadRequest, "an embed is filtered with another operator than is.null"},
	{"PGRST121", http.StatusInternalServerError, "a RAISE SQLSTATE 'PGRST' holds JSON that does not parse"},
	{"PGRST122", http.StatusBadRequest, "Prefer: handling=strict came with a preference that is not known"},
	{"PGRST123", http.StatusBadRequest, "aggregates are switched off"},
	{"PGRST124", http.StatusBadRequest, "more rows were affected than Prefer: max-affected allows; the write is undone"},
	{"PGRST125", http.StatusNotFound, "the path is not of a table or function"},
	{"PGRST126", http.StatusNotFound, "the OpenAPI document is switched off"},
	{"PGRST127", http.StatusBadRequest, "the feature does not exist in this combination"},
	{"PGRST128", http.StatusBadRequest, "max-affected on a function that returns one value"},
	{"PGRST200", http.StatusBadRequest, "the two tables have no relationship"},
	{"PGRST201", http.StatusMultipleChoices, "the two tables have several relationships; name one with a hint"},
	{"PGRST202", http.StatusNotFound, "no function has this name and these arguments"},
	{"PGRST203", http.StatusMultipleChoices, "several functions have this name and these arguments"},
	{"PGRST204", http.StatusBadRequest, "the table has no such column"},
	{"PGRST205", http.StatusNotFound, "the schema has no such table"},
	{"PGRST300", http.StatusInternalServerError, "a token came, but no JWT secret is configured"},
	{"PGRST301", http.StatusUnauthorized, "the token is not one of ours: malformed, or signed by another key"},
	{"PGRST302", http.StatusUnauthorized, "a request without a token, and anonymous access is switched off"},
	{"PGRST303", http.StatusUnauthorized, "the token's claims are not valid now: expired, not yet valid, another audience"},
	{"PGRSTX00", http.StatusInternalServerError, "an internal error of the REST layer"},
}

var statusOf = func() map[string]int {
	m := make(map[string]int, len(Codes))
	for _, c := range Codes {
		m[c.Code] = c.Status
	}
	return m
}()

// New makes an error with a code of the table. A code that is not in it is a
// mistake of the programmer and panics.
func New(code, message string) *Error {
	status, ok := statusOf[code]
	if !ok {
		panic("web: no such error code: " + code)
	}
	return &Error{Status: status, Code: code, Message: message}
}

var retrySoon = http.Header{"Retry-After": {"1"}}

// Errors that more than one package returns. Give them a cause with Because.
var (
	Internal   = New("internal_error", "something went wrong inside; tell the operator the request id")
	NotFound   = New("not_found", "there is nothing at this path")
	ClientGone = New("client_gone", "the client closed the connection")
	Timeout    = New("request_timeout", "the request took too long and was rolled back")

	DatabaseUnavailable = withHeader(New("PGRST000", "the database can't be reached right now; try again"), retrySoon)
	CatalogNotLoaded    = withHeader(New("PGRST002", "Could not query the database for the schema cache. Retrying."), retrySoon)
	PoolTimeout         = withHeader(New("PGRST003", "Timed out acquiring connection from connection pool."), retrySoon)
	ShuttingDown        = withHeader(New("shutting_down", "this process is stopping; try again"), retrySoon)
)

func withHeader(e *Error, h http.Header) *Error {
	e.Header = h
	return e
}

// BodyTooLarge is the answer to a body over limit bytes, of a route class.
func BodyTooLarge(limit int64) *Error {
	e := New("body_too_large", "the request body is too large")
	e.Details = map[string]int64{"limit_bytes": limit}
	e.Hint = "send less at once, or raise FLUXBASE_SERVER_BODY_LIMIT"
	return e
}
