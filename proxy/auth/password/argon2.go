package password

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// argon2Hash is an argon2 hash in the PHC string format.
type argon2Hash struct {
	id        bool // argon2id, else argon2i
	memory    uint32
	passes    uint32
	lanes     uint8
	salt, sum []byte
}

func parseArgon2(text string) (*argon2Hash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[1] != "argon2id" && parts[1] != "argon2i" || parts[2] != "v=19" {
		return nil, refuse("it is not $argon2id$v=19$m=...,t=...,p=...$salt$hash, or the same with argon2i")
	}
	values, err := fields(parts[3], "m", "t", "p")
	if err != nil {
		return nil, err
	}
	lanes, err := number("p", values[2], 1, maxLanes)
	if err != nil {
		return nil, err
	}
	memory, err := number("m", values[0], 8*lanes, maxMemory)
	if err != nil {
		return nil, err
	}
	passes, err := number("t", values[1], 1, max(maxWork/memory, 1))
	if err != nil {
		return nil, err
	}
	h := &argon2Hash{id: parts[1] == "argon2id", memory: uint32(memory), passes: uint32(passes), lanes: uint8(lanes)}
	if h.salt, err = part("salt", parts[4], base64.RawStdEncoding, minSalt); err != nil {
		return nil, err
	}
	if h.sum, err = part("hash", parts[5], base64.RawStdEncoding, minSum); err != nil {
		return nil, err
	}
	return h, nil
}

// String gives the PHC string.
func (h *argon2Hash) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d$%s$%s",
		h.algorithm(), argon2.Version, h.memory, h.passes, h.lanes, encode(h.salt), encode(h.sum))
}

func (h *argon2Hash) algorithm() string {
	if h.id {
		return "argon2id"
	}
	return "argon2i"
}

// derive computes the sum of a password, as long as that of h.
func (h *argon2Hash) derive(password []byte) []byte {
	key := argon2.IDKey
	if !h.id {
		key = argon2.Key
	}
	return key(password, h.salt, h.passes, h.memory, h.lanes, uint32(len(h.sum)))
}

func (h *argon2Hash) verify(password []byte) bool {
	return subtle.ConstantTimeCompare(h.derive(password), h.sum) == 1
}
