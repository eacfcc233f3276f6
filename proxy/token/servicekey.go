package token

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

const (
	// serviceRole is the role whose JWTs may be revoked.
	serviceRole = "service_role"
	// maxKey is more than any key of ours has.
	maxKey = 128
)

// ServiceKeys are the service keys and what is revoked of JWTs, as auth.read_service_keys
// told them. They never change.
type ServiceKeys struct {
	byID map[string]*serviceKey
	// JWTs of the service role that were issued before this second are revoked.
	issuedBefore int64
	jtis         map[string]struct{}
	hashes       map[tokenHash]struct{}
}

type serviceKey struct {
	hash     tokenHash
	caller   pg.Caller // with a scope
	modules  []string  // nil is all
	networks []netip.Prefix
	revoked  bool
	use      *keyUse
}

// UseKeys has v take service keys, and hold JWTs of the service role against what is
// revoked. source gives what holds now, nil if there can be none; where it has no proof
// that what is remembered holds, it asks the database. To be called before the first use.
func (v *Verifier) UseKeys(source func(context.Context) (*ServiceKeys, error)) { v.source = source }

// keysOf gives keys, or what the source says. Its error is for the client.
func (v *Verifier) keysOf(ctx context.Context, keys *ServiceKeys) (*ServiceKeys, error) {
	if keys != nil || v.source == nil {
		return keys, nil
	}
	keys, err := v.source(ctx)
	if err != nil {
		return nil, errKeyUnchecked.Because(err)
	}
	return keys, nil
}

// serviceKey gives the caller that a key stands for.
func (v *Verifier) serviceKey(ctx context.Context, text string, from From) (pg.Caller, error) {
	if v.source == nil {
		return pg.Caller{}, errDecode("Unknown API key",
			"The key begins with sb_ but was not issued by this server; use the anon or service_role JWT")
	}
	keys, err := v.keysOf(ctx, nil)
	if err != nil {
		return pg.Caller{}, err
	}
	now := v.now()
	key, err := keys.find(text, from, now)
	if err != nil {
		return pg.Caller{}, err
	}
	key.use.note(now.Unix(), from.Address)
	return key.caller, nil
}

// Recheck tells whom a token or key stands for by what keys say, whatever the source
// remembers: when there are new ones, and those who used the old ones are still there.
func (v *Verifier) Recheck(keys *ServiceKeys, text string, from From) (pg.Caller, error) {
	if !strings.HasPrefix(text, keyPrefix) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // nothing is waited for
		g, hash, err := v.verified(ctx, text)
		if err != nil {
			return pg.Caller{}, err
		}
		return v.unlessRevoked(ctx, keys, g, &hash)
	}
	key, err := keys.find(text, from, v.now())
	if err != nil {
		return pg.Caller{}, err
	}
	return key.caller, nil
}

// find looks a key up. Who does not know the secret is not told whether there is such
// a key, nor how it is.
func (k *ServiceKeys) find(text string, from From, now time.Time) (*serviceKey, error) {
	if k == nil || len(text) > maxKey {
		return nil, errKeyInvalid
	}
	key := k.byID[keyID(text)]
	if key == nil {
		return nil, errKeyInvalid
	}
	hash := sha256.Sum256(unsafe.Slice(unsafe.StringData(text), len(text)))
	ends := key.caller.Scope.Ends
	switch {
	case subtle.ConstantTimeCompare(hash[:], key.hash[:]) != 1:
		return nil, errKeyInvalid
	case key.revoked:
		return nil, errKeyRevoked
	case !ends.IsZero() && !now.Before(ends):
		return nil, errKeyExpired
	case key.modules != nil && !slices.Contains(key.modules, from.Module) && !slices.Contains(key.modules, from.Or):
		return nil, errKeyModule
	case key.networks != nil && !slices.ContainsFunc(key.networks, func(n netip.Prefix) bool { return n.Contains(from.Address) }):
		return nil, errKeyAddress
	}
	return key, nil
}

