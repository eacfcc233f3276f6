// Package query is the one filter and query tree: what PostgREST's URLs, GraphQL
// and realtime filters all parse into, one table of operators, and the one
// compiler that makes SQL of it.
//
// It is pure: it knows neither HTTP nor the database. Names are what the client
// wrote until a planner has looked them up in the catalogue; every name reaches
// SQL through Ident, every value as a parameter.
package query
