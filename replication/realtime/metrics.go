package realtime

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	channels             prometheus.Gauge
	received, sent, slow prometheus.Counter
	lagged               prometheus.Counter
	refused, fenced      prometheus.Counter
	authorize, see       prometheus.Histogram
	turnedAway           *prometheus.CounterVec
	// delivered counts as written what tells a client of a commit at a time.
	delivered func(committed time.Time)
	// decisions counts who may see a row, by how it was found out.
	decisions *prometheus.CounterVec
	byPlan    prometheus.Counter
	bySee     prometheus.Counter
	errors    prometheus.Counter
	byCache   prometheus.Counter
	// Of decisions that are remembered.
	hits, misses, evicted prometheus.Counter
	checked, mismatches   prometheus.Counter
	decided, decidedBytes prometheus.Gauge
	visible               prometheus.Histogram
}

func newMetrics(h *Hub) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "fluxbase_realtime_" + name, Help: help})
	}
	gauge := func(name, help string, value func(*client) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "fluxbase_realtime_" + name, Help: help}, func() float64 {
			h.mu.Lock()
			defer h.mu.Unlock()
			sum := 0
			for c := range h.clients {
				sum += value(c)
			}
			return float64(sum)
		})
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "fluxbase_realtime_" + name, Help: help,
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		})
	}
	m := &metrics{
		channels: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fluxbase_realtime_channels", Help: "Channels that clients have joined.",
		}),
		received:  counter("messages_received_total", "Messages of clients."),
		sent:      counter("messages_sent_total", "Messages queued for clients."),
		slow:      counter("slow_clients_total", "Clients closed because they did not read what waited for them."),
		lagged:    counter("lagged_total", "Channels that went on from the ring because the client read more slowly than messages came."),
		refused:   counter("joins_refused_total", "Joins answered with an error."),
		fenced:    counter("fence_retries_total", "Decisions about changes that were asked for again because a commit was not visible yet."),
		authorize: histogram("authorize_seconds", "Time to ask the policies for the rights in a private channel."),
		see:       histogram("see_seconds", "Time to ask the policies who may see the changes of a table."),
	}
	delivery := histogram("delivery_seconds", "Time from a commit, by the database's clock, until a client's connection has taken what tells of it.")
	// The clocks may differ by more than it takes.
	m.delivered = func(committed time.Time) { delivery.Observe(max(0, time.Since(committed).Seconds())) }
	m.decisions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fluxbase_realtime_policy_decisions_total",
		Help: "Decisions who of a role may see a changed row, by tier: 0 in this process, 1 by Postgres for all at once or from memory, 2 by Postgres for each caller.",
	}, []string{"tier"})
	m.byPlan, m.bySee = m.decisions.WithLabelValues("0"), m.decisions.WithLabelValues("2")
	m.byCache = m.decisions.WithLabelValues("1")
	m.hits = counter("policy_cache_hits_total", "Rows whose readers were remembered.")
	m.misses = counter("policy_cache_misses_total", "Rows whose readers were not remembered, or not all.")
	m.checked = counter("policy_checks_total", "Decisions that were repeated by Postgres for each caller, to compare.")
	m.mismatches = counter("policy_mismatches_total", "Decisions with which Postgres did not agree; the policy is then asked for each subscriber until the schema changes.")
	m.evicted = counter("policy_cache_evictions_total", "Remembered decisions that made room for others.")
	number := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "fluxbase_realtime_" + name, Help: help})
	}
	m.decided = number("policy_cache_entries", "Decisions that are remembered.")
	m.decidedBytes = number("policy_cache_bytes", "Memory that they take.")
	m.visible = histogram("visible_seconds", "Time to ask who of a role may see rows, for all subscribers at once.")
	m.errors = counter("policy_errors_total", "Times that a policy raised for a subscriber, who was told to read the table again.")
	m.turnedAway = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fluxbase_realtime_connections_refused_total",
		Help: "Connections closed because they met a limit, or because the database that counts them was away, by limit.",
	}, []string{"limit"})
	h.Reg.MustRegister(
		m.decisions, m.errors, delivery, m.turnedAway, m.hits, m.misses, m.evicted, m.checked, m.mismatches,
		m.decided, m.decidedBytes, m.visible,
		m.channels, m.received, m.sent, m.slow, m.lagged, m.refused, m.fenced, m.authorize, m.see,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "fluxbase_realtime_presences", Help: "Members of channels whose connection is here.",
		}, func() float64 { return float64(h.tracks.count()) }),
		gauge("connections", "Open WebSockets.", func(*client) int { return 1 }),
		gauge("queued_messages", "Messages that wait for clients to read.", func(c *client) int { return c.out.length() }),
	)
	return m
}
