package password

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Config is how passwords are hashed.
type Config struct {
	Memory      int           `envconfig:"FLUXBASE_AUTH_ARGON2_MEMORY" default:"19456" desc:"Memory of one argon2id hash of a password, in KiB: 7168 to 262144. This and the next two are OWASP's minimum by default. Hashes that are weaker are replaced when their owners sign in."`
	Iterations  int           `envconfig:"FLUXBASE_AUTH_ARGON2_ITERATIONS" default:"2" desc:"How often argon2id goes over that memory. Memory times iterations must be 35840 to 1048576 KiB: less is guessed too fast, more takes over a second."`
	Parallelism int           `envconfig:"FLUXBASE_AUTH_ARGON2_PARALLELISM" default:"1" desc:"Lanes of one hash, each on a core of its own while there are any: 1 to 16. With 1 a hash takes no more than one core."`
	Hashers     int           `envconfig:"FLUXBASE_AUTH_HASHERS" default:"0" desc:"Passwords hashed at the same time, each in a process of its own and of lower priority. Each takes up a core, the memory above, and some 5 MiB. 0 is all cores but one, and at least 1, so that other requests keep their speed while many sign in."`
	Queue       int           `envconfig:"FLUXBASE_AUTH_HASH_QUEUE" default:"1000" desc:"Passwords that may wait for this; one more is answered with 503 and Retry-After at once."`
	Wait        time.Duration `envconfig:"FLUXBASE_AUTH_HASH_WAIT" default:"10s" desc:"How long one may wait. What would wait longer, as things go, is answered with 503 at once."`
}

const (
	defaultMemory, minMemory  = 19456, 7168
	minWork                   = 35840 // 7 MiB five times, the least of what OWASP calls equal
	defaultWait, defaultQueue = 10 * time.Second, 1000
)

// Check applies the defaults to what is zero or negative, and reports what can't be.
func (c *Config) Check() error {
	for _, f := range [...]struct {
		field    *int
		fallback int
	}{
		{&c.Memory, defaultMemory},
		{&c.Iterations, 2},
		{&c.Parallelism, 1},
		{&c.Hashers, max(runtime.GOMAXPROCS(0)-1, 1)},
		{&c.Queue, defaultQueue},
	} {
		*f.field = cmp.Or(max(*f.field, 0), f.fallback)
	}
	c.Wait = cmp.Or(max(c.Wait, 0), defaultWait)

	var errs []error
	if c.Memory < minMemory || c.Memory > maxMemory {
		errs = append(errs, fmt.Errorf("FLUXBASE_AUTH_ARGON2_MEMORY is %d: give %d to %d KiB", c.Memory, minMemory, maxMemory))
	}
	if c.Parallelism > maxLanes {
		errs = append(errs, fmt.Errorf("FLUXBASE_AUTH_ARGON2_PARALLELISM is %d: give 1 to %d", c.Parallelism, maxLanes))
	}
	// Each factor is bounded first, so that the product is no larger than it looks.
	if work := c.Memory * min(c.Iterations, maxWork); work < minWork || work > maxWork {
		errs = append(errs, fmt.Errorf("FLUXBASE_AUTH_ARGON2_MEMORY times FLUXBASE_AUTH_ARGON2_ITERATIONS is %d: give values whose product is %d to %d KiB",
			work, minWork, maxWork))
	}
	return errors.Join(errs...)
}
