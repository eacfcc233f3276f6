package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Ring is the public half of the keys that sign access tokens here, those that hold. It
// never changes.
type Ring struct {
	keys map[string]key // by kid
	// set is the JWK set that clients get.
	set []byte
	// gone are the ids of keys that were there before, as far as this process has seen.
	gone map[string]struct{}
}

// after gives the ring with what is gone since earlier ones.
func (r *Ring) after(earlier ...*Ring) *Ring {
	gone := map[string]struct{}{}
	for _, e := range earlier {
		if e == nil {
			continue
		}
		for kid := range e.gone {
			gone[kid] = struct{}{}
		}
		for kid := range e.keys {
			gone[kid] = struct{}{}
		}
	}
	for kid := range r.keys {
		delete(gone, kid)
	}
	return &Ring{keys: r.keys, set: r.set, gone: gone}
}

// parseRing reads the document of auth.jwks. A key that can't be used is an error: its
// tokens would be refused for no reason that anybody sees.
func parseRing(set []byte) (*Ring, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(set, &doc); err != nil || doc.Keys == nil {
		return nil, errors.New("auth.jwks is not that of this release")
	}
	r := &Ring{keys: make(map[string]key, len(doc.Keys)), set: slices.Clone(set)}
	for _, raw := range doc.Keys {
		k, ok, err := parseJWK(raw)
		if err == nil && (!ok || k.id == "" || len(k.algs) != 1) {
			err = errors.New("it has no kid, or no alg that is known")
		}
		if err != nil {
			return nil, fmt.Errorf("read the signing keys: %w", err)
		}
		if _, secret := k.key.([]byte); secret {
			return nil, errors.New("read the signing keys: one of them is a secret")
		}
		r.keys[k.id] = k
	}
	return r, nil
}

// find gives the key that a token names, if it signs as the token says.
func (r *Ring) find(h header) (key, bool) {
	if r == nil || h.kid == nil {
		return key{}, false
	}
	k, ok := r.keys[*h.kid]
	return k, ok && k.algs[0] == h.alg
}

func (r *Ring) has(kid string) bool {
	_, ok := r.keys[kid]
	return ok
}

// algorithms are those of the keys.
func (r *Ring) algorithms() (list []jose.SignatureAlgorithm) {
	for _, k := range r.keys {
		if !slices.Contains(list, k.algs[0]) {
			list = append(list, k.algs[0])
		}
	}
	slices.Sort(list)
	return list
}
