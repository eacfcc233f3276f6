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
	return challenged(&web.Error{
		Status:  http.StatusUnauthorized,
		Code:    "22023",
		Message: "role " + strconv.Quote(role) + " does not exist",
	}, "Bearer")
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
