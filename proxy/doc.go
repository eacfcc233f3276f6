// Package proxy is the HTTP side of the product: it translates requests into
// SQL and answers with what Postgres says.
//
// The life of a request, GET /rest/v1/notes?select=id,title&owner=eq.7:
//
//  1. middleware.go gives it an id, a deadline and a body limit; what follows
//     is measured, logged, and kept from taking the process down.
//  2. routes.go finds the capability by prefix: rest.Handler.Serve.
//  3. token turns the bearer token into a pg.Caller: role and claims.
//  4. rest parses the URL and headers, plans them against the catalogue, and
//     builds one statement: all pure, and cached by the shape of the URL.
//  5. pg.Do sends settings, statement and the end of the transaction to
//     Postgres in one round trip. Postgres decides what is visible and builds
//     the JSON.
//  6. rest sets Content-Range and copies the bytes.
//  7. An error, from any step, returns to routes.go and is written once by
//     web.WriteError.
package proxy
