package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
)

// Algorithms are those that tokens may be signed by. HS256 is the secret of
// FLUXBASE_JWT_SECRET; each of the others has keys of its own in auth.signing_keys.
var Algorithms = []string{"ES256", "EdDSA", "RS256", "HS256"}

// DefaultAlgorithm is short, fast, and known to all libraries and browsers.
const DefaultAlgorithm = "ES256"

const rsaBits = 2048

// SigningKey is a new key as auth.add_signing_key takes it.
type SigningKey struct {
	KID, Alg string
	// Public is its public half as a JWK, and Sealed the private one as a JWK that is sealed.
	Public []byte
	Sealed string
}

// NewSigningKey makes a key for one of Algorithms but HS256. Its id is its thumbprint (RFC
// 7638), which begins with no hyphen: a command line would take that for an option.
func NewSigningKey(alg string, keys *seal.Keys) (*SigningKey, error) {
	jwk := jose.JSONWebKey{Algorithm: alg, Use: "sig"}
	for jwk.KeyID == "" || jwk.KeyID[0] == '-' {
		private, err := generate(alg)
		if err != nil {
			return nil, err
		}
		jwk.Key = private
		thumb, err := jwk.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, fmt.Errorf("make a signing key: %w", err)
		}
		jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumb)
	}
	secret, err := jwk.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	public, err := jwk.Public().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return &SigningKey{KID: jwk.KeyID, Alg: alg, Public: public, Sealed: keys.Seal(secret, placeOf(jwk.KeyID))}, nil
}

func generate(alg string) (any, error) {
	switch alg {
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case "RS256":
		return rsa.GenerateKey(rand.Reader, rsaBits)
	}
	return nil, fmt.Errorf("there are no signing keys for %q: give ES256, EdDSA or RS256", alg)
}

// placeOf is where the private half of a key is sealed for.
func placeOf(kid string) seal.Place {
	return seal.Place{Table: "auth.signing_keys", Column: "private_sealed", ID: kid}
}

// Signer signs access tokens with the current key. It is safe for many goroutines at once.
type Signer struct {
	db     *pg.DB
	keys   *seal.Keys
	issuer string
	// secret signs by HS256; nil without one.
	secret jose.Signer
	source func(context.Context) (string, error)
	opened atomic.Pointer[opened]
}

// opened is a document of auth.read_signing_key, and what signs by it.
type opened struct {
	document string
	signer   jose.Signer // nil if there is no key yet
	alg      string      // of a key that is to be made
}

// NewSigner makes a Signer for tokens of an issuer, the URL that is their claim iss. db is
// a login that may become service_role; cfg tells the secret for HS256.
func NewSigner(db *pg.DB, keys *seal.Keys, issuer string, cfg Config) (*Signer, error) {
	s := &Signer{db: db, keys: keys, issuer: issuer}
	s.source = s.Read
	list, err := cfg.keys()
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		if secret, ok := k.key.([]byte); ok && k.algs[0] == jose.HS256 {
			s.secret, err = newJWS(jose.HS256, secret, k.id)
			return s, err
		}
	}
	return s, nil
}

// Use has s ask source for what Read gives. To be called before the first use.
func (s *Signer) Use(source func(context.Context) (string, error)) { s.source = source }

// Read asks the database for the current key, as it is sealed.
func (s *Signer) Read(ctx context.Context) (string, error) {
	return s.ask(ctx, `select auth.read_signing_key()::text`)
}

func (s *Signer) ask(ctx context.Context, sql string, args ...[]byte) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	tx := &pg.Tx{Caller: pg.Caller{Role: serviceRole, Claims: `{"role":"service_role"}`}, Main: pg.Statement{SQL: sql, Args: args}}
	res, err := s.db.Do(ctx, tx)
	if err != nil {
		return "", err
	}
	defer res.Free()
	if len(res.Values) == 0 {
		return "", errors.New("the database gave no row")
	}
	return string(res.Values[0]), nil
}

