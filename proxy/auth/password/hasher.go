package password

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/wait"
)

// maxBytes and MaxLength bound a password, in bytes of UTF-8 and in characters.
const (
	maxBytes  = 4 * MaxLength
	MaxLength = 1000
)

// Hasher hashes and verifies passwords, as many at a time as it is configured to. Its methods may
// return hashers_busy (503 with Retry-After), and request_timeout when ctx has ended.
type Hasher struct {
	own     argon2Hash // the parameters of new hashes
	compute func(request []byte) (answer []byte, err error)
	gate    gate
	metrics metrics
	even    atomic.Int64 // nanoseconds; see evenOut
}

// New makes a Hasher. cfg must have passed Check. compute gives what Compute does, wherever.
func New(cfg Config, compute func(request []byte) (answer []byte, err error), reg prometheus.Registerer) *Hasher {
	h := &Hasher{
		own: argon2Hash{
			id: true, memory: uint32(cfg.Memory), passes: uint32(cfg.Iterations), lanes: uint8(cfg.Parallelism),
			sum: make([]byte, sumBytes),
		},
		compute: compute,
		gate:    gate{places: make(chan struct{}, cfg.Hashers), queue: int64(cfg.Queue), wait: cfg.Wait},
	}
	h.metrics = newMetrics(reg, &h.gate)
	h.gate.refused = h.metrics.refused
	return h
}

// ErrHash is what Verify and CheckHash return for a text that is no hash of a known form, or one
// that would cost too much to verify; errors.Is tells.
var ErrHash = errors.New("the hash is of no form that can be verified")

// errNoAnswer is of whoever computes, and never a verdict.
var errNoAnswer = errors.New("what computes hashes gave no answer to what it was asked")

// Hash returns what is to be stored for a password: $argon2id$v=19$m=...,t=...,p=...$salt$hash.
// The password must have passed Rules.Check.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	made := h.own
	made.salt = make([]byte, saltBytes)
	_, _ = rand.Read(made.salt) // never fails
	answer, _, err := h.ask(ctx, made.algorithm(), toMake(&made, password))
	if err != nil {
		return "", err
	}
	if CheckHash(string(answer)) != nil {
		return "", errNoAnswer
	}
	return string(answer), nil
}

// Verify tells whether password is the one of which stored is the hash, and if so, whether to put
// the result of Hash in its place, because it is weaker than new ones are. An empty stored is of a
// user without a password: nothing is right then. A failure takes as long for any user, so a
// caller who answers all failures alike tells nobody which users there are, and how their
// passwords are stored. An error that is ErrHash is one to log and to answer like a wrong
// password; any other means that nothing was checked.
func (h *Hasher) Verify(ctx context.Context, stored, password string) (ok, upgrade bool, err error) {
	if stored == "" || len(password) > maxBytes {
		return false, false, h.verifyNothing(ctx, password)
	}
	hash, unreadable := parse(stored)
	if unreadable != nil {
		return false, false, cmp.Or(h.verifyNothing(ctx, password), unreadable)
	}
	ok, asTyped, err := h.match(ctx, hash.algorithm(), stored, password)
	return ok, ok && (asTyped || h.weaker(hash)), err
}

// verifyNothing takes as long as Verify of a wrong password, for a user who is not there.
func (h *Hasher) verifyNothing(ctx context.Context, password string) error {
	nothing := h.own
	nothing.salt = make([]byte, saltBytes)
	if len(password) > maxBytes {
		password = password[:maxBytes]
	}
	_, _, err := h.match(ctx, nothing.algorithm(), nothing.String(), password)
	return err
}

// match tells whether a password is right, and whether it is only as it was typed.
func (h *Hasher) match(ctx context.Context, algorithm, stored, password string) (ok, asTyped bool, err error) {
	answer, took, err := h.ask(ctx, algorithm, toVerify(stored, password))
	if err != nil {
		return false, false, err
	}
	switch v := verdict(answer); v {
	case right, rightAsTyped:
		return true, v == rightAsTyped, nil
	case wrong:
		h.evenOut(ctx, took)
		return false, false, nil
	}
	return false, false, errNoAnswer
}

// evenOut makes failures of all kinds of hashes take the same time: as long as all but the slowest
// few of late. It follows slow ones fast and forgets them slowly, and rests without a hasher.
func (h *Hasher) evenOut(ctx context.Context, took time.Duration) {
	const most = 2 * time.Second
	even := time.Duration(h.even.Load())
	if took > even {
		even += (took - even) / 8
	} else {
		even -= (even - took) / 1024
	}
	even = min(even, most)
	h.even.Store(int64(even))
	if took < even {
		wait.For(ctx, even-took)
	}
}

// ask has a request computed, and tells how long that took.
func (h *Hasher) ask(ctx context.Context, algorithm string, request []byte) (answer []byte, took time.Duration, err error) {
	noPlace := h.do(ctx, algorithm, func() {
		start := time.Now()
		answer, err = h.compute(request)
		took = time.Since(start)
	})
	return answer, took, cmp.Or(noPlace, err)
}

// do runs one hash when its turn has come. It is not interrupted then: it takes a fraction of a
// second.
func (h *Hasher) do(ctx context.Context, algorithm string, hash func()) error {
	if err := h.gate.enter(ctx); err != nil {
		return err
	}
	start := time.Now()
	defer func() {
		took := time.Since(start)
		h.gate.leave(took)
		h.metrics.seconds.WithLabelValues(algorithm).Observe(took.Seconds())
	}()
	hash()
	return nil
}

// weaker tells whether a stored hash is weaker than a new one would be.
func (h *Hasher) weaker(hash verifier) bool {
	is, ok := hash.(*argon2Hash)
	return !ok || !is.id || is.memory < h.own.memory || is.passes < h.own.passes ||
		len(is.salt) < saltBytes || len(is.sum) < sumBytes
}
