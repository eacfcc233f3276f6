// Package limit refuses requests that are more than the rules in ratelimit.rules allow.
//
// Budgets are counted by the generic cell rate algorithm (ITU-T I.371) in one place for all
// processes: in Postgres by ratelimit.take_many, in Redis by the same in Lua, or, for one
// process alone, in its memory. Requests that come at the same time ask together
// (collect.go). A budget that is asked for again and again is leased in blocks of at most
// a twentieth of its burst, and a refusal is remembered (budget.go), so that neither costs
// a round trip: over any time, all processes together let through no more than the
// budget and a block for each process. Strict rules are never leased.
package limit
