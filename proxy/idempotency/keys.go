package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/wait"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Keys reads the keys of requests.
type Keys struct {
	cfg      Config
	header   string
	outcomes *prometheus.CounterVec
}

// New makes Keys. cfg must have passed Check.
func New(cfg Config, reg prometheus.Registerer) *Keys {
	k := &Keys{cfg: cfg, header: http.CanonicalHeaderKey(cfg.Header)}
	k.outcomes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fluxbase_idempotency_requests_total",
		Help: "Requests with an idempotency key, by what they came to: first, replayed, in_progress, mismatch or failed.",
	}, []string{"outcome"})
	reg.MustRegister(k.outcomes)
	return k
}

// Of is the key that a request came with; empty if it has none, or its path takes none.
func (k *Keys) Of(hr *http.Request) (string, error) {
	values := hr.Header[k.header]
	if len(values) == 0 || k.Header(hr.URL.Path) == "" {
		return "", nil
	}
	if len(values) == 1 {
		if key, ok := parse(values[0]); ok {
			return key, nil
		}
	}
	e := web.New("idempotency_key_invalid", "the header "+k.header+" is not one key")
	e.Hint = "send 1 to 256 printable ASCII characters, such as a UUID, once; in double quotes if there are spaces, commas or semicolons among them"
	return "", e
}

// Header is the name of the header that has the key of a write to the path p; empty if
// that takes none.
func (k *Keys) Header(p string) string {
	if len(k.cfg.Routes) > 0 && !slices.ContainsFunc(k.cfg.Routes, func(pattern string) bool {
		ok, _ := path.Match(pattern, p) // which Check has tried
		return ok
	}) {
		return ""
	}
	return k.header
}

const maxKey = 256

// parse reads a key: a string of RFC 9651, or its characters as they are where none of
// them could end it.
func parse(s string) (key string, ok bool) {
	inner, quoted := strings.CutPrefix(s, `"`)
	if !quoted {
		bad := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`",;`, r) }
		return s, 0 < len(s) && len(s) <= maxKey && !strings.ContainsFunc(s, bad)
	}
	inner, ok = strings.CutSuffix(inner, `"`)
	if !ok {
		return "", false
	}
	b := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		switch {
		case c == '\\' && i+1 < len(inner) && (inner[i+1] == '\\' || inner[i+1] == '"'):
			i++
			c = inner[i]
		case c == '\\' || c == '"' || c < ' ' || c > '~':
			return "", false
		}
		b = append(b, c)
	}
	return string(b), 0 < len(b) && len(b) <= maxKey
}

// decisive are the headers that say with method, URL and body what a request does and
// how it is answered.
var decisive = [...]string{"Accept", "Content-Profile", "Content-Type", "If-Match", "If-None-Match", "Prefer"}

// Request is one that came with a key.
type Request struct {
	keys *Keys
	// scope is whom the key belongs to.
	scope, key, fingerprint string
	// Before runs as the caller before an answer is repeated to it: it may refuse.
	Before []pg.Statement
	// Foreseen is the answer, where it is known already; else nil.
	Foreseen *Foreseen
}

// maxScope is how long a scope is kept as it is.
const maxScope = 512

// Request is the request hr of caller, who is at address, with its key and its body.
func (k *Keys) Request(key string, hr *http.Request, caller *pg.Caller, address netip.Addr, body []byte) *Request {
	scope := caller.Identity(web.Origin(address))
	if len(scope) > maxScope {
		sum := sha256.Sum256([]byte(scope))
		scope = "sha256:" + hex.EncodeToString(sum[:])
	}
	h := sha256.New()
	add := func(s string) { // with its length, so that no two lists read the same
		var size [8]byte
		h.Write(binary.BigEndian.AppendUint64(size[:0], uint64(len(s))))
		h.Write([]byte(s))
	}
	for _, s := range [...]string{caller.Role, hr.Method, hr.URL.EscapedPath(), hr.URL.RawQuery} {
		add(s)
	}
	for _, name := range decisive {
		add(strings.Join(hr.Header[name], ","))
	}
	h.Write(body)
	return &Request{keys: k, scope: scope, key: key, fingerprint: `\x` + hex.EncodeToString(h.Sum(nil))}
}

const (
	sweepBatch   = 1000
	sweepTimeout = time.Minute
	canSweep     = `select coalesce(has_function_privilege(to_regprocedure('idempotency.sweep(integer)')::oid, 'execute'), false)::text`
	sweep        = `select idempotency.sweep($1::integer)::text`
)

// Sweep deletes keys that are over, now and then, until ctx ends. A database that has
// none is left alone.
func (k *Keys) Sweep(ctx context.Context, db *pg.DB, log *slog.Logger) {
	pause := rand.N(k.cfg.SweepInterval) // so that processes that start together don't sweep together
	for wait.For(ctx, pause) {
		pause = k.cfg.SweepInterval
		if err := sweepAll(ctx, db); err != nil && ctx.Err() == nil {
			log.Warn("idempotency keys that are over could not be deleted", "error", err)
		}
	}
}

func sweepAll(ctx context.Context, db *pg.DB) error {
	answer, err := ask(ctx, db, pg.ReadOnly, pg.Statement{SQL: canSweep})
	if err != nil || answer != "true" {
		return err
	}
	for {
		answer, err := ask(ctx, db, pg.ReadWrite, pg.Statement{SQL: sweep, Args: [][]byte{strconv.AppendInt(nil, sweepBatch, 10)}})
		if err != nil {
			return err
		}
		if n, _ := strconv.Atoi(answer); n < sweepBatch {
			return nil
		}
	}
}

func ask(ctx context.Context, db *pg.DB, mode pg.Mode, st pg.Statement) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	res, err := db.Do(ctx, &pg.Tx{Mode: mode, Main: st})
	if err != nil {
		return "", err
	}
	defer res.Free()
	return string(res.Values[0]), nil
}
