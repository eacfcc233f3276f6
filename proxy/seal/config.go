package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Config holds the keys.
type Config struct {
	EncryptionKey string `envconfig:"FLUXBASE_ENCRYPTION_KEY" secret:"true" desc:"What secrets in the database are sealed with (AES-256-GCM): 32 bytes as base64, as fluxbase keys prints it. Several, comma separated, while keys change: the first seals, all open; each may have a name, name:base64. Everything that issues tokens or keeps secrets of others needs it; rest alone does not. docs/how-to/signing-keys.md tells how to change it."`
}

// keySize is that of AES-256.
const keySize = 32

// ErrNoKey tells that there is no key where one is needed.
var ErrNoKey = errors.New("FLUXBASE_ENCRYPTION_KEY is not set: fluxbase keys prints one; keep it, as what it sealed can't be read without it")

// Check reports what is wrong with the keys. None at all is right: who needs one asks New.
// No part of a key is in its text.
func (c *Config) Check() error {
	_, err := New(*c)
	if errors.Is(err, ErrNoKey) {
		return nil
	}
	return err
}

// New makes the Keys of a configuration; ErrNoKey if it has none.
func New(c Config) (*Keys, error) {
	if strings.TrimSpace(c.EncryptionKey) == "" {
		return nil, ErrNoKey
	}
	k := &Keys{byID: map[string]*key{}}
	for i, part := range strings.Split(c.EncryptionKey, ",") {
		made, err := parseKey(strings.TrimSpace(part))
		if err == nil {
			err = k.add(made)
		}
		if err != nil {
			return nil, fmt.Errorf("FLUXBASE_ENCRYPTION_KEY: key %d %w", i+1, err)
		}
	}
	return k, nil
}

// parseKey reads name:base64 or base64.
func parseKey(text string) (*key, error) {
	name, code, named := strings.Cut(text, ":")
	if !named {
		name, code = "", text
	} else if !validID(name) {
		return nil, errors.New("has a name that is not 1 to 32 of a-z, 0-9, - and _")
	}
	// Both alphabets, with padding or without, as tools differ.
	code = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(code, "="))
	master, err := base64.RawStdEncoding.Strict().DecodeString(code)
	if err != nil || strings.ContainsAny(code, "\r\n") {
		return nil, errors.New("is not base64; take what fluxbase keys prints")
	}
	if len(master) != keySize {
		return nil, fmt.Errorf("has %d bytes, and must have %d; take what fluxbase keys prints", len(master), keySize)
	}
	return newKey(name, master)
}

// idOf is how a key without a name is known: it tells nothing of the key.
func idOf(master []byte) string {
	return "k" + hex.EncodeToString(derive(master, "id")[:6])
}

func validID(id string) bool {
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return id != "" && len(id) <= 32
}

// derive gives 32 bytes for one purpose (HKDF, RFC 5869), from which neither the key nor
// what other purposes get can be told.
func derive(master []byte, purpose string) []byte {
	out, err := hkdf.Key(sha256.New, master, nil, "fluxbase "+purpose, sha256.Size)
	if err != nil {
		panic(err) // only a length can be wrong
	}
	return out
}
