package web

import (
	"net/http"
	"slices"
	"strconv"
)

// Code is one row of the table of errors: what a client may switch on. The
// table is the only place that knows the status of a code; docs/reference/errors.md
// is generated from it.
type Code struct {
	Code   string
	Status int
	// Meaning completes "the server answers this when …".
	Meaning string
}

// Codes lists our own codes, those of auth and of functions, and PostgREST's. SQLSTATEs are mapped by
// class, see Classes.
var Codes = slices.Concat(generalCodes, authCodes, functionCodes)

var generalCodes = []Code{
	{"batch_invalid", http.StatusBadRequest, "a batch, or an operation of it, is not well formed, or asks for what can't be within a batch"},
	{"batch_reference", http.StatusBadRequest, "a reference within a batch leads to no value of an earlier operation"},
	{"batch_too_large", http.StatusRequestEntityTooLarge, "a batch has too many operations, or its answer would be too long"},
	{"body_timeout", http.StatusRequestTimeout, "the request body did not come within the time that a request may take"},
	{"body_too_large", http.StatusRequestEntityTooLarge, "the request body is over the limit of its route class, on the wire or once decompressed"},
	{"bulk_key", http.StatusBadRequest, "the objects of an update of many rows do not hold their key, or two hold the same"},
	{"client_gone", 499, "the client closed the connection before the answer (seen in logs only)"},
	{"cursor_not_possible", http.StatusBadRequest, "the rows asked for can't be read on from a cursor; message and hint say why"},
	{"cursors_not_installed", http.StatusNotImplemented, "a cursor is asked for on a database that fluxbase migrate up was not run on"},
	{"expectation_unknown", http.StatusExpectationFailed, "the Expect header names something else than 100-continue"},
	{"expired_cursor", http.StatusBadRequest, "the cursor is older than the setting pagination.cursor_lifetime allows"},
	{"forbidden", http.StatusForbidden, "the caller has no right to this"},
	{"forbidden_origin", http.StatusForbidden, "a browser's preflight came from an origin that CORS does not allow"},
	{"function_not_found", http.StatusNotFound, "there is no function of this name, or no such version of it"},
	{"functions_unavailable", http.StatusServiceUnavailable, "functions can't be called on this server: it has no Deno, or can't open their secrets; the log says which"},
	{"guard_cost", http.StatusBadRequest, "a guard: the planner expects the request to cost more than is allowed here"},
	{"guard_embed_breadth", http.StatusBadRequest, "a guard: more embeds stand side by side than are allowed here"},
	{"guard_embed_depth", http.StatusBadRequest, "a guard: embeds are nested deeper than is allowed here"},
	{"guard_filter", http.StatusForbidden, "a guard: the column is none to filter by here"},
	{"guard_operator", http.StatusForbidden, "a guard: the operator is not allowed here"},
	{"guard_order", http.StatusForbidden, "a guard: the column is none to order by here"},
	{"guard_rows", http.StatusBadRequest, "a guard: the write touches more rows than are allowed here; it is undone"},
	{"guard_timeout", http.StatusGatewayTimeout, "a guard: the statement took longer than is allowed here; it is undone"},
	{"hashers_busy", http.StatusServiceUnavailable, "so many passwords wait to be hashed that this one's turn would come too late; Retry-After says when to try again"},
	{"headers_too_large", http.StatusRequestHeaderFieldsTooLarge, "URL and headers of the request are together over FLUXBASE_SERVER_MAX_HEADER_BYTES, or there are too many headers"},
	{"http_version_unknown", http.StatusHTTPVersionNotSupported, "the request is of a version of HTTP that the server does not speak"},
	{"idempotency_answer_too_large", http.StatusRequestEntityTooLarge, "the answer to a write with an idempotency key is too long to be kept; it is undone"},
	{"idempotency_in_progress", http.StatusConflict, "a request with the same idempotency key is under way, and was for as long as this one waited; try again later"},
	{"idempotency_key_invalid", http.StatusBadRequest, "the header of the idempotency key holds none, or more than one"},
	{"idempotency_mismatch", http.StatusUnprocessableEntity, "the idempotency key was used for another request"},
	{"idempotency_not_installed", http.StatusNotImplemented, "an idempotency key came to a database that fluxbase migrate up was not run on; nothing was done"},
	{"idempotency_not_possible", http.StatusBadRequest, "an import can't have an idempotency key, because it is not held in memory; nothing was done"},
	{"invalid_distinct", http.StatusBadRequest, "distinct can't be combined with this select or order"},
	{"invalid_recursion", http.StatusBadRequest, "an embed can't be recursive, or not as deep"},
	{"internal_error", http.StatusInternalServerError, "something failed inside; the log has more under the request id"},
	{"invalid_cursor", http.StatusBadRequest, "the cursor is not one for this table, order, filter and role, or was changed"},
	{"invalid_request", http.StatusBadRequest, "the request is not well formed HTTP for this route"},
	{"key_address", http.StatusForbidden, "the service key may not be used from the client's address"},
	{"job_not_found", http.StatusNotFound, "there is no such job, worker or handler, or none to which this can be done"},
	{"job_not_running", http.StatusConflict, "the job does not run under this token any more: another worker has it, or it has ended"},
	{"key_check_unavailable", http.StatusServiceUnavailable, "the service key can't be checked, because the database can't be asked now"},
	{"key_conflict", http.StatusConflict, "the service key can't be rotated or deprecated: it has ended, or was rotated already"},
	{"key_expired", http.StatusUnauthorized, "the service key has expired, or its grace is over"},
	{"key_invalid", http.StatusUnauthorized, "the service key is none of this server's: it is unknown, or its secret is wrong"},
	{"key_module", http.StatusForbidden, "the service key is not for this capability"},
	{"key_not_found", http.StatusNotFound, "there is no service key of this id"},
	{"key_read_only", http.StatusForbidden, "the service key is for reading alone, and the request may write"},
	{"key_revoked", http.StatusUnauthorized, "the service key, or the JWT of the service role, was revoked"},
	{"key_schema", http.StatusForbidden, "the service key is not for this schema"},
	{"keys_unavailable", http.StatusServiceUnavailable, "a token's key is not known, and its issuer's keys (FLUXBASE_JWKS_URL) can't be fetched now"},
	{"mail_not_configured", http.StatusServiceUnavailable, "a mail is asked for where none can be sent: there is neither a mail server nor the hook send_email"},
	{"method_not_allowed", http.StatusMethodNotAllowed, "the route exists, but not for this method; see the Allow header"},
	{"nested_invalid", http.StatusBadRequest, "related rows in the body of an insert can't be inserted so"},
	{"no_distance", http.StatusBadRequest, "an order by distance is of a column whose type has no such operator"},
	{"not_found", http.StatusNotFound, "no route has this path"},
	{"patch_invalid", http.StatusBadRequest, "a JSON Patch, or the changes of columns in a PATCH, are not well formed or not for these columns"},
	{"patch_place", http.StatusUnprocessableEntity, "a JSON Patch, or a change of a column, leads to what a row has not, or to what is no object or array; nothing was changed"},
	{"patch_test_failed", http.StatusConflict, "a test of a JSON Patch failed for a row; nothing was changed"},
	{"precondition_failed", http.StatusPreconditionFailed, "the row or answer is not the one that If-Match, If-None-Match or If-Unmodified-Since names; nothing was changed"},
	{"precondition_needs_one_row", http.StatusBadRequest, "If-Match with an ETag came with a write that may be of several rows"},
	{"rate_limited", http.StatusTooManyRequests, "a rate limit is used up; Retry-After says when to ask again, and RateLimit which limit it is"},
	{"request_timeout", http.StatusGatewayTimeout, "the request ran into its deadline; its transaction was rolled back"},
	{"response_too_large", http.StatusRequestEntityTooLarge, "the answer is over the limit of its path; what the request wrote is written"},
	{"shutting_down", http.StatusServiceUnavailable, "the process is stopping; try again, another one answers"},
	{"stream_away", http.StatusServiceUnavailable, "changes of the database are not streamed now, so realtime stands still; /readyz names the reason"},
	{"token_check_unavailable", http.StatusServiceUnavailable, "the token, or its key, can't be checked, because the database can't be asked now"},
	{"too_many_requests", http.StatusTooManyRequests, "a limit on how much is asked for is reached; try again later, or ask for less at once"},
	{"transfer_encoding_unknown", http.StatusNotImplemented, "the body comes in a transfer coding other than chunked"},
	{"unauthorized", http.StatusUnauthorized, "the route needs an API key or a token, and none came"},
	{"unfiltered_write", http.StatusBadRequest, "an update or delete has no filter, and Prefer: handling=all-rows does not say that all rows are meant"},
	{"unprocessable", http.StatusUnprocessableEntity, "the body is well formed, but not what the route takes"},
	{"unsupported_encoding", http.StatusUnsupportedMediaType, "the body is compressed in a way that is not known, or more than once; see the Accept-Encoding header"},
	{"unsupported_media_type", http.StatusUnsupportedMediaType, "the body is of a type that the route doesn't take"},
	{"worker_draining", http.StatusConflict, "the worker of jobs was told to claim no more"},
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
	{"PGRST303", http.StatusUnauthorized, "the token's claims are not valid now: expired, not yet valid, another audience or issuer, or its session has ended"},
}

