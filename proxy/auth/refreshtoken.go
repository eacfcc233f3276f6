package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
)

// A refresh token is the name of a key of FLUXBASE_ENCRYPTION_KEY, then the id of its
// session, its number there, and an HMAC of both under what is derived from the key: so
// that those who come at once with one token can be given the same next one, that
// nothing in the database makes a token, and that a made-up one costs no question.
const (
	refreshLength = 16 + 8
	refreshMAC    = 20 // of 32 bytes; 160 bits are more than anybody guesses
	refreshForm   = "fbr1"
	// refreshPurpose is that of the keys of package seal.
	refreshPurpose = "refresh token"
)

var errRefreshToken = refuse("validation_failed", "Refresh token is not valid")

// refreshToken makes the one of a number.
func (h *Handler) refreshToken(session string, number int64) (string, error) {
	id, err := hex.DecodeString(strings.ReplaceAll(session, "-", ""))
	if err != nil || len(id) != 16 {
		return "", errors.New("the id of the session is no UUID")
	}
	b := binary.BigEndian.AppendUint64(id, uint64(number))
	key := h.Seals.ID()
	sum := refreshSum(h.Seals.Derive(refreshPurpose), b)
	return refreshForm + "." + key + "." + base64.RawURLEncoding.EncodeToString(append(b, sum...)), nil
}

// parseRefreshToken gives session and number of one that was made here.
func (h *Handler) parseRefreshToken(token string) (session string, number int64, err error) {
	form, rest, _ := strings.Cut(token, ".")
	keyID, code, _ := strings.Cut(rest, ".")
	b, err := base64.RawURLEncoding.Strict().DecodeString(code)
	if form != refreshForm || err != nil || len(b) != refreshLength+refreshMAC || strings.ContainsAny(code, "\r\n") {
		return "", 0, errRefreshToken
	}
	key, known := h.Seals.DeriveFrom(keyID, refreshPurpose)
	if !known || !hmac.Equal(refreshSum(key, b[:refreshLength]), b[refreshLength:]) {
		return "", 0, refuse("refresh_token_not_found", messages["refresh_token_not_found"])
	}
	id := hex.EncodeToString(b[:16])
	session = id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
	return session, int64(binary.BigEndian.Uint64(b[16:])), nil
}

// isImported tells a refresh token as Supabase made it (12 letters and digits, once 22
// characters of base64url), which auth.refresh_tokens may have from a dump.
func isImported(token string) bool {
	if len(token) != 12 && len(token) != 22 {
		return false
	}
	for _, c := range []byte(token) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

func refreshSum(key, b []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(b)
	return mac.Sum(nil)[:refreshMAC]
}
