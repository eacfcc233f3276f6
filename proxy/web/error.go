package web

import (
	"errors"
	"net/http"
)

// Error is the one error value of the product: what a client is told, and, in
// Err, what only the log is told.
//
// Packages return it from their handlers; no handler writes a failure itself.
// The encoders in dialect.go turn it into the shape that a route's clients
// switch on.
type Error struct {
	// Status is the HTTP status, 300 to 599.
	Status int
	// Code is a SQLSTATE, a PGRST code or one of our snake_case codes; once
	// released it never changes its meaning.
	Code string
	// Message is a plain sentence for people. It never names the inside of the
	// server, and never holds a secret.
	Message string
	// Details says more: a string, or a value that is sent as JSON. Nil is null.
	Details any
	// Hint says how to mend it; empty is null.
	Hint string
	// Operation tells which of a batch failed; nil where there was no batch.
	Operation *Operation
	// Header is added to the answer (WWW-Authenticate, Retry-After, Allow).
	Header http.Header
	// Err is the cause, for the log alone.
	Err error
}

// Operation is the place of an operation in its batch, from 0, and its id.
type Operation struct {
	Index int    `json:"index"`
	ID    string `json:"id"`
}

// Error gives code, message and cause, for logs and tests.
func (e *Error) Error() string {
	s := e.Code + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Because returns a copy of e with a cause for the log.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// AsError finds the *Error in err's chain. Anything else becomes a 500 that
// says nothing of the inside and keeps err for the log.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Internal.Because(err)
}
