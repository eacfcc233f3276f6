// Package functions is a capability: /functions/v1/NAME, where functions in Deno answer, and
// the routes by which operators look after them. What functions there are is said by schema
// functions of the database, or by a folder while they are developed; package worker runs them.
//
// The life of a call: handler.go finds the function (definitions.go) and checks its caller
// (access.go), makes what the function gets to see (request.go, environment.go) and hands over
// to the pool of workers; record.go writes down how that ended, and what was said meanwhile.
package functions
