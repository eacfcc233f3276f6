package functions

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Config is how this process runs functions, and what each of them may take at most.
type Config struct {
	Deno           string        `envconfig:"FLUXBASE_DENO_BIN" desc:"Path of Deno 2, in which functions run. Without it, deno of PATH. Where there is none functions are not served, and all else is."`
	Dir            string        `envconfig:"FLUXBASE_FUNCTIONS_DIR" desc:"Folder for the code of functions and the sockets of their workers, of this process alone. Without it, one in the folder for temporary files, which is removed at the end."`
	UID            int           `envconfig:"FLUXBASE_FUNCTIONS_UID" default:"61200" desc:"Where the server runs as root: the user id of the first worker, and that of the others above it, so that they can do nothing to anybody else's files and processes. They must be able to run Deno. -1 leaves them root."`
	Workers        int           `envconfig:"FLUXBASE_FUNCTIONS_MAX_WORKERS" default:"20" desc:"Deno processes at once, those of all functions together. One that is needed beyond that waits until another can end."`
	Spares         int           `envconfig:"FLUXBASE_FUNCTIONS_SPARES" default:"1" desc:"Of these, how many are started before they are needed, so that a function's first request need not wait for that. -1 is none."`
	MaxWall        time.Duration `envconfig:"FLUXBASE_FUNCTIONS_MAX_WALL" default:"400s" desc:"The most that a function may set for the time of one request."`
	MaxCPU         time.Duration `envconfig:"FLUXBASE_FUNCTIONS_MAX_CPU" default:"60s" desc:"The most that a function may set for the processor time of one request."`
	MaxMemory      int           `envconfig:"FLUXBASE_FUNCTIONS_MAX_MEMORY_MB" default:"1024" desc:"The most that a function may set for the memory of one of its workers, in MiB."`
	MaxOutput      int64         `envconfig:"FLUXBASE_FUNCTIONS_MAX_OUTPUT_SIZE" default:"10485760" desc:"Bytes of an answer; what is beyond is cut off. The most that a function may set for itself."`
	MaxJobOutput   int64         `envconfig:"FLUXBASE_FUNCTIONS_MAX_JOB_OUTPUT_SIZE" default:"52428800" desc:"The same for a function that does a job."`
	MaxRequest     int64         `envconfig:"FLUXBASE_FUNCTIONS_MAX_REQUEST_SIZE" default:"104857600" desc:"The most bytes that a function may set for the body of a request. FLUXBASE_SERVER_BODY_LIMITS holds beside it."`
	MaxConcurrency int           `envconfig:"FLUXBASE_FUNCTIONS_MAX_CONCURRENCY" default:"1000" desc:"The most that a function may set for requests at once in one worker."`
	Region         string        `envconfig:"FLUXBASE_FUNCTIONS_REGION" default:"local" desc:"SB_REGION of functions, and of their invocations in the database."`
	AnonKey        string        `envconfig:"FLUXBASE_ANON_KEY" secret:"true" desc:"SUPABASE_ANON_KEY of functions. Without it, one is signed with FLUXBASE_JWT_SECRET."`
	ServiceKey     string        `envconfig:"FLUXBASE_SERVICE_ROLE_KEY" secret:"true" desc:"SUPABASE_SERVICE_ROLE_KEY of functions. Without it, one is signed with FLUXBASE_JWT_SECRET."`
	PublishableKey string        `envconfig:"FLUXBASE_PUBLISHABLE_KEY" secret:"true" desc:"The default in SUPABASE_PUBLISHABLE_KEYS of functions (sb_publishable_…). Without it, the anon key."`
	SecretKey      string        `envconfig:"FLUXBASE_SECRET_KEY" secret:"true" desc:"The default in SUPABASE_SECRET_KEYS of functions (sb_secret_…). Without it, the key of the service role."`
	DatabaseURL    string        `envconfig:"FLUXBASE_FUNCTIONS_DATABASE_URL" secret:"true" desc:"SUPABASE_DB_URL of functions, which may then connect to that host and port. Without it they reach no database but through the API."`
}

// Check applies the defaults to what is zero or negative, and reports the rest.
func (c *Config) Check() error {
	c.Workers = or(c.Workers, 20)
	if c.Spares == 0 {
		c.Spares = 1
	}
	c.Spares = min(max(c.Spares, 0), c.Workers)
	c.MaxWall, c.MaxCPU = or(c.MaxWall, 400*time.Second), or(c.MaxCPU, time.Minute)
	c.MaxMemory, c.MaxConcurrency = or(c.MaxMemory, 1024), or(c.MaxConcurrency, 1000)
	c.MaxOutput, c.MaxJobOutput, c.MaxRequest = or(c.MaxOutput, 10<<20), or(c.MaxJobOutput, 50<<20), or(c.MaxRequest, 100<<20)
	c.Region = cmp.Or(c.Region, "local")
	var errs []error
	for name, value := range map[string]string{"FLUXBASE_FUNCTIONS_REGION": c.Region, "FLUXBASE_FUNCTIONS_DATABASE_URL": c.DatabaseURL} {
		if strings.ContainsAny(value, "\x00\r\n") {
			errs = append(errs, fmt.Errorf("%s has a line break: give it on one line", name))
		}
	}
	return errors.Join(errs...)
}

func or[T int | int64 | time.Duration](value, other T) T {
	if value <= 0 {
		return other
	}
	return value
}
