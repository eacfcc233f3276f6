package realtime

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// registry is which parties Postgres knows by a number. It belongs to the goroutine
// that follows the stream.
type registry struct {
	key   string // under which the database shows them
	ids   map[int64]*party
	last  map[string]int64 // the greatest id of a role
	size  map[string]int   // how many of a role are registered
	swept time.Time
}

// claimsPatience is how long claims stay registered with which nobody listens: who
// comes back soon finds what was decided.
const claimsPatience = time.Minute

func (r *registry) reset() {
	for _, p := range r.ids {
		p.id = 0
	}
	r.key = newKey()
	r.ids, r.last, r.size = map[int64]*party{}, map[string]int64{}, map[string]int{}
}

// newKey draws a secret in the form of a UUID.
func newKey() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// register has Postgres know parties of a role.
func (h *Hub) register(ctx context.Context, role string, list []*party) error {
	if len(list) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, seeTimeout)
	defer cancel()
	claims := make([]string, len(list))
	for i, p := range list {
		claims[i] = p.claims
	}
	res, err := h.Emit.Do(ctx, &pg.Tx{Main: pg.Statement{
		SQL:  `select array_to_json(realtime.register_claims($1, $2, $3, $4))::text`,
		Args: [][]byte{[]byte(h.Lease), []byte(h.claims.key), []byte(role), textArray(claims)},
	}})
	if err != nil {
		return err
	}
	defer res.Free()
	var ids []int64
	if err := json.Unmarshal(res.Values[0], &ids); err != nil || len(ids) != len(list) {
		return errors.New("realtime.register_claims is not that of this release")
	}
	h.audience.mu.Lock()
	defer h.audience.mu.Unlock()
	for i, p := range list {
		p.id, p.known = ids[i], true
		h.claims.ids[p.id] = p
		if h.audience.parties[p.caller] == nil {
			h.audience.parties[p.caller] = p // has left meanwhile, and may come back
		}
	}
	h.claims.last[role] = ids[len(ids)-1]
	h.claims.size[role] += len(ids)
	return nil
}

// release has Postgres forget with which claims nobody has listened for a while.
func (h *Hub) release(ctx context.Context, now time.Time) {
	if now.Sub(h.claims.swept) < claimsPatience/6 {
		return
	}
	h.claims.swept = now
	var ids []string
	h.audience.mu.Lock()
	for id, p := range h.claims.ids {
		if p.refused.Load() || p.channels == 0 && now.Sub(p.left) > claimsPatience {
			ids = append(ids, strconv.FormatInt(id, 10))
			p.id, p.known = 0, false
			if p.channels == 0 && h.audience.parties[p.caller] == p {
				delete(h.audience.parties, p.caller)
			}
			h.claims.size[p.role]--
			delete(h.claims.ids, id)
		}
	}
	h.audience.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, seeTimeout)
	defer cancel()
	res, err := h.Emit.Do(ctx, &pg.Tx{Main: pg.Statement{
		SQL:  `select realtime.release_claims($1, $2)`,
		Args: [][]byte{[]byte(h.Lease), []byte("{" + strings.Join(ids, ",") + "}")},
	}})
	if err != nil {
		// The next statement finds too many, and all are registered anew.
		h.Log.Warn("claims could not be released", "error", err)
		return
	}
	res.Free()
}
