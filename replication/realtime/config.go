package realtime

import "time"

// Config is how much a client may ask for.
type Config struct {
	MaxConnections    int           `envconfig:"FLUXBASE_REALTIME_MAX_CONNECTIONS" default:"1000" desc:"Open WebSockets of all processes together; the next one is closed with 1008, as with the next two. Where it is set, the setting realtime.max_connections of the database comes before it (fluxbase.set_setting), without a restart."`
	MaxPerUser        int           `envconfig:"FLUXBASE_REALTIME_MAX_CONNECTIONS_PER_USER" default:"10" desc:"WebSockets of one user, over all processes; realtime.max_connections_per_user in the database. A connection is a user's from the first token that names one."`
	MaxPerIP          int           `envconfig:"FLUXBASE_REALTIME_MAX_CONNECTIONS_PER_IP" default:"20" desc:"WebSockets that show no user, from one IPv4 address or one IPv6 network of 64 bits, over all processes; realtime.max_connections_per_ip in the database. Behind balancers set FLUXBASE_SERVER_TRUSTED_PROXIES."`
	MaxChannels       int           `envconfig:"FLUXBASE_REALTIME_MAX_CHANNELS" default:"100" desc:"Channels that one connection may have joined at once."`
	JoinsPerSecond    int           `envconfig:"FLUXBASE_REALTIME_JOINS_PER_SECOND" default:"100" desc:"Joins, leaves and new tokens of one connection, of which each may ask the database. A connection with more is closed with 1008."`
	MessagesPerSecond int           `envconfig:"FLUXBASE_REALTIME_MESSAGES_PER_SECOND" default:"100" desc:"Messages that one connection may send. The channel that sends more is closed."`
	MaxMessageBytes   int64         `envconfig:"FLUXBASE_REALTIME_MAX_MESSAGE_BYTES" default:"3145728" desc:"Size of a message that a client may send; a connection with a larger one is closed with 1009."`
	QueueMessages     int           `envconfig:"FLUXBASE_REALTIME_CLIENT_MESSAGE_QUEUE_SIZE" default:"256" desc:"Messages that may wait for a client beside the one it is being sent; what comes next waits in the ring."`
	QueueBytes        int           `envconfig:"FLUXBASE_REALTIME_CLIENT_QUEUE_BYTES" default:"262144" desc:"Bytes that may wait for it in the same way. A single message may be larger."`
	SlowThreshold     int           `envconfig:"FLUXBASE_REALTIME_SLOW_CLIENT_THRESHOLD" default:"100" desc:"A client for which as many messages wait is slow, as is one for which FLUXBASE_REALTIME_CLIENT_QUEUE_BYTES do."`
	SlowTimeout       time.Duration `envconfig:"FLUXBASE_REALTIME_SLOW_CLIENT_TIMEOUT" default:"30s" desc:"A client that is slow for as long without a break is closed with 1008."`
	MaxSnapshotRows   int           `envconfig:"FLUXBASE_REALTIME_MAX_SNAPSHOT_ROWS" default:"10000" desc:"Rows that a join with a snapshot may be told of; one with more is refused."`
	PingInterval      time.Duration `envconfig:"FLUXBASE_REALTIME_PING_INTERVAL" default:"25s" desc:"How often a client is asked for a sign of life. One that gives none for three times as long is closed."`
	CacheEntries      int           `envconfig:"FLUXBASE_REALTIME_POLICY_CACHE_ENTRIES" default:"100000" desc:"Decisions of policies that read other tables, which are remembered until these tables change."`
	CacheBytes        int           `envconfig:"FLUXBASE_REALTIME_POLICY_CACHE_BYTES" default:"67108864" desc:"Memory for them."`
	CacheTTL          time.Duration `envconfig:"FLUXBASE_REALTIME_POLICY_CACHE_TTL" default:"30s" desc:"How long they are remembered at most."`
	ShadowOneIn       int           `envconfig:"FLUXBASE_REALTIME_POLICY_CHECK_ONE_IN" default:"1000" desc:"One of how many decisions about a changed row is repeated by Postgres for some subscribers, and compared."`
	MaxPresences      int           `envconfig:"FLUXBASE_REALTIME_MAX_PRESENCES" default:"1000" desc:"Members that may be present in one channel, over all processes; track fails for the next one."`
	MaxPresenceBytes  int           `envconfig:"FLUXBASE_REALTIME_MAX_PRESENCE_BYTES" default:"16384" desc:"Size of what a member may say of itself with track."`
	TracksPerSecond   int           `envconfig:"FLUXBASE_REALTIME_TRACKS_PER_SECOND" default:"10" desc:"How often a channel may change its own presence. What comes faster waits, and only the latest is told; none is lost."`
	PrivateOnly       bool          `envconfig:"FLUXBASE_REALTIME_PRIVATE_ONLY" default:"false" desc:"Refuse channels that are not private, for which no policy decides."`
	Inspect           bool          `envconfig:"FLUXBASE_REALTIME_INSPECT" default:"true" desc:"Serve the live page /realtime/v1/inspect. It holds nothing secret, and its figures need the service_role key; false for where no such page may be."`
}

// Check applies the defaults.
func (c *Config) Check() error {
	for _, n := range []struct {
		value *int
		or    int
	}{
		{&c.MaxConnections, 1000},
		{&c.MaxPerUser, 10},
		{&c.MaxPerIP, 20},
		{&c.MaxChannels, 100},
		{&c.JoinsPerSecond, 100},
		{&c.MessagesPerSecond, 100},
		{&c.QueueMessages, 256},
		{&c.MaxSnapshotRows, 10_000},
		{&c.QueueBytes, 256 << 10},
		{&c.SlowThreshold, 100},
		{&c.CacheEntries, 100_000},
		{&c.CacheBytes, 64 << 20},
		{&c.ShadowOneIn, 1000},
		{&c.MaxPresences, 1000},
		{&c.MaxPresenceBytes, 16 << 10},
		{&c.TracksPerSecond, 10},
	} {
		if *n.value <= 0 {
			*n.value = n.or
		}
	}
	if c.MaxMessageBytes <= 0 {
		c.MaxMessageBytes = 3 << 20
	}
	if c.SlowTimeout <= 0 {
		c.SlowTimeout = 30 * time.Second
	}
	if c.PingInterval <= 0 {
		c.PingInterval = 25 * time.Second
	}
	if c.CacheTTL <= 0 {
		c.CacheTTL = 30 * time.Second
	}
	return nil
}
