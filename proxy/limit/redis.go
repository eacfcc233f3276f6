package limit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed gcra.lua
var gcraLua string

var gcra = redis.NewScript(gcraLua)

// redisPatience is short, because requests wait for it.
const redisPatience = 500 * time.Millisecond

// keyPrefix keeps our keys apart from what else is in a Redis.
const keyPrefix = "fluxbase:ratelimit:"

// inRedisElse counts in Redis, and elsewhere while that is away.
type inRedisElse struct {
	client *redis.Client
	other  backend
	log    *slog.Logger
	down   atomic.Bool
	fell   func() // counts the calls that went elsewhere
}

func newRedis(url string, other backend, log *slog.Logger, fell func()) (*inRedisElse, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("the URL of Redis does not parse") // Check has said more
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = redisPatience, redisPatience, redisPatience, redisPatience
	o.MaxRetries, o.ContextTimeoutEnabled = -1, true
	o.DisableIdentity = true // Dragonfly and older ones know no CLIENT SETINFO
	return &inRedisElse{client: redis.NewClient(o), other: other, log: log, fell: fell}, nil
}

func (r *inRedisElse) name() string {
	if r.down.Load() {
		return r.other.name()
	}
	return inRedis
}

func (r *inRedisElse) take(ctx context.Context, items []take, partial bool) ([]grant, error) {
	if !r.down.Load() {
		grants, err := r.ask(ctx, items, partial)
		if err == nil {
			return grants, nil
		}
		r.note(err)
	}
	r.fell()
	return r.other.take(ctx, items, partial)
}

func (r *inRedisElse) ask(ctx context.Context, items []take, partial bool) ([]grant, error) {
	grants, err := r.pipe(ctx, items, partial)
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // it has started anew; nothing was taken
		if err = gcra.Load(ctx, r.client).Err(); err == nil {
			grants, err = r.pipe(ctx, items, partial)
		}
	}
	return grants, err
}

func (r *inRedisElse) pipe(ctx context.Context, items []take, partial bool) ([]grant, error) {
	pipe := r.client.Pipeline()
	answers := make([]*redis.Cmd, len(items))
	part := 0
	if partial {
		part = 1
	}
	for i, it := range items {
		answers[i] = gcra.EvalSha(ctx, pipe, []string{keyPrefix + it.key}, it.rate, it.burst, it.cost, part)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	grants := make([]grant, len(items))
	for i, a := range answers {
		list, err := a.Slice()
		if err != nil || len(list) != 4 {
			return nil, fmt.Errorf("read the answer of Redis: %w", err)
		}
		g := &grants[i]
		g.granted, _ = list[0].(int64)
		g.remaining, _ = list[1].(int64)
		if g.retry = microsOf(list[2]); g.retry < 0 {
			g.retry = forever
		}
		g.reset = microsOf(list[3])
	}
	return grants, nil
}

// microsOf reads a number that may be too large for Lua's integers.
func microsOf(v any) time.Duration {
	text, _ := v.(string)
	n, _ := strconv.ParseFloat(text, 64)
	return micros(n)
}

// tidy looks after Redis too: it forgets by itself, but may be back.
func (r *inRedisElse) tidy(ctx context.Context) error { return r.other.tidy(ctx) }

// watch looks whether Redis is back.
func (r *inRedisElse) watch(ctx context.Context) {
	if r.down.Load() {
		r.note(r.client.Ping(ctx).Err())
	}
}

// note logs when it goes and when it comes back.
func (r *inRedisElse) note(err error) {
	down := err != nil
	if r.down.Swap(down) == down {
		return
	}
	if down {
		r.log.Warn("Redis is away: requests are counted elsewhere, with budgets that begin full", "in", r.other.name(), "error", err)
		return
	}
	r.log.Info("Redis is back: requests are counted there again")
}
