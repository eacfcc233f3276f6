// Package catalog knows what the database holds: relations, columns, keys,
// functions and how relations belong together.
//
// Load asks Postgres for all of it in one statement and gives an immutable
// Catalog, in which every question is a map look-up. A Store keeps a current
// one. Privileges are not in it: what a role may do, Postgres decides each time.
package catalog
