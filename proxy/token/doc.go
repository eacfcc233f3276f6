// Package token turns the bytes of a JWT (RFC 7519) into verified claims: on
// whose behalf a request runs. It knows keys, time and JSON; it does not know
// users, sessions or what a role may do, which is for Postgres to decide.
//
// The order of a request is: caller.go picks the token from the headers,
// verify.go looks it up in cache.go or checks its signature with keys.go,
// claims.go reads the payload and settles the role. Nothing of a payload is
// parsed before its signature was found good.
//
// Service keys (sb_secret_ID_SECRET, sb_publishable_ID_SECRET) are looked up by their
// id among the rows of auth.service_keys, which servicekey.go holds in memory and
// keyring.go reads; whether what is remembered may be trusted, the source knows that
// serve gives to UseKeys.
//
// Codes and messages of JWTs are PostgREST's (PGRST300 to PGRST303), because its clients
// switch on them. What is stricter than PostgREST, and why:
//
//   - A claims set in which a name occurs twice is refused, as RFC 7519 section 4
//     allows: json, jsonb and Go each have their own idea of which one counts.
//   - So are claims that Postgres cannot hold as jsonb (\u0000, lone surrogates,
//     invalid UTF-8), headers with "crit" or "b64", base64 that is not canonical,
//     and tokens longer than 16 KiB.
//   - An HMAC key serves HS256 alone unless its JWK says HS384 or HS512.
//   - The roles "" and "none" are refused as roles that do not exist: the one is
//     how pg.Caller, the other how Postgres says "stay the login role".
//
// Two things are more lenient: PS256, PS384 and PS512 are understood, and a kid
// in a token is ignored when no configured key has one.
package token
