package limit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Config is where requests are counted.
type Config struct {
	Backend      string `envconfig:"FLUXBASE_RATELIMIT_BACKEND" default:"auto" desc:"Where requests are counted, once there are rules (ratelimit.set_rule): postgres; redis; memory, for a single process, which counts alone; off, which ignores all rules; auto takes redis if one of the two URLs below is set, else postgres."`
	RedisURL     string `envconfig:"FLUXBASE_REDIS_URL" secret:"true" desc:"Redis or Valkey that counts requests in place of Postgres: redis://USER:PASSWORD@HOST:6379/0, rediss:// with TLS. While it is away, Postgres counts."`
	DragonflyURL string `envconfig:"FLUXBASE_DRAGONFLY_URL" secret:"true" desc:"The same for Dragonfly; used if FLUXBASE_REDIS_URL is not set."`
}

const (
	inPostgres = "postgres"
	inRedis    = "redis"
	inMemory   = "memory"
	off        = "off"
	auto       = "auto"
)

// Check reports what can't be.
func (c *Config) Check() error {
	c.Backend = cmp.Or(strings.ToLower(c.Backend), auto)
	var errs []error
	if known := []string{auto, inPostgres, inRedis, inMemory, off}; !slices.Contains(known, c.Backend) {
		errs = append(errs, fmt.Errorf("FLUXBASE_RATELIMIT_BACKEND is %q: give %s", c.Backend, strings.Join(known, ", ")))
	}
	for _, u := range [...]struct{ name, url string }{{"FLUXBASE_REDIS_URL", c.RedisURL}, {"FLUXBASE_DRAGONFLY_URL", c.DragonflyURL}} {
		if _, err := redis.ParseURL(u.url); u.url != "" && err != nil { // the error may hold the password
			errs = append(errs, fmt.Errorf("%s is not a URL of Redis: write redis://USER:PASSWORD@HOST:6379/0", u.name))
		}
	}
	if c.Backend == inRedis && c.url() == "" {
		errs = append(errs, errors.New("FLUXBASE_RATELIMIT_BACKEND is redis: give FLUXBASE_REDIS_URL too"))
	}
	return errors.Join(errs...)
}

func (c *Config) url() string { return cmp.Or(c.RedisURL, c.DragonflyURL) }

// Off tells that no rule is asked for.
func (c *Config) Off() bool { return c.Backend == off }

// backend is where requests are counted.
func (c *Config) backend() string {
	switch {
	case c.Backend != auto:
		return c.Backend
	case c.url() != "":
		return inRedis
	}
	return inPostgres
}
