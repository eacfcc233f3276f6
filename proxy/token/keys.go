package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// key is one way to verify a signature. It answers only for the algorithms in
// algs, which follow from its own type, never from a token: that is what keeps
// the bytes of a public RSA key from serving as an HMAC secret.
type key struct {
	id   string // kid; empty when it has none
	algs []jose.SignatureAlgorithm
	key  any // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// parseKeys reads a secret: JSON is a JWK (RFC 7517) or a set of them, anything
// else is the text of an HS256 key.
func parseKeys(secret []byte) ([]key, error) {
	if !bytes.HasPrefix(bytes.TrimLeft(secret, " \t\r\n"), []byte("{")) {
		if len(secret) < minSecret {
			return nil, fmt.Errorf("has %d bytes; give at least %d, for example from: openssl rand -base64 48", len(secret), minSecret)
		}
		return []key{{algs: []jose.SignatureAlgorithm{jose.HS256}, key: secret}}, nil
	}

	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	// The errors of encoding/json and go-jose can quote what they read.
	if err := json.Unmarshal(secret, &set); err != nil {
		return nil, errors.New("begins like a JWK but is not valid JSON; correct it, or use a text that does not begin with {")
	}
	if set.Keys == nil {
		set.Keys = &[]json.RawMessage{secret}
	}
	var keys []key
	for i, raw := range *set.Keys {
		k, ok, err := parseJWK(raw)
		if err != nil {
			return nil, fmt.Errorf("key %d of %d: %w", i+1, len(*set.Keys), err)
		}
		if ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New(`holds no key that verifies signatures; give a JWK with kty oct, RSA, EC or OKP (Ed25519) and without "use":"enc"`)
	}
	return keys, nil
}

// parseJWK returns false for a key that is well-formed but not for signatures of
// a kind we know: RFC 7517 section 5 wants such members of a set ignored.
func parseJWK(raw []byte) (key, bool, error) {
	var jwk jose.JSONWebKey
	switch err := json.Unmarshal(raw, &jwk); {
	case errors.Is(err, jose.ErrUnsupportedKeyType):
		return key{}, false, nil
	case err != nil:
		return key{}, false, errors.New("is not a valid JWK; compare it with what the issuer publishes")
	case jwk.Use == "enc":
		return key{}, false, nil
	}

	material, algs, err := algorithms(&jwk)
	if err != nil || algs == nil {
		return key{}, false, err
	}
	if alg := jose.SignatureAlgorithm(jwk.Algorithm); alg != "" {
		if !slices.Contains(algs, alg) {
			return key{}, false, fmt.Errorf("its kty cannot have the alg %q; correct alg, or remove it", jwk.Algorithm)
		}
		algs = []jose.SignatureAlgorithm{alg}
	} else if _, ok := material.([]byte); ok {
		algs = algs[:1]
	}
	return key{id: jwk.KeyID, algs: algs, key: material}, true, nil
}

// algorithms returns what verifies with the key, and for which values of "alg"
// it may (RFC 7518 section 3, RFC 8037). A private key gives its public half. No
// algorithms means a kind of key that we do not know.
func algorithms(jwk *jose.JSONWebKey) (any, []jose.SignatureAlgorithm, error) {
	if secret, ok := jwk.Key.([]byte); ok {
		return hmacAlgorithms(secret, jwk.Algorithm)
	}
	switch k := jwk.Public().Key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 {
			return nil, nil, fmt.Errorf("the RSA key has %d bits; use at least 2048", k.N.BitLen())
		}
		return k, []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}, nil
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return k, []jose.SignatureAlgorithm{jose.ES256}, nil
		case elliptic.P384():
			return k, []jose.SignatureAlgorithm{jose.ES384}, nil
		case elliptic.P521():
			return k, []jose.SignatureAlgorithm{jose.ES512}, nil
		}
	case ed25519.PublicKey:
		return k, []jose.SignatureAlgorithm{jose.EdDSA}, nil
	}
	return nil, nil, nil
}

func hmacAlgorithms(secret []byte, alg string) (any, []jose.SignatureAlgorithm, error) {
	need := minSecret
	switch jose.SignatureAlgorithm(alg) {
	case jose.HS384:
		need = 48
	case jose.HS512:
		need = 64
	}
	if len(secret) < need {
		return nil, nil, fmt.Errorf("the secret in k has %d bytes; give at least %d", len(secret), need)
	}
	return secret, []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}, nil
}

// suitable returns the keys to try for a token's header. A token that names its
// key gets that one alone, if any key has a name.
func suitable(keys []key, h header) []key {
	named := h.kid != nil && slices.ContainsFunc(keys, func(k key) bool { return k.id != "" })
	var out []key
	for _, k := range keys {
		if slices.Contains(k.algs, h.alg) && (!named || k.id == *h.kid) {
			out = append(out, k)
		}
	}
	return out
}
