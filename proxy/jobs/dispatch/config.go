package dispatch

import "time"

// Config is how this process works on jobs.
type Config struct {
	Work             bool          `envconfig:"FLUXBASE_JOBS_WORK" default:"true" desc:"Work on jobs in this process, as jobs.handlers says. false leaves that to others and serves /jobs/v1 alone."`
	Concurrency      int           `envconfig:"FLUXBASE_JOBS_CONCURRENCY" default:"10" desc:"How many jobs run at once in this process. Those that are functions of the database take a connection each, beside those of FLUXBASE_DATABASE_MAX_CONNECTIONS; the queue takes three more."`
	Namespace        string        `envconfig:"FLUXBASE_JOBS_NAMESPACE" default:"default" desc:"The namespace whose jobs this process works on."`
	Queues           []string      `envconfig:"FLUXBASE_JOBS_QUEUES" desc:"The queues that it works on, comma separated. Empty: those that handlers name."`
	Timeout          time.Duration `envconfig:"FLUXBASE_JOBS_TIMEOUT" default:"5m" desc:"How long one attempt may take where neither the job nor its handler says."`
	Lease            time.Duration `envconfig:"FLUXBASE_JOBS_LEASE" default:"30s" desc:"When this process was not heard of for so long, others take its jobs over. At least 3s."`
	Poll             time.Duration `envconfig:"FLUXBASE_JOBS_POLL" default:"1s" desc:"How often it looks for jobs that nobody told it of. With FLUXBASE_REPLICATION_DATABASE_URL the change stream tells of new ones at once, and this only stands by."`
	UI               bool          `envconfig:"FLUXBASE_JOBS_UI" default:"true" desc:"Serve the page /api/v1/admin/jobs/ui. It holds nothing secret, and what it shows needs a key of the service role; false for where no such page may be."`
	PrivateAddresses bool          `envconfig:"FLUXBASE_JOBS_PRIVATE_ADDRESSES" default:"false" desc:"Whether handlers over HTTP may be at addresses of private networks, and without TLS. Whoever may set handlers can then have requests made within yours."`
	Shutdown         time.Duration `envconfig:"FLUXBASE_JOBS_GRACEFUL_SHUTDOWN_TIMEOUT" default:"5m" desc:"How long jobs that run may go on after SIGTERM. Others run those again that are not done by then. A supervisor has to wait for longer than this (terminationGracePeriodSeconds in Kubernetes)."`
}

// Check applies the defaults to what is zero or negative.
func (c *Config) Check() error {
	c.Concurrency = or(c.Concurrency, 10)
	c.Timeout = or(c.Timeout, 5*time.Minute)
	c.Lease = max(or(c.Lease, 30*time.Second), 3*time.Second)
	c.Poll = or(c.Poll, time.Second)
	c.Shutdown = or(c.Shutdown, 5*time.Minute)
	if c.Namespace == "" {
		c.Namespace = "default"
	}
	return nil
}

func or[T int | time.Duration](value, other T) T {
	if value <= 0 {
		return other
	}
	return value
}
