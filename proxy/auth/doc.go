// Package auth answers all below /auth/v1 as the unmodified @supabase/auth-js expects:
// who signs up, in and out, and who a user is.
//
// Rules and state are functions and tables of schema auth, which psql may call too. A
// flow is one call of one function, which returns a document: what is answered, or
// {"error": code} for a refusal whose traces stay, such as a counted attempt. This
// package hashes passwords, makes and signs tokens, and says what a refusal means over
// HTTP. It runs as service_role, so each function decides by its arguments alone.
//
// One file a route; routes lists them.
package auth
