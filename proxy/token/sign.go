package token

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keyYears is the life of the anon and service_role keys. They are configuration
// of clients, replaced by changing the secret and not by running out.
const keyYears = 10

// SignHS256 makes a JWT (RFC 7519) in compact serialization: claims as
// encoding/json encodes them, signed by HMAC-SHA-256 with secret, which must have
// at least 32 bytes.
func SignHS256(secret []byte, claims any) (string, error) {
	if len(secret) < minSecret {
		return "", fmt.Errorf("sign JWT: the secret has %d bytes; give at least %d", len(secret), minSecret)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign JWT: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign JWT: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign JWT: %w", err)
	}
	return jws.CompactSerialize()
}

// Keys makes the two API keys of a project as Supabase has them: JWTs with the
// claims iss, role, iat and exp, for the roles anon and service_role, good for ten
// years from now. secret is the text of FLUXBASE_JWT_SECRET.
func Keys(secret []byte, now time.Time) (anon, service string, err error) {
	sign := func(role string) (string, error) {
		return SignHS256(secret, struct {
			Issuer   string `json:"iss"`
			Role     string `json:"role"`
			IssuedAt int64  `json:"iat"`
			Expires  int64  `json:"exp"`
		}{"fluxbase", role, now.Unix(), now.AddDate(keyYears, 0, 0).Unix()})
	}
	if anon, err = sign("anon"); err != nil {
		return "", "", err
	}
	service, err = sign("service_role")
	return anon, service, err
}
