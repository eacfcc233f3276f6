// Package idempotency carries out a request once, however often a client sends it: by the
// key that it comes with, in the transaction that it runs in (docs/decisions/0009). What
// decides stands in the database, in schema idempotency; here it is put around statements.
//
// Source: draft-ietf-httpapi-idempotency-key-header-06.
package idempotency
