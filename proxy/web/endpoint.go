package web

import "encoding/json"

// Endpoint is one method of a fixed route, as /openapi.json describes it. Each package
// that has routes lists its own.
type Endpoint struct {
	// Method is in upper case; Path as OpenAPI writes it: /a/{b}.
	Method, Path string
	// ID is the operationId, Tag the group it is shown in.
	ID, Tag string
	// About's first line is the summary.
	About      string
	Parameters []Parameter
	// Body and Schema of answers are JSON: an object by media type, and a JSON Schema.
	Body    json.RawMessage
	Answers []Answer
	// Codes are those of the errors it may answer with, beside those of Everywhere.
	Codes []string
	// AnySQLSTATE tells that it may answer with any SQLSTATE, too.
	AnySQLSTATE bool
}

// Parameter is one in the path, the query or a header.
type Parameter struct{ Name, In, About string }

// Answer is a good one.
type Answer struct {
	Status int
	About  string
	// Type is the media type of its body; empty where there is none.
	Type   string
	Schema json.RawMessage
}

// Everywhere are the codes of errors that every route may answer with, before the route
// is found or while it is at work.
var Everywhere = []string{
	"body_timeout", "body_too_large", "expectation_unknown", "forbidden_origin", "headers_too_large", "http_version_unknown",
	"internal_error", "invalid_request", "json_too_deep", "method_not_allowed", "not_found", "rate_limited", "request_timeout",
	"response_too_large", "transfer_encoding_unknown", "unsupported_encoding",
}

// OfTokens are the codes of what is wrong with a caller's token or key.
var OfTokens = []string{
	"22023", "PGRST300", "PGRST301", "PGRST302", "PGRST303", "key_address", "key_check_unavailable", "key_expired", "key_invalid", "key_module",
	"key_read_only", "key_revoked", "key_schema", "keys_unavailable", "token_check_unavailable",
}

// OfDatabase are the codes of trouble on the way to the database.
var OfDatabase = []string{"PGRST000", "PGRST003"}

// CodeOf gives the row of a code, or of a SQLSTATE's class.
func CodeOf(code string) (c Code, ok bool) {
	if c, ok = codes[code]; !ok {
		if class := classOf(code); class != nil {
			c, ok = Code{code, class.Status, class.Meaning}, true
		}
	}
	return c, ok
}
