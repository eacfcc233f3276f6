package idempotency

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// Config is which requests may come with a key, and what becomes of the keys.
type Config struct {
	Header        string        `envconfig:"FLUXBASE_IDEMPOTENCY_HEADER" default:"Idempotency-Key" desc:"Header that names a write, so that it runs once although it is sent again."`
	Routes        []string      `envconfig:"FLUXBASE_IDEMPOTENCY_ROUTES" desc:"Paths whose writes may be named, comma separated; * stands for anything but /, as in /rest/v1/rpc/*. Elsewhere the header says nothing. Without it, all."`
	TTL           time.Duration `envconfig:"FLUXBASE_IDEMPOTENCY_TTL" default:"24h" desc:"How long a name is remembered, and what was answered; after that it is free for another request."`
	Wait          time.Duration `envconfig:"FLUXBASE_IDEMPOTENCY_WAIT" default:"5s" desc:"How long a request waits for one of the same name that is under way, before it gets 409; it holds a connection to the database meanwhile."`
	MaxAnswer     int64         `envconfig:"FLUXBASE_IDEMPOTENCY_MAX_ANSWER" default:"1048576" desc:"Bytes of an answer that is remembered. A named write with a longer one is answered with 413 and undone."`
	SweepInterval time.Duration `envconfig:"FLUXBASE_IDEMPOTENCY_SWEEP_INTERVAL" default:"1h" desc:"How often each process deletes names that are over."`
}

// Check applies the defaults to what is empty, zero or negative, and reports what is
// wrong with the rest.
func (c *Config) Check() error {
	var errs []error
	c.Header = cmp.Or(c.Header, "Idempotency-Key")
	if strings.Trim(strings.ToLower(c.Header), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		errs = append(errs, fmt.Errorf("FLUXBASE_IDEMPOTENCY_HEADER is %q: give the name of a header, such as Idempotency-Key", c.Header))
	}
	for _, pattern := range c.Routes {
		if _, err := path.Match(pattern, ""); err != nil {
			errs = append(errs, fmt.Errorf("FLUXBASE_IDEMPOTENCY_ROUTES has %q: close the [, or write \\[ if it is meant", pattern))
		}
	}
	if c.TTL <= 0 {
		c.TTL = 24 * time.Hour
	}
	if c.Wait <= 0 {
		c.Wait = 5 * time.Second
	}
	if c.MaxAnswer <= 0 {
		c.MaxAnswer = 1 << 20
	}
	if c.SweepInterval <= 0 {
		c.SweepInterval = time.Hour
	}
	return errors.Join(errs...)
}
