package token

import (
	"net/http"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Messages of PGRST301, the token does not decode.
const (
	msgEmpty     = "Empty JWT is sent in Authorization header"
	msgNoKey     = "No suitable key or wrong key type"
	msgBadAlg    = "Wrong or unsupported encoding algorithm"
	msgBadCrypto = "JWT cryptographic operation failed"
	msgBadType   = "Unsupported token type"
)

// errNoSecret answers a token when there is no key to check it with.
func errNoSecret() *web.Error {
	return web.New("PGRST300", "Server lacks JWT secret")
}

// errDecode is a token that is not a JWT of ours. Empty details are null.
func errDecode(message, details string) *web.Error {
	return invalidToken("PGRST301", message, details)
}

// errKeysAway answers a token that may be good, while nobody can tell: signing in again
// would not help.
var errKeysAway = func() *web.Error {
	e := web.New("keys_unavailable", "the keys of the token's issuer can't be fetched now; try again")
	e.Header = http.Header{"Retry-After": {"1"}}
	return e
}()

// ErrSessionEnded answers a token whose session has ended: its user has signed out, or was
// signed out.
var ErrSessionEnded = errClaims("JWT session has ended", "")

// errSignerRevoked answers a token of a key of ours that was revoked; a refresh gives
// another one.
var errSignerRevoked = errDecode(msgNoKey, "The key that signed the JWT was revoked")

// errTokenUnchecked answers a token that may be good, while nobody can tell.
var errTokenUnchecked = func() *web.Error {
	e := web.New("token_check_unavailable", "the token can't be checked now; try again")
	e.Header = http.Header{"Retry-After": {"1"}, "Cache-Control": {"no-store"}}
	return e
}()

// Errors about service keys. No cache may keep one: the key may be good a moment later.
var (
	errKeyInvalid = keyError("key_invalid", "the API key is not valid", "")
	errKeyRevoked = keyError("key_revoked", "the API key was revoked", "")
	errKeyExpired = keyError("key_expired", "the API key has expired", "")
	errKeyModule  = keyError("key_module", "the API key is not for this part of the API", "")
	errKeyAddress = keyError("key_address", "the API key may not be used from this address", "")
	errKeySchema  = keyError("key_schema", "the API key is not for this schema", "")
	// The hint is for whom a function surprises.
	errKeyReadOnly = keyError("key_read_only", "the API key is for reading alone",
		"a function that is called by POST may write unless it is declared stable or immutable")
	errKeyUnchecked = keyError("key_check_unavailable", "the API key can't be checked now; try again", "")
)

func keyError(code, message, hint string) *web.Error {
	e := web.New(code, message)
	e.Hint = hint
	e.Header = http.Header{"Cache-Control": {"no-store"}}
	switch e.Status {
	case http.StatusUnauthorized:
		e.Header["Www-Authenticate"] = []string{`Bearer error="invalid_token", error_description="` + message + `"`}
	case http.StatusServiceUnavailable:
		e.Header["Retry-After"] = []string{"1"}
	}
	return e
}

// errParts counts what is between the dots.
func errParts(n int) *web.Error {
	return errDecode("Expected 3 parts in JWT; got "+strconv.Itoa(n), "")
}

// errAnonymous answers a request without a role when there is no anonymous one.
func errAnonymous() *web.Error {
	return challenged(web.New("PGRST302", "Anonymous access is disabled"), "Bearer")
}

// errClaims is a good signature on claims that do not let the caller in.
func errClaims(message, details string) *web.Error {
	return invalidToken("PGRST303", message, details)
}

// errRole says what Postgres would say of a role that cannot exist.
func errRole(role string) *web.Error {
	return web.SQLState("22023", "role "+strconv.Quote(role)+" does not exist")
}

// invalidToken adds the challenge of RFC 6750 section 3.1. Messages are constants
// of this package and hold no quote, so they need no escaping.
func invalidToken(code, message, details string) *web.Error {
	e := challenged(web.New(code, message), `Bearer error="invalid_token", error_description="`+message+`"`)
	if details != "" {
		e.Details = details
	}
	return e
}

func challenged(e *web.Error, challenge string) *web.Error {
	e.Header = http.Header{"Www-Authenticate": {challenge}}
	return e
}
