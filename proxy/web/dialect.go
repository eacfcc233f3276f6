package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Dialect is the shape in which the clients of a server expect its errors.
type Dialect uint8

const (
	// Plain is ours: PostgREST's keys, and two that other clients look for.
	Plain Dialect = iota
	// Strict is PostgREST's own: its four keys in its order, and nothing else.
	Strict
	// Minimal tells code and message only, and nothing that hints at the schema.
	Minimal
)

// strictBody and minimalBody have their keys in the order in which PostgREST
// writes them; some clients compare texts.
type strictBody struct {
	Code    string  `json:"code"`
	Details any     `json:"details"`
	Hint    *string `json:"hint"`
	Message string  `json:"message"`
}

type minimalBody struct {
	Code      string     `json:"code"`
	Message   string     `json:"message"`
	Operation *Operation `json:"operation,omitempty"`
}

// in gives the shape of b that a dialect has.
func (b *body) in(d Dialect) any {
	switch d {
	case Strict:
		return strictBody{b.Code, b.Details, b.Hint, b.Message}
	case Minimal:
		return minimalBody{b.Code, b.Message, b.Operation}
	default:
		return b
	}
}

// body is our own shape of an error: PostgREST's four keys, the message once
// more under error, and the request id.
type body struct {
	Code      string  `json:"code"`
	Message   string  `json:"message"`
	Details   any     `json:"details"`
	Hint      *string `json:"hint"`
	Error     string  `json:"error"`
	RequestID string  `json:"request_id"`
	// Operation is there only where one of a batch failed.
	Operation *Operation `json:"operation,omitempty"`
}

// WriteError sends err in the dialect of w and remembers it for the access log. It
// writes nothing when an answer has begun already.
func WriteError(w *Response, r *http.Request, err error) {
	w.Err = err
	if w.status != 0 {
		return
	}
	e := AsError(err)
	h := w.Header()
	for name, values := range e.Header {
		h[name] = values
	}
	out := ErrorBody(w, e)
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	w.WriteHeader(e.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(out) // the client may be gone; the log has the error
	}
}

// ErrorBody is e as JSON, in the dialect of w.
func ErrorBody(w *Response, e *Error) []byte {
	b := body{Code: e.Code, Message: clean(e.Message), Details: e.Details, Error: clean(e.Message), RequestID: w.ID, Operation: e.Operation}
	if s, ok := e.Details.(string); ok {
		b.Details = clean(s)
	}
	if e.Hint != "" {
		hint := clean(e.Hint)
		b.Hint = &hint
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(b.in(w.Dialect)) != nil { // Details of a kind that JSON has no word for
		out.Reset()
		b.Details = nil
		_ = enc.Encode(b.in(w.Dialect))
	}
	return out.Bytes()[:out.Len()-1] // Encode ends with a new line
}

// clean keeps an error body valid UTF-8 whatever the client sent us.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
