package pg

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config is how the proxy reaches the database.
type Config struct {
	DatabaseURL           string        `envconfig:"FLUXBASE_DATABASE_URL" secret:"true" pgrst:"db-uri" file:"true" dropin:"postgresql://" desc:"Where requests run: a URL or key=value string of a login that may become anon and authenticated (authenticator). May go through a pooler. Required."`
	ServiceDatabaseURL    string        `envconfig:"FLUXBASE_SERVICE_DATABASE_URL" secret:"true" desc:"The login that may become service_role (fluxbase_service), on a pool of its own, so that an injection through the first can never reach it. Without it the service role is served by the first login, if that may become it."`
	MaxConnections        int           `envconfig:"FLUXBASE_DATABASE_MAX_CONNECTIONS" default:"50" pgrst:"db-pool" dropin:"10" desc:"Connections of this process to the database, all pools together. Divide what max_connections leaves by the number of processes."`
	MinConnections        int           `envconfig:"FLUXBASE_DATABASE_MIN_CONNECTIONS" default:"10" dropin:"1" desc:"Connections kept open when idle, so that a burst doesn't wait for log-ins."`
	ServiceMaxConnections int           `envconfig:"FLUXBASE_SERVICE_DATABASE_MAX_CONNECTIONS" default:"10" desc:"How many of the connections belong to the service login."`
	AcquireTimeout        time.Duration `envconfig:"FLUXBASE_DATABASE_ACQUIRE_TIMEOUT" default:"10s" pgrst:"db-pool-acquisition-timeout" desc:"How long a request waits for a free connection before it gets 504 PGRST003. Longer queues only hide a pool that is too small."`
	ConnectTimeout        time.Duration `envconfig:"FLUXBASE_DATABASE_CONNECT_TIMEOUT" default:"5s" desc:"How long one attempt to connect may take; less than the wait for a connection, so that a dead host is named in the error."`
	MaxLifetime           time.Duration `envconfig:"FLUXBASE_DATABASE_MAX_LIFETIME" default:"30m" pgrst:"db-pool-max-lifetime" desc:"After this long a connection is replaced, so that backends don't grow and fail-overs are noticed."`
	MaxIdleTime           time.Duration `envconfig:"FLUXBASE_DATABASE_MAX_IDLE_TIME" default:"30s" pgrst:"db-pool-max-idletime,db-pool-timeout" desc:"Idle connections beyond the minimum are closed after this long."`
	PreparedStatements    bool          `envconfig:"FLUXBASE_DATABASE_PREPARED_STATEMENTS" default:"true" pgrst:"db-prepared-statements" desc:"Name statements and use them again. Set to false behind PgBouncer in transaction mode before 1.21."`
	NameRequests          bool          `envconfig:"FLUXBASE_DATABASE_NAME_REQUESTS" default:"false" desc:"Make application_name \"fluxbase REQUEST_ID\" for as long as a request's transaction lasts, so that Postgres's log (%a in log_line_prefix) and pg_stat_activity name the request of each line."`
	StatementCache        int           `envconfig:"FLUXBASE_DATABASE_STATEMENT_CACHE" default:"500" desc:"Prepared statements kept on each connection; bounds the memory of a backend, which holds a plan for each. Their texts take at most 1 MiB."`

	// MaxAnswer is how many bytes what is made of rows may have (Tx.Rows); 0 is 1 GiB.
	MaxAnswer int `ignored:"true"`
}

// Check applies the defaults to zero or negative numbers and reports what is
// wrong with the rest.
func (c *Config) Check() error {
	c.MaxConnections = orDefault(c.MaxConnections, 50)
	c.MinConnections = min(orDefault(c.MinConnections, 10), c.MaxConnections)
	c.ServiceMaxConnections = orDefault(c.ServiceMaxConnections, 10)
	c.AcquireTimeout = orDefault(c.AcquireTimeout, 10*time.Second)
	c.ConnectTimeout = orDefault(c.ConnectTimeout, 5*time.Second)
	c.MaxLifetime = orDefault(c.MaxLifetime, 30*time.Minute)
	c.MaxIdleTime = orDefault(c.MaxIdleTime, 30*time.Second)
	c.StatementCache = orDefault(c.StatementCache, 500)

	c.DatabaseURL = strings.TrimSpace(c.DatabaseURL) // it may come from a file
	var errs []error
	if c.DatabaseURL == "" {
		errs = append(errs, errors.New("FLUXBASE_DATABASE_URL is not set: give the URL of the login that requests run as, postgres://authenticator:PASSWORD@HOST/DATABASE (fluxbase migrate up makes the login)"))
	} else {
		errs = append(errs, checkURL("FLUXBASE_DATABASE_URL", c.DatabaseURL))
	}
	if c.ServiceDatabaseURL != "" {
		errs = append(errs, checkURL("FLUXBASE_SERVICE_DATABASE_URL", c.ServiceDatabaseURL))
		if c.ServiceMaxConnections >= c.MaxConnections {
			errs = append(errs, fmt.Errorf("FLUXBASE_SERVICE_DATABASE_MAX_CONNECTIONS is %d of %d: leave some of FLUXBASE_DATABASE_MAX_CONNECTIONS to requests", c.ServiceMaxConnections, c.MaxConnections))
		}
	}
	return errors.Join(errs...)
}

// checkURL says what is wrong with a connection string, without the string:
// it holds a password.
func checkURL(name, url string) error {
	if _, err := pgxpool.ParseConfig(url); err != nil {
		return fmt.Errorf("%s is not a connection string: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password percent-encoded", name)
	}
	return nil
}

func orDefault[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}