// Sign makes a JWT of claims, a JSON object, whose iss becomes that of the Signer. The
// first token of a database makes the first key.
func (s *Signer) Sign(ctx context.Context, claims []byte) (string, error) {
	payload, err := withIssuer(claims, s.issuer)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	signer, err := s.current(ctx)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return jws.CompactSerialize()
}

// Prepare makes the first key if there is none. Of several processes that do so at once
// one makes it.
func (s *Signer) Prepare(ctx context.Context) error {
	_, err := s.current(ctx)
	return err
}

// current gives what signs now.
func (s *Signer) current(ctx context.Context) (jose.Signer, error) {
	document, err := s.source(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the current key: %w", err)
	}
	o := s.opened.Load()
	if o == nil || o.document != document {
		if o, err = s.open(document); err != nil {
			return nil, err
		}
		if o.signer == nil {
			return s.first(ctx)
		}
		s.opened.Store(o)
	}
	return o.signer, nil
}

// first makes the first key, unless another process does or did.
func (s *Signer) first(ctx context.Context) (jose.Signer, error) {
	for tried := false; ; tried = true {
		// The database, because a key may not have come through the stream yet.
		document, err := s.Read(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the current key: %w", err)
		}
		o, err := s.open(document)
		switch {
		case err != nil:
			return nil, err
		case o.signer != nil:
			return o.signer, nil
		case tried:
			return nil, errors.New("there is no current signing key")
		}
		k, err := NewSigningKey(o.alg, s.keys)
		if err != nil {
			return nil, err
		}
		const add = `select auth.add_signing_key($1, $2, $3, $4, only_first => true)`
		if _, err := s.ask(ctx, add, []byte(k.KID), []byte(k.Alg), k.Public, []byte(k.Sealed)); err != nil {
			return nil, fmt.Errorf("make the first signing key: %w", err)
		}
	}
}

// open makes ready what a document of auth.read_signing_key tells.
func (s *Signer) open(document string) (*opened, error) {
	var doc struct {
		KID, Alg  string
		Sealed    string `json:"private_sealed"`
		Algorithm string // of the setting
	}
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		return nil, errors.New("auth.read_signing_key is not that of this release")
	}
	o := &opened{document: document, alg: doc.Algorithm}
	switch {
	case doc.Algorithm == "HS256" && s.secret == nil:
		return nil, errors.New("the setting jwt_algorithm is HS256, and FLUXBASE_JWT_SECRET holds no secret for it")
	case doc.Algorithm == "HS256":
		o.signer = s.secret
		return o, nil
	case doc.KID == "":
		if !slices.Contains(Algorithms, o.alg) {
			o.alg = DefaultAlgorithm
		}
		return o, nil
	}
	secret, err := s.keys.Open(doc.Sealed, placeOf(doc.KID))
	if err != nil {
		return nil, err
	}
	var jwk jose.JSONWebKey
	if err := json.Unmarshal(secret, &jwk); err != nil || jwk.KeyID != doc.KID || jwk.Algorithm != doc.Alg || jwk.IsPublic() {
		return nil, fmt.Errorf("signing key %s is not what its row says", doc.KID)
	}
	o.signer, err = newJWS(jose.SignatureAlgorithm(doc.Alg), jwk.Key, doc.KID)
	return o, err
}

func newJWS(alg jose.SignatureAlgorithm, with any, kid string) (jose.Signer, error) {
	options := new(jose.SignerOptions).WithType("JWT")
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	return jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: with}, options)
}

// withIssuer splices, as withRole does.
func withIssuer(claims []byte, issuer string) ([]byte, error) {
	claims = bytes.Trim(claims, jsonSpace)
	members, err := parseObject(claims)
	if err != nil {
		return nil, fmt.Errorf("the claims set %w", err)
	}
	iss := quote(issuer)
	for _, m := range members {
		if m.name == "iss" {
			return slices.Concat(claims[:m.at], iss, claims[m.at+len(m.raw):]), nil
		}
	}
	comma := ","
	if len(members) == 0 {
		comma = ""
	}
	return slices.Concat([]byte(`{"iss":`), iss, []byte(comma), claims[1:]), nil
}
