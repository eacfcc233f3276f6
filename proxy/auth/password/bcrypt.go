package password

import (
	"regexp"

	"golang.org/x/crypto/bcrypt"
)

// bcryptHash is the text of a hash by bcrypt. $2a$, $2b$ and $2y$ are one algorithm by now; $2x$
// marks hashes of a version with an error, which nobody makes any more.
type bcryptHash string

var bcryptForm = regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)

func parseBcrypt(text string) (bcryptHash, error) {
	match := bcryptForm.FindStringSubmatch(text)
	if match == nil {
		return "", refuse("it is not $2a$, $2b$ or $2y$ with a cost and 53 characters")
	}
	cost := int(match[1][0]-'0')*10 + int(match[1][1]-'0')
	if cost < bcrypt.MinCost || cost > maxBcrypt {
		return "", refuse("its cost must be %d to %d", bcrypt.MinCost, maxBcrypt)
	}
	return bcryptHash(text), nil
}

func (bcryptHash) algorithm() string { return "bcrypt" }

// verify looks at the first 72 bytes, as every bcrypt does.
func (h bcryptHash) verify(password []byte) bool {
	return bcrypt.CompareHashAndPassword([]byte(h), password[:min(len(password), 72)]) == nil
}
