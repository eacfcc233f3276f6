package dbtest

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// hashOnce makes Postgres check the password of a role by one round of hashing (RFC 5803)
// instead of 4096, which protect passwords that can be guessed: ours are random, and the
// tests connect thousands of times, at 6 ms each under the race detector.
func hashOnce(ctx context.Context, conn *pgx.Conn, role, password string) error {
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, 1, sha256.Size)
	if err != nil {
		return err
	}
	mac := func(text string) []byte {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored, b64 := sha256.Sum256(mac("Client Key")), base64.StdEncoding.EncodeToString
	_, err = conn.Exec(ctx, fmt.Sprintf(`alter role %s password 'SCRAM-SHA-256$1:%s$%s:%s'`,
		pgx.Identifier{role}.Sanitize(), b64(salt), b64(stored[:]), b64(mac("Server Key"))))
	return err
}
