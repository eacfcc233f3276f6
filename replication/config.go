package replication

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
)

// Config is how changes are read from the database.
type Config struct {
	DatabaseURL       string        `envconfig:"FLUXBASE_REPLICATION_DATABASE_URL" secret:"true" desc:"The login that streams changes (fluxbase_replication). A direct connection, never through a pooler. Empty: no changes are streamed, and no slot is made."`
	Instance          string        `envconfig:"FLUXBASE_REALTIME_INSTANCE" desc:"Name of this process among all that serve the database, from a to z, 0 to 9 and _: its replication slot is fluxbase_NAME. Keep it over restarts, and changes that were committed meanwhile are read. Empty: made of host name, address and database."`
	RingBytes         int           `envconfig:"FLUXBASE_REALTIME_RING_BYTES" default:"67108864" desc:"Memory for the latest changes, from which clients resume after a lost connection."`
	RingTime          time.Duration `envconfig:"FLUXBASE_REALTIME_RING_TIME" default:"60s" desc:"How long changes are kept there at most. Postgres keeps its log for as long."`
	MaxChanges        int           `envconfig:"FLUXBASE_REALTIME_MAX_TRANSACTION_CHANGES" default:"10000" desc:"Of a transaction with more changes, or with more bytes than a quarter of the ring, is told only which tables it touched, so that a bulk load needs no memory here."`
	DeadSlotAfter     time.Duration `envconfig:"FLUXBASE_REALTIME_DEAD_SLOT_AFTER" default:"10m" desc:"After this long without a reader a slot whose name begins with fluxbase_ is dropped, so that a process that is gone doesn't fill the server's disk."`
	HeartbeatInterval time.Duration `envconfig:"FLUXBASE_REALTIME_HEARTBEAT_INTERVAL" default:"2s" desc:"How often a message is sent through the log to prove that the stream is current; 2 s at most, since leases of 5 s depend on it."`
}

// maxHeartbeat leaves a lease two proofs of a current stream.
const maxHeartbeat = 2 * time.Second

var instanceName = regexp.MustCompile(`^[a-z0-9_]{1,54}$`)

// Check applies the defaults and reports what is wrong.
func (c *Config) Check() error {
	if c.RingBytes <= 0 {
		c.RingBytes = 64 << 20
	}
	if c.RingTime <= 0 {
		c.RingTime = time.Minute
	}
	if c.MaxChanges <= 0 {
		c.MaxChanges = 10_000
	}
	if c.DeadSlotAfter <= 0 {
		c.DeadSlotAfter = 10 * time.Minute
	}
	if c.HeartbeatInterval <= 0 {
		c.HeartbeatInterval = maxHeartbeat
	}
	var errs []error
	if c.DatabaseURL != "" {
		if _, err := pgx.ParseConfig(c.DatabaseURL); err != nil {
			errs = append(errs, errors.New("FLUXBASE_REPLICATION_DATABASE_URL is not a connection string: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password percent-encoded"))
		}
	}
	if c.HeartbeatInterval > maxHeartbeat {
		errs = append(errs, fmt.Errorf("FLUXBASE_REALTIME_HEARTBEAT_INTERVAL is %s: give at most %s", c.HeartbeatInterval, maxHeartbeat))
	}
	if c.Instance != "" && !instanceName.MatchString(c.Instance) {
		errs = append(errs, fmt.Errorf("FLUXBASE_REALTIME_INSTANCE is %q: give 1 to 54 characters from a to z, 0 to 9 and _", c.Instance))
	}
	return errors.Join(errs...)
}
