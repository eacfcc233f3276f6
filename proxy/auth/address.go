package auth

import (
	"net/mail"
	"strings"
)

// maxEmail is the longest address that can be sent to (RFC 5321, section 4.5.3.1.3).
const maxEmail = 254

// address checks who a user says to be: an e-mail address, which is given back in lower
// case, or a phone number (E.164), given back without what people write between digits.
// Exactly one of the two may be there.
func address(email, phone string) (string, string, error) {
	switch {
	case email != "" && phone != "":
		return "", "", refuse("validation_failed", "Only an email address or phone number should be provided on signup.")
	case email != "":
		email, err := emailAddress(email)
		return email, "", err
	case phone != "":
		phone, err := phoneNumber(phone)
		return "", phone, err
	}
	return "", "", refuse("validation_failed", "An email address or a phone number is needed")
}

func emailAddress(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	at := strings.LastIndexByte(s, '@')
	// The address alone, without a name or comments, and ready for any mail header.
	if err != nil || a.Address != s || len(s) > maxEmail || at > 64 || strings.ContainsAny(s, "\"()<>,;: \t\r\n\x00") {
		return "", refuse("validation_failed", "Unable to validate email address: invalid format")
	}
	return s, nil
}

func phoneNumber(s string) (string, error) {
	var digits strings.Builder
	for i, c := range s {
		switch {
		case '0' <= c && c <= '9':
			digits.WriteRune(c)
		case c == '+' && i == 0, c == ' ', c == '-', c == '(', c == ')', c == '.':
		default:
			return "", refuse("validation_failed", "Invalid phone number format (E.164 required)")
		}
	}
	if n := digits.Len(); n < 7 || n > 15 || digits.String()[0] == '0' {
		return "", refuse("validation_failed", "Invalid phone number format (E.164 required)")
	}
	return digits.String(), nil
}
