// Package totp makes and checks time-based one-time codes (RFC 6238) as authenticator
// apps know them: six digits, HMAC-SHA-1, a new code every 30 seconds. It remembers
// nothing: that a code works once is for who keeps the step that was accepted last.
package totp

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"net/url"
	"strings"

	"github.com/pquerna/otp/hotp"
)

const (
	// period is how long a code is shown, in seconds.
	period = 30
	// skew is how many steps a clock may be off, to either side (RFC 6238, section 5.2).
	skew = 1
	// secretSize is what RFC 4226, section 4, recommends, in bytes.
	secretSize = 20
)

// errSecret holds nothing of the secret.
var errSecret = errors.New("the secret is not base32")

// NewSecret makes a secret, in base32.
func NewSecret() string {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// URI shows a secret to authenticator apps, for an account at an issuer
// (github.com/google/google-authenticator/wiki/Key-Uri-Format).
func URI(secret, issuer, account string) string {
	// A colon parts the two in the label.
	issuer = strings.ReplaceAll(issuer, ":", " ")
	query := url.Values{"secret": {secret}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	label := url.PathEscape(issuer) + ":" + url.PathEscape(account)
	// Some apps take a + for what it is.
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
}

// Match gives the time step whose code it is: of now, in Unix seconds, or a step to
// either side; false if it is none of them. A secret that is not base32 is an error.
func Match(secret, code string, now int64) (step int64, ok bool, err error) {
	for s := now/period - skew; s <= now/period+skew; s++ {
		want, err := hotp.GenerateCode(secret, uint64(s))
		if err != nil || secret == "" {
			return 0, false, errSecret
		}
		// All of them, so that the time tells nothing.
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok, nil
}
