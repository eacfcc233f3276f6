package token

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"time"
	"unsafe"

	"github.com/go-jose/go-jose/v4"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// maxToken is twice what common proxies let pass as one header line; a longer token
// would cost a hash for nothing.
const maxToken = 16 << 10

// Verifier turns tokens into callers. It is safe for many goroutines at once.
type Verifier struct {
	keys     []key
	remote   *remote // nil without a URL
	aud      string
	rolePath rolePath
	anonRole string
	// anonymous is the answer to a request without a token.
	anonymous pg.Caller
	cache     *cache
	// source gives the service keys; nil where there are none.
	source func(context.Context) (*ServiceKeys, error)
	// issued are the tokens that are signed here, and issuer their iss if it is known; nil
	// where there are none.
	issued *Issued
	issuer string
	// now is the clock; tests set it before the first use.
	now func() time.Time
}

// New builds a Verifier. Its error is that of c.Check: every mistake at once. A
// file that c.Secret names is read here, once.
func New(c Config) (*Verifier, error) {
	keys, keyErr := c.keys()
	path, pathErr := c.rolePath()
	if err := errors.Join(keyErr, pathErr, checkJWKSURL(c.JWKSURL), c.checkAud(), c.checkAnonRole()); err != nil {
		return nil, err
	}
	v := &Verifier{
		keys:      keys,
		aud:       c.Aud,
		rolePath:  path,
		anonRole:  c.AnonRole,
		anonymous: pg.Caller{Role: c.AnonRole, Claims: `{"role":` + string(quote(c.AnonRole)) + `}`},
		cache:     newCache(c.CacheSize, maxCacheBytes),
		now:       time.Now,
	}
	v.remote = newRemote(c.JWKSURL, v.cache.clear)
	return v, nil
}

// Follow keeps the keys of FLUXBASE_JWKS_URL fresh until ctx ends; without one it
// returns at once.
func (v *Verifier) Follow(ctx context.Context, log *slog.Logger) {
	if v.remote != nil {
		v.remote.follow(ctx, log)
	}
}

// Verify takes a JWT in compact serialization (RFC 7515 section 7.1), as it
// follows "Bearer ", and returns the role and the claims that it stands for.
// Errors are *web.Error with PostgREST's codes PGRST300 to PGRST303, or 22023 for
// a role that cannot exist, or 503 while the issuer of a new key or the database can't be
// asked, or key_revoked for a JWT of the service role that was, or ErrSessionEnded; none
// of them repeats any part of the token.
func (v *Verifier) Verify(ctx context.Context, token string) (pg.Caller, error) {
	g, hash, err := v.verified(ctx, token)
	if err != nil {
		return pg.Caller{}, err
	}
	if v.issued != nil && mayEnd(&g.caller) {
		if err := v.issued.check(ctx, g.caller.Signer, g.caller.Session); err != nil {
			return pg.Caller{}, err
		}
	}
	return v.unlessRevoked(ctx, nil, g, &hash)
}

// verified gives what a token says, and holds now by the clock.
func (v *Verifier) verified(ctx context.Context, token string) (*grant, tokenHash, error) {
	switch {
	case v.keys == nil && v.remote == nil && v.issued == nil:
		return nil, tokenHash{}, errNoSecret()
	case token == "":
		return nil, tokenHash{}, errDecode(msgEmpty, "")
	case len(token) > maxToken:
		return nil, tokenHash{}, errDecode(msgBadCrypto, "The token is longer than 16 KiB")
	}
	// The cache holds hashes: a dump of it has no tokens to replay. Sum256 only
	// reads, so the string's own bytes do, and the hot path copies nothing.
	hash := sha256.Sum256(unsafe.Slice(unsafe.StringData(token), len(token)))
	now := v.now()
	if g := v.cache.get(&hash); g != nil {
		return g, hash, g.check(now)
	}
	epoch := v.cache.now()
	payload, kid, err := v.payload(ctx, token)
	if err != nil {
		return nil, hash, err
	}
	g, err := v.grant(payload, kid, now)
	if g != nil {
		// Also what is expired: who sends it again and again shall not have its
		// signature checked each time.
		v.cache.put(&hash, g, epoch)
	}
	return g, hash, err
}

// payload returns what a token says, once a key has vouched for it, and which if it is one
// of ours.
func (v *Verifier) payload(ctx context.Context, token string) (payload []byte, kid string, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, "", errParts(len(parts))
	}
	h, err := parseHeader(parts)
	if err != nil {
		return nil, "", err
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{h.alg})
	if err != nil {
		return nil, "", errDecode(msgBadCrypto, "")
	}
	return v.verifySignature(ctx, jws, h)
}

// header is what we believe of a JOSE header (RFC 7515 section 4). Keys that a
// token brings along or points to (jwk, jku, x5c, x5u) are for nobody to believe.
type header struct {
	alg jose.SignatureAlgorithm
	kid *string
}

// parseHeader also holds each part to canonical base64url: Go's decoder lets the
// last bits and line breaks vary, so that one token could be spelled many ways.
func parseHeader(parts []string) (header, error) {
	var text []byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || strings.ContainsAny(part, "\r\n") {
			return header{}, errDecode(msgBadCrypto, "")
		}
		if i == 0 {
			text = b
		}
	}
	fields, err := parseObject(bytes.Trim(text, jsonSpace))
	if err != nil {
		return header{}, errDecode(msgBadCrypto, "").Because(err)
	}
	var h header
	for _, f := range fields {
		switch f.name {
		case "alg", "kid":
			if f.raw[0] != '"' {
				return header{}, errDecode(msgBadCrypto, "")
			}
			if s := unquote(f.raw); f.name == "alg" {
				h.alg = jose.SignatureAlgorithm(s)
			} else {
				h.kid = &s
			}
		case "crit", "b64":
			return header{}, errDecode(msgBadType, `Extensions of the JWT header ("`+f.name+`") are not supported`)
		}
	}
	return h, checkAlg(h.alg)
}

// checkAlg tells apart, as PostgREST does, a token that asks for no check and one
// that asks for a check nobody knows.
func checkAlg(alg jose.SignatureAlgorithm) error {
	switch alg {
	case jose.HS256, jose.HS384, jose.HS512, jose.RS256, jose.RS384, jose.RS512,
		jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA:
		return nil
	case "none":
		return errDecode(msgBadAlg, "JWT is unsecured but expected 'alg' was not 'none'")
	}
	return errDecode(msgBadCrypto, "")
}
