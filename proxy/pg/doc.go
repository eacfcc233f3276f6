// Package pg is the only door to the database: one request is one transaction
// and one round trip.
//
// Do sends the role, the claims and the request's settings, the statement and
// the end of the transaction as one pipeline, so that nothing is left to undo on
// the connection: every setting is local to the transaction, and a pipeline
// without an explicit BEGIN is a transaction that Postgres ends by itself at
// Sync, with a roll-back if anything in it failed (docs/decisions/0002).
package pg
