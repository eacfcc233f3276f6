package password

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// A request is what to do, the text of a hash, a zero byte, which no hash contains, and the password
// as it was typed.
const (
	making    = 'm' // is answered with the text, in which the sum is that of the password
	verifying = 'v' // is answered with a verdict
)

// verdict is one byte.
type verdict string

const (
	wrong        verdict = "0"
	right        verdict = "1"
	rightAsTyped verdict = "2" // and not as it is normalized here
)

func toMake(h *argon2Hash, password string) []byte {
	return []byte(string(making) + h.String() + "\x00" + password)
}

func toVerify(stored, password string) []byte {
	return []byte(string(verifying) + stored + "\x00" + password)
}

// Compute does the work of a Hasher, some 40 ms of one core and more. Its error means that the
// request is none of a Hasher's, of this version.
func Compute(request []byte) ([]byte, error) {
	text, password, ok := strings.Cut(string(request), "\x00")
	if !ok || len(text) == 0 {
		return nil, errors.New("this is no request to compute a hash")
	}
	hash, err := parse(text[1:])
	if err != nil {
		return nil, err
	}
	made, isOwn := hash.(*argon2Hash)
	switch {
	case text[0] == verifying:
		return []byte(judge(hash, password)), nil
	case text[0] == making && isOwn:
		made.sum = made.derive(normal(password))
		return []byte(made.String()), nil
	}
	return nil, fmt.Errorf("%q is nothing to do with a hash by %s", text[0], hash.algorithm())
}

// judge tries a password as it is normalized here, and then, if that is something else, as it is,
// since whoever made an imported hash may have normalized nothing.
func judge(hash verifier, password string) verdict {
	normalized := normal(password)
	switch {
	case hash.verify(normalized):
		return right
	case string(normalized) != password && hash.verify([]byte(password)):
		return rightAsTyped
	}
	return wrong
}

// normal is the form of a password that is hashed: NFC, as RFC 8265 has it for passwords, so that
// a letter is the same whether a keyboard composes it or not. NFKC would also make characters the
// same that look different, such as ² and 2, and fewer imported hashes would match.
func normal(password string) []byte { return norm.NFC.Bytes([]byte(password)) }
