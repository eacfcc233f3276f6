package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// fail makes an error of the contract. details and hint may be empty.
func fail(code, message, details, hint string) *web.Error {
	e := web.New(code, message)
	if details != "" {
		e.Details = details
	}
	e.Hint = hint
	return e
}

// parseError is the answer to a parameter that does not parse.
func parseError(err error) error {
	if e, ok := err.(*query.Error); ok {
		return fail("PGRST100", e.Message, e.Details, "")
	}
	return err
}

func invalidBody(message string) *web.Error { return fail("PGRST102", message, "", "") }

var (
	errInvalidPath    = fail("PGRST125", "Invalid path specified in request URL", "", "")
	errRootDisabled   = fail("PGRST126", "Root endpoint metadata is disabled", "", "")
	errPutFilters     = fail("PGRST105", "Filters must include all and only primary key columns with 'eq' operators", "", "")
	errPutLimit       = fail("PGRST114", "limit/offset querystring parameters are not allowed for PUT", "", "")
	errPutKey         = fail("PGRST115", "Payload values do not match URL in primary key column(s)", "", "")
	errNoAggregates   = fail("PGRST123", "Use of aggregate functions is not allowed", "", "")
	errSingleFunction = fail("PGRST128", "Function must return SETOF or TABLE when max-affected preference is used with handling=strict", "", "")
	errBadHeaders     = fail("PGRST111", "response.headers guc must be a JSON array composed of objects with a single key and a string value", "", "")
	errBadStatus      = fail("PGRST112", "response.status guc must be a valid status code", "", "")
	errNegativeLimit  = invalidRange("Limit should be greater than or equal to zero.")
	errInvertedRange  = invalidRange("The lower boundary must be lower than or equal to the upper boundary in the Range header.")
)

func invalidRange(details string) *web.Error {
	return fail("PGRST103", "Requested range not satisfiable", details, "")
}

func outOfBounds(offset, total int64) *web.Error {
	rows := strconv.FormatInt(total, 10)
	e := invalidRange("An offset of " + strconv.FormatInt(offset, 10) + " was requested, but there are only " + rows + " rows.")
	e.Header = http.Header{"Content-Range": {"*/" + rows}}
	return e
}

func badMethod(method string, rpc bool) *web.Error {
	if rpc {
		return fail("PGRST101", "Cannot use the "+method+" method on RPC", "", "")
	}
	return fail("PGRST117", "Unsupported HTTP method: "+method, "", "")
}

func unknownSchema(name string, exposed []string) *web.Error {
	return fail("PGRST106", "Invalid schema: "+name, "", "Only the following schemas are exposed: "+strings.Join(exposed, ", "))
}

func noMediaType(accepted []string) *web.Error {
	return fail("PGRST107", "None of these media types are available: "+strings.Join(accepted, ", "), "", "")
}

func notEmbedded(name string) *web.Error {
	return fail("PGRST108", "'"+name+"' is not an embedded resource in this request", "",
		"Verify that '"+name+"' is included in the 'select' query parameter.")
}

func notEmbeddedByTarget(target, alias string) *web.Error {
	return fail("PGRST108", "'"+target+"' is not an embedded resource in this request",
		"Target names are not allowed in filters if they have an alias",
		"Change '"+target+"' to '"+alias+"' in filters, orders or limits.")
}

func notSingular(rows int64) *web.Error {
	return fail("PGRST116", "Cannot coerce the result to a single JSON object",
		"The result contains "+strconv.FormatInt(rows, 10)+" rows", "")
}

func tooManyAffected(rows int64) *web.Error {
	return fail("PGRST124", "Query result exceeds max-affected preference constraint",
		"The query affects "+strconv.FormatInt(rows, 10)+" rows", "")
}

func notToOne(origin, target string) *web.Error {
	return fail("PGRST118", "A related order on '"+target+"' is not possible",
		"'"+origin+"' and '"+target+"' do not form a many-to-one or one-to-one relationship", "")
}

func badEmbedFilter(name string) *web.Error {
	return fail("PGRST120", "Bad operator on the '"+name+"' embedded resource",
		"Only is null or not is null filters are allowed on embedded resources", "")
}

func notImplemented(details string) *web.Error {
	return fail("PGRST127", "Feature not implemented", details, "")
}

func invalidPreferences(list []string) *web.Error {
	return fail("PGRST122", "Invalid preferences given with handling=strict",
		"Invalid preferences: "+strings.Join(list, ", "), "")
}

func unknownColumn(relation, column string) *web.Error {
	return fail("PGRST204", "Could not find the '"+column+"' column of '"+relation+"' in the schema cache", "", "")
}

// badText is Postgres's own answer to text that it can't hold; such text does
// not get there, because a NUL would end a statement.
func badText(s string) *web.Error {
	m := "invalid byte sequence for encoding \"UTF8\""
	if strings.IndexByte(s, 0) >= 0 {
		m += ": 0x00"
	}
	return web.SQLState("22021", m)
}

func outOfRange(number string) *web.Error {
	return web.SQLState("22003", `value "`+number+`" is out of range for type bigint`)
}
