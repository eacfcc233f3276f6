// Package demo is a small multi-user notes app, written as an application would write
// it: migrations of its own, on top of Fluxbase's. `fluxbase dev` loads it into an
// empty database, so that there is something to ask for.
package demo

import "embed"

// Migrations are the app's tables, policies and functions, and rows of two users.
//
//go:embed *.sql
var Migrations embed.FS

// Table counts them. It is not the one of `fluxbase migrate --dir`, so that an
// application's own folder can start at 0001 beside the demo.
const Table = "fluxbase.demo_schema_version"

// The two users of the seed rows: what the claim "sub" of their tokens holds.
const (
	Ada = "00000000-0000-4000-8000-00000000ada0"
	Bob = "00000000-0000-4000-8000-00000000b0b0"
)
