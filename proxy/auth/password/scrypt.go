package password

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// scryptHash is a hash of Firebase: the project's signer key, encrypted by AES in counter mode under
// the key that scrypt derives from the password (https://github.com/firebase/scrypt).
type scryptHash struct {
	n, r, p      int
	salt, signer []byte // salt: that of the user, followed by the project's separator
	sum          []byte
}

// parseScrypt reads $fbscrypt$v=1,n=14,r=8,p=1,ss=SEPARATOR,sk=SIGNER_KEY$SALT$HASH, where n is the
// binary logarithm of scrypt's N (Firebase's mem_cost), r its block size (Firebase's rounds), and
// what is in capitals is base64 with padding, as Firebase exports it.
func parseScrypt(text string) (*scryptHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 5 {
		return nil, refuse("it is not $fbscrypt$v=1,n=...,r=...,p=...,ss=...,sk=...$salt$hash")
	}
	values, err := fields(parts[2], "v", "n", "r", "p", "ss", "sk")
	if err != nil {
		return nil, err
	}
	var numbers [4]uint64
	for i, bound := range [...]struct {
		name      string
		low, high uint64
	}{{"v", 1, 1}, {"n", 1, 21}, {"r", 1, 64}, {"p", 1, maxLanes}} {
		if numbers[i], err = number(bound.name, values[i], bound.low, bound.high); err != nil {
			return nil, err
		}
	}
	n, r, p := uint64(1)<<numbers[1], numbers[2], numbers[3]
	if memory := 128 * n * r >> 10; memory > maxMemory || memory*p > maxWork/2 {
		return nil, refuse("it takes %d KiB, %d times: %d KiB once, and %d in all, are the most", memory, p, maxMemory, maxWork/2)
	}
	h := &scryptHash{n: int(n), r: int(r), p: int(p)}
	separator, err := part("salt separator", values[4], base64.StdEncoding, 0)
	if err != nil {
		return nil, err
	}
	if h.salt, err = part("salt", parts[3], base64.StdEncoding, minSalt); err != nil {
		return nil, err
	}
	h.salt = append(h.salt, separator...)
	if h.signer, err = part("signer key", values[5], base64.StdEncoding, minSum); err != nil {
		return nil, err
	}
	if h.sum, err = part("hash", parts[4], base64.StdEncoding, minSum); err != nil {
		return nil, err
	}
	if len(h.sum) != len(h.signer) {
		return nil, refuse("its hash is not as long as its signer key")
	}
	return h, nil
}

func (*scryptHash) algorithm() string { return "scrypt" }

func (h *scryptHash) verify(password []byte) bool {
	key, err := scrypt.Key(password, h.salt, h.n, h.r, h.p, 32)
	if err != nil {
		return false // parseScrypt lets no such parameters through
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return false
	}
	sum := make([]byte, len(h.signer))
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(sum, h.signer)
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}
