package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// identity is on whose behalf a channel listens and sends.
type identity struct {
	pg.Caller
	token string
	// expires is when it is over; zero is never.
	expires time.Time
	// user is the subject of the token; empty if it names none.
	user string
}

// tokenSkew is how much longer than it says a token counts, as in package token.
// Meanwhile a client that is a little late with its refresh keeps its channels.
const tokenSkew = 30 * time.Second

// denied is an error that says that the caller may not.
type denied string

func (d denied) Error() string { return string(d) }

// identify verifies a token or API key. Its error is a reason for the client.
func (h *Hub) identify(ctx context.Context, text string, at netip.Addr) (identity, error) {
	who, err := h.verify(ctx, text, at)
	if err == nil {
		return who, nil
	}
	switch e := web.AsError(err); {
	case e.Code == "PGRST303" && e.Message == "JWT expired":
		return identity{}, denied("InvalidJWTToken: Token has expired")
	case e.Code == "PGRST303":
		return identity{}, denied("InvalidJWTToken: " + e.Message)
	case e.Status == http.StatusServiceUnavailable:
		return identity{}, errDatabase
	case strings.HasPrefix(e.Code, "key_"):
		return identity{}, denied("Unauthorized: " + e.Message)
	case e.Details != nil:
		return identity{}, denied("JwtSignatureError: Failed to validate JWT signature")
	}
	return identity{}, denied("MalformedJWT: The token provided is not a valid JWT")
}

// verify is identify with the errors of package token.
func (h *Hub) verify(ctx context.Context, text string, at netip.Addr) (identity, error) {
	caller, err := h.Tokens.Caller(ctx, http.Header{"Authorization": {"Bearer " + text}, "Apikey": {text}}, from(at))
	if err != nil {
		return identity{}, err
	}
	return newIdentity(caller, text), nil
}

func newIdentity(caller pg.Caller, text string) identity {
	who := identity{Caller: caller, token: text}
	if caller.Scope != nil {
		who.expires = caller.Scope.Ends
	}
	var claims struct {
		Exp *float64
		Sub any
	}
	if err := json.Unmarshal([]byte(caller.Claims), &claims); err == nil && claims.Exp != nil {
		// Beyond all time is never.
		if at := *claims.Exp; at < 1<<40 {
			who.expires = time.Unix(int64(at), 0).Add(tokenSkew)
		}
	}
	if sub, _ := claims.Sub.(string); isName(sub) {
		who.user = sub
	}
	return who
}

// mayEnd tells those whom a change of the service keys may concern.
func (who *identity) mayEnd() bool { return who.Key != "" || who.Role == serviceRole }

// Recheck holds the channels of service keys, and of JWTs of the service role, against
// new keys: those of a key that has ended are closed, and the others end when it does.
// It waits for no client.
func (h *Hub) Recheck(keys *token.ServiceKeys) {
	h.keys.Store(keys) // before the channels are listed, see join
	h.mu.Lock()
	clients := slices.Collect(maps.Keys(h.clients))
	h.mu.Unlock()
	for _, c := range clients {
		for _, ch := range c.all() {
			c.recheck(ch, keys)
		}
	}
}

func (c *client) recheck(ch *channel, keys *token.ServiceKeys) {
	who := ch.who.Load()
	if keys == nil || !who.mayEnd() {
		return
	}
	caller, err := c.hub.Tokens.Recheck(keys, who.token, from(c.address))
	if err != nil {
		c.shut(ch, "Unauthorized: "+web.AsError(err).Message)
		return
	}
	again := newIdentity(caller, who.token)
	if again.expires.Equal(who.expires) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch.who.CompareAndSwap(who, &again) && c.channels[ch.wire] == ch {
		c.expire(ch)
	}
}

// expired says so, for the client.
func (who *identity) expired(now time.Time) error {
	if who.expires.IsZero() || now.Before(who.expires) {
		return nil
	}
	return denied(fmt.Sprintf("InvalidJWTToken: Token has expired %.0f seconds ago", now.Sub(who.expires.Add(-tokenSkew)).Seconds()))
}

// access is what a channel may do.
type access struct {
	readBroadcast, writeBroadcast, readPresence, writePresence bool
}

func (a access) reads() bool { return a.readBroadcast || a.readPresence }

const serviceRole = "service_role"

// searchPath is that of functions which policies call.
const searchPath = "public, extensions"

var errDatabase = errors.New("DatabaseConnectionIssue: The database can't be reached; try again")

// pool is the login that may become a caller.
func (h *Hub) pool(who pg.Caller) *pg.DB {
	if who.Role == serviceRole && h.Service != nil {
		return h.Service
	}
	return h.Anon
}

// authorizeSQL leaves the role set and probe rows behind; its transaction is undone.
const authorizeSQL = `select a.read_broadcast, a.write_broadcast, a.read_presence, a.write_presence` +
	` from realtime.authorize($1, $2, $3) as a`

// access asks the policies. All may use a public channel. Its error is a reason for
// the client.
func (h *Hub) access(ctx context.Context, ch *channel) (access, error) {
	if !ch.private {
		return access{true, true, true, true}.within(ch.who.Load().Scope), nil
	}
	return h.authorize(ctx, ch.client.request, ch.who.Load().Caller, ch.topic)
}

// within is what of the access the scope of the caller's key leaves.
func (a access) within(scope *pg.Scope) access {
	if scope != nil && scope.ReadOnly {
		a.writeBroadcast, a.writePresence = false, false
	}
	return a
}

func (h *Hub) authorize(ctx context.Context, request string, who pg.Caller, topic string) (access, error) {
	begun := time.Now()
	res, err := h.pool(who).Do(ctx, &pg.Tx{
		SearchPath: searchPath,
		RequestID:  request,
		Rollback:   true,
		Main:       pg.Statement{SQL: authorizeSQL, Args: [][]byte{[]byte(topic), []byte(who.Role), []byte(who.Claims)}},
	})
	h.metrics.authorize.Observe(time.Since(begun).Seconds())
	var fault *pgconn.PgError
	switch {
	case errors.As(err, &fault):
		h.Log.WarnContext(ctx, "the rights in a channel could not be decided", "request_id", request, "topic", topic, "role", who.Role, "error", err)
		return access{}, denied("Unauthorized: The policies of this Channel topic could not be evaluated: " + topic)
	case err != nil:
		return access{}, errDatabase
	}
	defer res.Free()
	may := func(i int) bool { return len(res.Values) == 4 && string(res.Values[i]) == "t" }
	return access{may(0), may(1), may(2), may(3)}.within(who.Scope), nil
}