var codes = func() map[string]Code {
	m := make(map[string]Code, len(Codes))
	for _, c := range Codes {
		m[c.Code] = c
	}
	return m
}()

// New makes an error with a code of the table. A code that is not in it is a
// mistake of the programmer and panics.
func New(code, message string) *Error {
	c, ok := codes[code]
	if !ok {
		panic("web: no such error code: " + code)
	}
	return &Error{Status: c.Status, Code: code, Message: message}
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

// BodyTooLarge is the answer to a body over limit bytes, of a route class; without one
// the limit is that of all routes.
func BodyTooLarge(limit int64, class string) *Error {
	e := New("body_too_large", "the request body is too large")
	e.Details = map[string]int64{"limit_bytes": limit}
	e.Hint = "send less at once, or raise FLUXBASE_SERVER_BODY_LIMIT"
	if class != "" {
		e.Message = "the request body is larger than " + size(limit) + ", the limit of route class " + class
		e.Details = classDetails{Bytes: limit, Class: class}
		e.Hint = "send less at once, or raise the limit of this path with FLUXBASE_SERVER_BODY_LIMITS"
	}
	return e
}

// JSONTooDeep is the answer to a body that nests too deep.
func JSONTooDeep(class string) *Error {
	e := New("json_too_deep", "the body nests deeper than 64 levels")
	if class != "" {
		e.Details = classDetails{Levels: maxJSONDepth, Class: class}
		e.Hint = "send the inner levels as text, or in rows of their own; this limit is the same for all route classes"
	}
	return e
}

// ResponseTooLarge takes the place of an answer over limit bytes.
func ResponseTooLarge(limit int64, class string) *Error {
	e := New("response_too_large", "the answer is larger than "+size(limit)+", the limit of this path")
	e.Details = classDetails{Bytes: limit, Class: class}
	e.Hint = "ask for fewer rows or columns, or raise the limit with FLUXBASE_SERVER_RESPONSE_LIMITS; what the request wrote is written"
	return e
}

// classDetails are those of an error about a limit.
type classDetails struct {
	Bytes  int64  `json:"limit_bytes,omitempty"`
	Levels int64  `json:"limit_levels,omitempty"`
	Class  string `json:"route_class"`
}

// size writes a number of bytes for people, with units of 1024 as Postgres has them.
func size(n int64) string {
	for i, unit := range [...]string{" GB", " MB", " KB"} {
		if shift := 30 - 10*i; n >= 1<<shift && n&(1<<shift-1) == 0 {
			return strconv.FormatInt(n>>shift, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
