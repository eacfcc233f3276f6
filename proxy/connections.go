package proxy

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// connections counts those that are open, and closes at once what is over the bounds:
// before TLS, so that it costs next to nothing.
type connections struct {
	max, perIP int
	proxies    web.Proxies // who are not counted one by one
	log        *slog.Logger
	refused    *prometheus.CounterVec

	mu     sync.Mutex
	open   int
	from   map[netip.Prefix]int
	warned time.Time
}

func newConnections(cfg Config, proxies web.Proxies, log *slog.Logger, reg prometheus.Registerer) *connections {
	c := &connections{
		max: cfg.MaxConnections, perIP: cfg.MaxConnectionsPerIP, proxies: proxies, log: log, from: map[netip.Prefix]int{},
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluxbase_http_connections_refused_total",
			Help: "Connections closed at once, because as many as may be were open: max_connections in all, max_connections_per_ip from one address.",
		}, []string{"limit"}),
	}
	c.refused.WithLabelValues(limitAll)
	c.refused.WithLabelValues(limitPerIP)
	reg.MustRegister(c.refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fluxbase_http_connections",
		Help: "Connections of clients that are open, WebSockets too.",
	}, func() float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return float64(c.open)
	}))
	return c
}

const (
	limitAll   = "max_connections"
	limitPerIP = "max_connections_per_ip"
)

// take counts one from an address; the zero address is nobody's. It tells what bound is
// in the way.
func (c *connections) take(from netip.Addr) (network netip.Prefix, limit string) {
	if from.IsValid() && !c.proxies.Trusted(from) {
		network = web.Network(from)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.open >= c.max:
		limit = limitAll
	case network.IsValid() && c.from[network] >= c.perIP:
		limit = limitPerIP
	default:
		c.open++
		if network.IsValid() {
			c.from[network]++
		}
		return network, ""
	}
	if now := time.Now(); now.Sub(c.warned) >= warnEvery {
		c.warned = now
		c.log.Warn("connections are closed at once, because as many as may be are open; name balancers in FLUXBASE_SERVER_TRUSTED_PROXIES",
			"limit", limit, "address", from.String())
	}
	return network, limit
}

// warnEvery bounds what a storm writes into the log.
const warnEvery = 10 * time.Second

func (c *connections) release(network netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if !network.IsValid() {
		return
	}
	if c.from[network]--; c.from[network] == 0 {
		delete(c.from, network)
	}
}

// listener takes connections within the bounds.
type listener struct {
	net.Listener
	*connections
}

func (l listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		var from netip.Addr
		tcp, isTCP := conn.(*net.TCPConn)
		if isTCP {
			from = tcp.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap().WithZone("")
		}
		network, limit := l.take(from)
		if limit != "" {
			l.refused.WithLabelValues(limit).Inc()
			if isTCP {
				_ = tcp.SetLinger(0) // no state is kept of what was refused
			}
			_ = conn.Close()
			continue
		}
		p := &place{connections: l.connections, network: network}
		if isTCP {
			return &tcpConn{tcp, p}, nil
		}
		return &otherConn{conn, p}, nil
	}
}

// place is that of one connection among the counted, until its first Close.
type place struct {
	connections *connections
	network     netip.Prefix
	once        sync.Once
}

func (p *place) leave() { p.once.Do(func() { p.connections.release(p.network) }) }

// tcpConn stays one of TCP to those who write to the socket itself.
type tcpConn struct {
	*net.TCPConn
	*place
}

func (c *tcpConn) Close() error {
	defer c.leave()
	return c.TCPConn.Close()
}

type otherConn struct {
	net.Conn
	*place
}

func (c *otherConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
