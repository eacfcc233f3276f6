// Package rest serves tables, views and functions over HTTP, as PostgREST does.
//
// A request is read (parse.go, params.go, prefer.go, body.go), and what it has
// in common with others of its shape becomes the key of a plan (cache.go). Only
// the first of a shape is planned (plan.go, embed.go, rpc.go) and built into SQL
// (build.go, write.go); all of that is pure. The handler binds the values, runs
// the one statement and copies the JSON that Postgres made (response.go).
package rest
