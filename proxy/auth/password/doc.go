// Package password hashes and verifies passwords, and says which ones are too weak to be taken.
//
// New hashes are argon2id (RFC 9106). Those that come by import are verified in the forms that
// Supabase takes, and are to be replaced when their owner signs in. Hashing is bounded: so many at
// a time, so many that wait, for so long, so that a crowd at the sign-in costs other requests
// nothing and memory stays within what the configuration says. Where hashes are computed is up to
// who makes the Hasher: a server has processes for it (package aside). What is stored, and how often
// a password may be tried, is the database's business (auth.users, auth.begin_attempt).
package password
