package web

import "net/http"

// OperatorRoute is a route for operators that a capability adds to those of package admin.
type OperatorRoute struct {
	// Path begins below the prefix of admin; * stands for a name in it.
	Method, Path string
	// ID is the operationId; About's first line is the summary; Takes are the properties of
	// the body, as JSON Schema, and Parameters those of the query.
	ID, About, Takes string
	Parameters       []Parameter
	// Module names the capability in the scope of a service key, whose keys may use the route
	// as those of admin may; empty for the latter alone.
	Module string
	// Missing is the code of what is not there (P0002); empty is that of service keys.
	Missing string
	// Codes are those of its errors, beside those that all such routes have.
	Codes []string
	// Status is that of a good answer, and Answer gives its JSON; of a GET, which may only
	// read, with a tag by which it is told to be unchanged.
	Status int
	Answer func(*Operator) ([]byte, error)
}

// Operator is who asks for an OperatorRoute, and may.
type Operator struct {
	Request *http.Request
	Name    string // in the path
	// Read decodes the body, an object of the fields of in.
	Read func(in any) error
	// Ask runs a statement that gives one text, or null, as the operator.
	Ask func(sql string, args ...[]byte) ([]byte, error)
}
