package auth

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// serviceRole is whom the functions of schema auth are for.
const serviceRole = "service_role"

// read decodes the body, a JSON object. What in does not have is none of ours: clients
// of other releases send more. An empty body is {}.
func (c *call) read(in any) error {
	if c.body == nil {
		body, err := web.ReadBody(c.r)
		if err != nil {
			return err
		}
		c.body = body
	}
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, in); err != nil {
		return refuse("bad_json", "the body is not a JSON object of the fields that this route takes").Because(err)
	}
	return nil
}

// address is that of the client, as an argument of type inet.
func (c *call) address() []byte {
	if !c.w.Address.IsValid() {
		return nil
	}
	return []byte(c.w.Address.String())
}

// agent is the client as it names itself.
func (c *call) agent() []byte { return text(strings.ToValidUTF8(c.r.UserAgent(), "")) }

// text is an argument; an empty one is null. No text of Postgres holds a zero byte.
func text(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(strings.ReplaceAll(s, "\x00", ""))
}

// bytea is an argument of that type.
func bytea(b []byte) []byte { return []byte(`\x` + hex.EncodeToString(b)) }

func boolean(b bool) []byte { return strconv.AppendBool(nil, b) }

// object is an argument of type jsonb; null and nothing are null.
func object(raw json.RawMessage) []byte {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	return raw
}

// ask calls a function of schema auth, sql gives one jsonb. A document with an error is
// that refusal.
func (h *Handler) ask(c *call, mode pg.Mode, sql string, args ...[]byte) ([]byte, error) {
	tx := pg.ForRequest(c.w, c.r, pg.Caller{Role: serviceRole, Claims: c.caller.Claims}, mode, sql, args)
	doc, err := h.DB.Value(c.r.Context(), tx)
	if ran := announced(doc); ran != nil {
		doc, err = h.announce(c.r.Context(), tx, ran)
	}
	var own *web.Error
	switch {
	case errors.As(err, &own):
		return nil, own
	case err != nil:
		return nil, web.FromPostgres(err, false)
	}
	if err := refusal(doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// answer sends JSON.
func (c *call) answer(status int, body []byte) error { return web.SendJSON(c.w, status, body) }

// bearer is the user whose access token the request brings: its session and its subject.
type bearer struct {
	Session string `json:"session_id"`
	Subject string `json:"sub"`
	Email   string `json:"email"`
	AAL     string `json:"aal"`
	Expires int64  `json:"exp"`
	// Act is who acts in the user's place, if anybody does.
	Act json.RawMessage `json:"act"`
}

// signedIn wants the access token of a user.
func (h *Handler) signedIn(c *call) (b bearer, err error) {
	authorization := c.r.Header.Get("Authorization")
	if authorization == "" {
		return b, refuse("no_authorization", "This endpoint requires a Bearer token")
	}
	caller, err := h.Tokens.Caller(c.r.Context(), http.Header{"Authorization": {authorization}}, token.From{Module: "auth", Address: c.w.Address})
	if err != nil {
		return b, badToken(err)
	}
	if err := json.Unmarshal([]byte(caller.Claims), &b); err != nil {
		return b, refuse("bad_jwt", "invalid JWT: a claim is of another type than it should be").Because(err)
	}
	switch {
	case b.Subject == "":
		return b, refuse("bad_jwt", "invalid claim: missing sub claim")
	case !isUUID(b.Subject):
		return b, refuse("bad_jwt", "invalid claim: sub claim must be a UUID")
	case !isUUID(b.Session):
		return b, refuse("session_not_found", "Session from session_id claim in JWT does not exist")
	}
	if b.Act != nil && !ofImpersonator[c.r.Method+" "+c.w.Route] {
		return b, refuse("impersonated", "who acts in a user's place cannot do this")
	}
	c.caller, c.w.User = caller, caller.Subject
	return b, nil
}

// isUUID tells a UUID as tokens and paths hold it (RFC 9562, section 4).
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}