// keyID is what stands between the kind and the secret.
func keyID(text string) string {
	rest, ok := strings.CutPrefix(text, "sb_secret_")
	if !ok {
		rest, ok = strings.CutPrefix(text, "sb_publishable_")
	}
	id, _, secret := strings.Cut(rest, "_")
	if !ok || !secret {
		return ""
	}
	return id
}

// unlessRevoked gives the caller of a grant; a JWT of the service role may be revoked.
func (v *Verifier) unlessRevoked(ctx context.Context, keys *ServiceKeys, g *grant, hash *tokenHash) (pg.Caller, error) {
	if g.caller.Role != serviceRole {
		return g.caller, nil
	}
	keys, err := v.keysOf(ctx, keys)
	switch {
	case err != nil:
		return pg.Caller{}, err
	case keys == nil:
		return g.caller, nil
	}
	_, byID := keys.jtis[g.jti]
	_, byHash := keys.hashes[*hash]
	if byID && g.jti != "" || byHash || g.iat < keys.issuedBefore {
		return pg.Caller{}, errKeyRevoked
	}
	return g.caller, nil
}

// CheckSchema refuses what the caller's key has not in its scope, by the schema.
func CheckSchema(scope *pg.Scope, schema string) error {
	if !scope.Has(schema) {
		return errKeySchema
	}
	return nil
}

// CheckWrite refuses a write where the caller's key is for reading alone.
func CheckWrite(scope *pg.Scope) error {
	if scope != nil && scope.ReadOnly {
		return errKeyReadOnly
	}
	return nil
}

// parseServiceKeys reads the document of auth.read_service_keys.
func parseServiceKeys(document []byte, useOf func(id string) *keyUse) (*ServiceKeys, error) {
	var doc struct {
		Keys []struct {
			ID, Hash, Role              string
			Modules, Schemas, Addresses []string
			Publishable                 bool
			ReadOnly                    bool   `json:"read_only"`
			EndsAt                      *int64 `json:"ends_at"`
			Revoked                     bool
		}
		IssuedBefore *int64 `json:"issued_before"`
		JTIs, Hashes []string
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, errors.New("auth.read_service_keys is not that of this release")
	}
	k := &ServiceKeys{
		byID: make(map[string]*serviceKey, len(doc.Keys)), issuedBefore: minTime,
		jtis: map[string]struct{}{}, hashes: map[tokenHash]struct{}{},
	}
	for _, row := range doc.Keys {
		key := &serviceKey{modules: row.Modules, revoked: row.Revoked, use: useOf(row.ID)}
		scope := &pg.Scope{Schemas: row.Schemas, ReadOnly: row.ReadOnly, Publishable: row.Publishable}
		if row.EndsAt != nil {
			scope.Ends = time.UnixMilli(*row.EndsAt)
		}
		key.caller = pg.Caller{
			Role: row.Role, Key: row.ID, Scope: scope,
			Claims: `{"role":` + string(quote(row.Role)) + `,"service_key":` + string(quote(row.ID)) + `}`,
		}
		var err error
		if key.hash, err = parseHash(row.Hash); err != nil {
			return nil, fmt.Errorf("read service key %s: %w", row.ID, err)
		}
		for _, text := range row.Addresses {
			network, err := netip.ParsePrefix(text)
			if err != nil {
				return nil, fmt.Errorf("read service key %s: %w", row.ID, err)
			}
			key.networks = append(key.networks, network)
		}
		k.byID[row.ID] = key
	}
	if doc.IssuedBefore != nil {
		k.issuedBefore = *doc.IssuedBefore
	}
	for _, jti := range doc.JTIs {
		k.jtis[jti] = struct{}{}
	}
	for _, text := range doc.Hashes {
		hash, err := parseHash(text)
		if err != nil {
			return nil, fmt.Errorf("read the revoked tokens: %w", err)
		}
		k.hashes[hash] = struct{}{}
	}
	return k, nil
}

func parseHash(text string) (hash tokenHash, err error) {
	if n, err := hex.Decode(hash[:], []byte(text)); err != nil || n != len(hash) {
		return hash, errors.New("its hash is none of SHA-256")
	}
	return hash, nil
}
