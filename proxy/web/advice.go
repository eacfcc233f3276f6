package web

import "net/http"

// Advice is what a client does about an error.
type Advice string

const (
	// Mend the request: the same one fails again.
	Mend Advice = "mend"
	// SignIn for another token or key.
	SignIn Advice = "sign_in"
	// Reread what is there now, and decide anew.
	Reread Advice = "reread"
	// Retry the same request, after Retry-After or with growing pauses.
	Retry Advice = "retry"
	// Ask the operator, with the request id.
	Ask Advice = "ask"
)

// Advices says of each what it means.
var Advices = []struct {
	Advice  Advice
	Meaning string
}{
	{Mend, "change the request; the same one fails again"},
	{SignIn, "get another token or key, then send the same request"},
	{Reread, "read what is there now, and decide anew"},
	{Retry, "send the same request again, after `Retry-After` seconds if that came, else with growing pauses"},
	{Ask, "the caller can't mend it: ask the operator, with the request id"},
}

// AdviceFor gives the advice for a code of the table, a SQLSTATE or a class of these:
// that of its status, but for a few.
func AdviceFor(code string, status int) Advice {
	for n := len(code); n >= 2; n-- {
		if a, ok := advised[code[:n]]; ok {
			return a
		}
	}
	switch status {
	case http.StatusUnauthorized:
		return SignIn
	case http.StatusConflict, http.StatusPreconditionFailed:
		return Reread
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Retry
	case http.StatusForbidden:
		return Ask
	}
	if status >= 500 {
		return Ask
	}
	return Mend
}

// advised are those that are not as others of their status, whole or by a beginning.
var advised = map[string]Advice{
	"guard_":                    Mend, // also by 403 and 504
	"body_timeout":              Retry,
	"expectation_unknown":       Mend,
	"http_version_unknown":      Mend,
	"idempotency_in_progress":   Retry,
	"transfer_encoding_unknown": Mend,
	"23":                        Mend, // 409 is about the values here
	"40":                        Retry,
	"54":                        Mend,
	"55P03":                     Retry, // a lock that others hold
	"57014":                     Mend,  // statement_timeout
}
