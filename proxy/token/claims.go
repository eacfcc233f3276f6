package token

import (
	"bytes"
	"cmp"
	"math"
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// skew is how far clocks may differ, in seconds; PostgREST's number.
const skew = 30

// grant is what a good signature gave: the caller, and when it holds. A missing
// exp is the end of time, a missing nbf or iat its beginning.
type grant struct {
	caller        pg.Caller
	exp, nbf, iat int64 // seconds since 1970
	// jti is the id of a token of the service role, which may be revoked by it.
	jti string
}

// check holds the grant against the clock; it runs at every use.
func (g *grant) check(now time.Time) error {
	t := now.Unix()
	switch {
	case t-skew > g.exp:
		return errClaims("JWT expired", "")
	case t+skew < g.nbf:
		return errClaims("JWT not yet valid", "")
	case t+skew < g.iat:
		return errClaims("JWT issued at future", "")
	}
	return nil
}

// grant reads a payload whose signature is good, and checks it. It gives a grant
// beside the error of one that only the clock refuses. kid is that of the key, if it is
// one of ours.
func (v *Verifier) grant(payload []byte, kid string, now time.Time) (*grant, error) {
	payload = bytes.Trim(payload, jsonSpace)
	claims, err := parseObject(payload)
	if err != nil {
		return nil, errClaims("Parsing claims failed", "The claims set "+err.Error()).Because(err)
	}
	g := &grant{exp: math.MaxInt64, nbf: math.MinInt64, iat: math.MinInt64}
	// Of several faults the first is told, as in PostgREST: expired comes before a
	// wrong nbf.
	var late error
	for _, c := range []struct {
		name string
		at   *int64
		// Half a second is counted against the token.
		round func(float64) float64
	}{{"exp", &g.exp, math.Floor}, {"nbf", &g.nbf, math.Ceil}, {"iat", &g.iat, math.Ceil}} {
		raw := lookup(claims, c.name)
		if raw == nil || raw[0] == 'n' {
			continue
		}
		at, ok := numericDate(raw, c.round)
		if !ok {
			return nil, cmp.Or[error](late, errClaims("The JWT '"+c.name+"' claim must be a number", ""))
		}
		*c.at = at
		late = cmp.Or(late, g.check(now))
	}
	if err := v.checkAud(lookup(claims, "aud")); err != nil {
		return nil, cmp.Or(late, err)
	}
	if iss := lookup(claims, "iss"); kid != "" && v.issuer != "" && (iss == nil || iss[0] != '"' || unquote(iss) != v.issuer) {
		return nil, cmp.Or[error](late, errClaims("JWT of another issuer", ""))
	}
	if g.caller, err = v.caller(payload, claims); err != nil {
		return nil, cmp.Or(late, err)
	}
	g.caller.Signer = kid
	if jti := lookup(claims, "jti"); g.caller.Role == serviceRole && jti != nil && jti[0] == '"' {
		g.jti = unquote(jti)
	}
	return g, late
}

// numericDate reads RFC 7519's NumericDate, which may have a fraction. What is
// beyond all time counts as just that.
func numericDate(raw []byte, round func(float64) float64) (int64, bool) {
	if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n, true
	}
	f, _ := strconv.ParseFloat(string(raw), 64) // out of range gives an infinity
	switch f = round(f); {
	case f >= math.MaxInt64:
		return math.MaxInt64, true
	case f <= math.MinInt64:
		return math.MinInt64, true
	}
	return int64(f), true
}

// checkAud wants a text or an array of texts, whether or not Aud is set; the
// value counts only when it is.
func (v *Verifier) checkAud(raw []byte) error {
	if raw == nil || raw[0] == 'n' {
		return nil
	}
	var auds [][]byte
	switch raw[0] {
	case '"':
		auds = [][]byte{raw}
	case '[':
		auds = elements(raw)
	default:
		return errAud()
	}
	ok := v.aud == "" || raw[0] == '[' && len(auds) == 0
	for _, a := range auds {
		if a[0] != '"' {
			return errAud()
		}
		ok = ok || unquote(a) == v.aud
	}
	if !ok {
		return errClaims("JWT not in audience", "")
	}
	return nil
}

func errAud() error {
	return errClaims("The JWT 'aud' claim must be a string or an array of strings", "")
}

// caller settles the role, and the claims that Postgres sees: the payload's own
// bytes, with "role" being the role in use.
func (v *Verifier) caller(payload []byte, claims []member) (pg.Caller, error) {
	role := v.anonRole
	if raw := v.rolePath.find(claims); raw != nil {
		role = roleText(raw)
		if role == "" || role == "none" {
			return pg.Caller{}, errRole(role)
		}
	}
	if role == "" {
		return pg.Caller{}, errAnonymous()
	}
	caller := pg.Caller{Role: role, Claims: withRole(payload, claims, role)}
	if sub := lookup(claims, "sub"); sub != nil && sub[0] == '"' {
		caller.Subject = unquote(sub)
	}
	// Of another form it is none of ours.
	if session := lookup(claims, "session_id"); session != nil && session[0] == '"' {
		caller.Session, _ = parseSession(unquote(session))
	}
	return caller, nil
}

// withRole splices instead of encoding anew, because a number such as
// 9007199254740993 must reach Postgres with all its digits.
func withRole(payload []byte, claims []member, role string) string {
	for _, m := range claims {
		switch {
		case m.name != "role":
		case m.raw[0] == '"' && unquote(m.raw) == role:
			return string(payload)
		default:
			return string(payload[:m.at]) + string(quote(role)) + string(payload[m.at+len(m.raw):])
		}
	}
	comma := ","
	if len(claims) == 0 {
		comma = ""
	}
	return `{"role":` + string(quote(role)) + comma + string(payload[1:])
}
