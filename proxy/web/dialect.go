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
	// Auth is that of the clients of auth which name the version of its API, AuthOld that
	// of those which don't.
	Auth
	AuthOld
	// Functions is that of the clients of functions.
	Functions
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

type authBody struct {
	Code         string  `json:"code"`
	Message      string  `json:"message"`
	WeakPassword any     `json:"weak_password,omitempty"`
	Hint         *string `json:"hint,omitempty"`
	RequestID    string  `json:"request_id"`
}

type authOldBody struct {
	Status       int     `json:"code"`
	Code         string  `json:"error_code"`
	Message      string  `json:"msg"`
	WeakPassword any     `json:"weak_password,omitempty"`
	Hint         *string `json:"hint,omitempty"`
	RequestID    string  `json:"request_id"`
}

type functionsRefusal struct {
	Message   string `json:"msg"`
	RequestID string `json:"request_id"`
}

type functionsBody struct {
	Code      string  `json:"code"`
	Message   string  `json:"message"`
	Details   any     `json:"details,omitempty"`
	Hint      *string `json:"hint,omitempty"`
	RequestID string  `json:"request_id"`
}

// authVersion is the version of that API; with its echo clients read the code of an error
// from "code".
var authVersion = []string{"2024-01-01"}

// authCode is the name that clients of auth know for a code of ours.
func authCode(code string) string {
	switch code {
	case "body_too_large":
		return "request_entity_too_large"
	case "internal_error":
		return "unexpected_failure"
	case "rate_limited":
		return "over_request_rate_limit"
	}
	return code
}

// weakPassword is what a client is told of a password that is refused.
func (b *body) weakPassword() any {
	if b.Code == "weak_password" {
		return b.Details
	}
	return nil
}

// in gives the shape of b that a dialect has.
func (b *body) in(d Dialect) any {
	switch d {
	case Auth:
		return authBody{authCode(b.Code), b.Message, b.weakPassword(), b.Hint, b.RequestID}
	case AuthOld:
		return authOldBody{b.status, authCode(b.Code), b.Message, b.weakPassword(), b.Hint, b.RequestID}
	case Functions:
		if b.status == http.StatusUnauthorized {
			return functionsRefusal{b.Message, b.RequestID}
		}
		return functionsBody{b.Code, b.Message, b.Details, b.Hint, b.RequestID}
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

	status int
}

// WriteError sends err in the dialect of w, or as the problem+json that r asks for, and
// remembers it for the access log. It writes nothing when an answer has begun already.
func WriteError(w *Response, r *http.Request, err error) {
	w.writeError(err, r.Method != http.MethodHead, r.Header["Accept"])
}

func (w *Response) writeError(err error, withBody bool, accept []string) {
	w.Err = err
	if w.status != 0 {
		return
	}
	e := AsError(err)
	h := w.Header()
	for name, values := range e.Header {
		h[name] = values
	}
	out, kind := ErrorBody(w, e), "application/json; charset=utf-8"
	if w.Dialect == Auth || w.Dialect == AuthOld {
		h["X-Supabase-Api-Version"], h["X-Sb-Error-Code"] = authVersion, []string{authCode(e.Code)}
	}
	if w.Dialect == Plain {
		if !strings.Contains(strings.Join(h["Vary"], ","), "Accept") {
			h["Vary"] = append(h["Vary"], "Accept")
		}
		if prefersProblem(accept) {
			out, kind = problemBody(w, e), problemType
		}
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(out)))
	w.WriteHeader(e.Status)
	if withBody {
		_, _ = w.Write(out) // the client may be gone; the log has the error
	}
}

// ErrorBody is e as JSON, in the dialect of w.
func ErrorBody(w *Response, e *Error) []byte {
	b := bodyOf(w, e)
	return encode(func() any { return b.in(w.Dialect) }, &b.Details)
}

func bodyOf(w *Response, e *Error) *body {
	b := &body{Code: e.Code, Message: clean(e.Message), Details: e.Details, Error: clean(e.Message), RequestID: w.ID, Operation: e.Operation, status: e.Status}
	if s, ok := e.Details.(string); ok {
		b.Details = clean(s)
	}
	if e.Hint != "" {
		hint := clean(e.Hint)
		b.Hint = &hint
	}
	return b
}

// encode writes what shape gives; details are left out if JSON has no word for their
// kind.
func encode(shape func() any, details *any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(shape()) != nil {
		out.Reset()
		*details = nil
		_ = enc.Encode(shape())
	}
	return out.Bytes()[:out.Len()-1] // Encode ends with a new line
}

// clean keeps an error body valid UTF-8 whatever the client sent us.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
