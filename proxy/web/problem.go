package web

import (
	"net/http"
	"net/url"
	"strings"
)

const problemType = "application/problem+json"

// problem is an error as RFC 9457 has it, with what ours has beside. Its type is a name
// and no address: it stays the same wherever the server is reached.
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`

	Code      string     `json:"code"`
	Details   any        `json:"details"`
	Hint      *string    `json:"hint"`
	RequestID string     `json:"request_id"`
	Operation *Operation `json:"operation,omitempty"`
}

func problemBody(w *Response, e *Error) []byte {
	b := bodyOf(w, e)
	return encode(func() any {
		return problem{
			Type: "urn:fluxbase:error:" + url.PathEscape(clean(e.Code)), Title: title(e), Status: e.Status,
			Detail: b.Message, Instance: "urn:fluxbase:request:" + w.ID,
			Code: b.Code, Details: b.Details, Hint: b.Hint, RequestID: b.RequestID, Operation: b.Operation,
		}
	}, &b.Details)
}

// title says what all errors of a type have in common.
func title(e *Error) string {
	if c, ok := codes[e.Code]; ok {
		return c.Meaning
	}
	if c := classOf(e.Code); c != nil {
		return c.Meaning
	}
	return http.StatusText(e.Status)
}

// prefersProblem tells whether an Accept header would rather have an error as
// problem+json than as JSON: that one must be named; its quality decides, then which
// comes first (RFC 9110, section 12.5.1).
func prefersProblem(accept []string) bool {
	// Of JSON the most special range counts, however it is ranked.
	var problemQ, jsonQ int
	problemAt, jsonAt, special := 0, 0, 0
	for i, part := range strings.Split(strings.Join(accept, ","), ",") {
		name, params, _ := strings.Cut(part, ";")
		n := 0
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case problemType:
			problemQ, problemAt = quality(params), i
		case "application/json":
			n = 3
		case "application/*":
			n = 2
		case "*/*":
			n = 1
		}
		if n > special {
			special, jsonQ, jsonAt = n, quality(params), i
		}
	}
	return problemQ > jsonQ || problemQ == jsonQ && problemQ > 0 && problemAt < jsonAt
}
