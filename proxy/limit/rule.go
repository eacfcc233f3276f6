package limit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// row is a rule as it stands in ratelimit.rules.
type row struct {
	Name    string
	Routes  string
	Per     string
	Rate    float64 // in a period
	Period  float64 // seconds
	Burst   int64
	Methods []string
	Role    string // empty is each
	Strict  bool
}

func (r *row) equal(o *row) bool {
	a, b := *r, *o
	a.Methods, b.Methods = nil, nil
	return slices.Equal(r.Methods, o.Methods) && a.Name == b.Name && a.Routes == b.Routes && a.Per == b.Per &&
		a.Rate == b.Rate && a.Period == b.Period && a.Burst == b.Burst && a.Role == b.Role && a.Strict == b.Strict
}

// Who shares one budget of a rule.
const (
	perIP     = "ip"
	perUser   = "user"
	perKey    = "key"
	perCaller = "caller"
	perRole   = "role"
	perAll    = "all"
)

// rule is a row that is ready for use, and the budgets of it that are in use here.
type rule struct {
	row
	rate   float64  // in a second
	block  int64    // most that is leased
	policy []string // the header RateLimit-Policy
	routes func(path string, classes []string) bool
	counts counts
	budgets
}

func newRule(r row, m *metrics) (*rule, error) {
	made := &rule{row: r, rate: r.Rate / r.Period, counts: m.of(r.Name)}
	if !r.Strict {
		made.block = r.Burst / 20
	}
	window := math.Ceil(float64(r.Burst)/made.rate - 1e-6)
	// One line of its own, at its full capacity: other rules add theirs behind it.
	made.policy = slices.Clip([]string{fmt.Sprintf("%q;q=%d;w=%.0f", r.Name, r.Burst, window)})
	var err error
	made.routes, err = routesOf(r.Routes)
	return made, err
}

// early tells a rule that is asked before anything is known of the caller but the address.
func (r *rule) early() bool { return r.Role == "" && (r.Per == perIP || r.Per == perAll) }

// fits tells whether a request is counted by r, of which who is nil while it is not known.
func (r *rule) fits(method, path string, classes []string, who *pg.Caller) bool {
	switch {
	case r.Methods != nil && !slices.Contains(r.Methods, method):
		return false
	case who == nil:
		break
	case r.Role != "" && r.Role != who.Role, r.Per == perUser && (who.Subject == "" || who.Key != ""), r.Per == perKey && who.Key == "":
		return false
	}
	return r.routes(path, classes)
}

// key tells budgets of a rule apart; it is made without any allocation.
type key struct {
	kind byte
	who  string
	addr netip.Addr
}

// keyOf names the budget of a request.
func (r *rule) keyOf(addr netip.Addr, who *pg.Caller) key {
	switch r.Per {
	case perIP:
		return key{addr: network(addr)}
	case perUser:
		return key{who: who.Subject}
	case perKey:
		return key{who: who.Key}
	case perRole:
		return key{who: who.Role}
	case perCaller:
		switch {
		case who.Key != "":
			return key{kind: 'k', who: who.Key}
		case who.Subject != "":
			return key{kind: 'u', who: who.Subject}
		}
		return key{kind: 'r', who: who.Role, addr: network(addr)}
	}
	return key{}
}

// network is what web.Origin names.
func network(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		prefix, _ := addr.Prefix(64) // valid for each
		return prefix.Addr()
	}
	return addr
}

// textOf is the key under which all processes know the budget.
func (r *rule) textOf(addr netip.Addr, who *pg.Caller) string {
	// Clients of a Unix socket of whom nobody tells share one budget.
	origin := cmp.Or(web.Origin(addr), "unknown")
	text := perAll
	switch r.Per {
	case perIP:
		text = "ip:" + origin
	case perUser:
		text = "user:" + who.Subject
	case perKey:
		text = "key:" + who.Key
	case perRole:
		text = "role:" + who.Role
	case perCaller:
		text = who.Identity(origin)
	}
	return r.Name + ":" + plain(text)
}

// unplain are the characters that mean something in an array of Postgres, or to the reader.
var unplain = regexp.MustCompile(`[^A-Za-z0-9._:@/+=~|-]`)

// plain gives a text that a key can be made of: itself, or its hash. A subject may be
// anything that was signed, such as a zero character, which no text of Postgres can hold.
func plain(text string) string {
	if len(text) <= 256 && !unplain.MatchString(text) {
		return text
	}
	kind, _, _ := strings.Cut(text, ":")
	if len(kind) > 16 || unplain.MatchString(kind) {
		kind = "hash"
	}
	sum := sha256.Sum256([]byte(text))
	return kind + ":sha256:" + hex.EncodeToString(sum[:])
}
