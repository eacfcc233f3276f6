package password

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// What a stored hash may cost at most. A Hasher spends memory and time as the hash says, so one
// that came by import must not say what it likes.
const (
	maxText   = 1024
	maxMemory = 256 << 10 // KiB
	maxWork   = 1 << 20   // KiB gone over, which takes about a second
	maxLanes  = 16
	maxBcrypt = 15 // 32,768 rounds, about two seconds

	minSalt, minSum, maxPart = 8, 16, 256 // bytes

	// Of new hashes.
	saltBytes, sumBytes = 16, 32
)

// verifier is a hash that was read.
type verifier interface {
	algorithm() string
	// verify takes time, and always the same.
	verify(password []byte) bool
}

// CheckHash tells whether a hash from elsewhere can be stored: whether it is of a form that Verify
// knows (argon2id, argon2i, bcrypt, Firebase's scrypt as $fbscrypt$) and costs no more than it
// would spend. The error is ErrHash with the reason, and repeats nothing of the hash.
func CheckHash(text string) error {
	_, err := parse(text)
	return err
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrHash}, args...)...)
}

func parse(text string) (verifier, error) {
	switch {
	case len(text) > maxText:
		return nil, refuse("it is longer than %d bytes", maxText)
	case strings.HasPrefix(text, "$argon2"):
		return parseArgon2(text)
	case strings.HasPrefix(text, "$fbscrypt$"):
		return parseScrypt(text)
	case strings.HasPrefix(text, "$2"):
		return parseBcrypt(text)
	}
	return nil, refuse("give one that begins with $argon2id$, $argon2i$, $2a$, $2b$, $2y$ or $fbscrypt$")
}

// fields reads NAME=VALUE,NAME=VALUE of exactly these names, in this order.
func fields(text string, names ...string) ([]string, error) {
	parts := strings.Split(text, ",")
	if len(parts) != len(names) {
		return nil, refuse("its parameters are not %s", strings.Join(names, ", "))
	}
	for i, name := range names {
		value, ok := strings.CutPrefix(parts[i], name+"=")
		if !ok {
			return nil, refuse("its parameters are not %s", strings.Join(names, ", "))
		}
		parts[i] = value
	}
	return parts, nil
}

// number reads a decimal number as it would be written here, from low to high.
func number(name, text string, low, high uint64) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < low || n > high || strconv.FormatUint(n, 10) != text {
		return 0, refuse("%s must be %d to %d", name, low, high)
	}
	return n, nil
}

// part decodes base64 of low to maxPart bytes.
func part(name, text string, encoding *base64.Encoding, low int) ([]byte, error) {
	b, err := encoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, refuse("its %s is not base64", name)
	}
	if len(b) < low || len(b) > maxPart {
		return nil, refuse("its %s has %d bytes: %d to %d are taken", name, len(b), low, maxPart)
	}
	return b, nil
}
