package replication

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

type metrics struct {
	stream      *Stream
	connections prometheus.Counter
	failures    *prometheus.CounterVec
	refused     *prometheus.CounterVec

	// behind is the bytes of log not yet received, at the last heartbeat.
	behind                                         atomic.Int64
	inserts, updates, deletes, truncates, messages atomic.Int64
	transactions, bytes                            atomic.Int64
}

func newMetrics(s *Stream, reg prometheus.Registerer) *metrics {
	m := &metrics{
		stream: s,
		connections: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fluxbase_changes_connections_total",
			Help: "How often the change stream was begun; all but the first are reconnections.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluxbase_changes_failures_total",
			Help: "How often the change stream failed or could not begin, by kind.",
		}, []string{"kind"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluxbase_changes_messages_refused_total",
			Help: "Messages on the bus that were not ours or not in order, by reason.",
		}, []string{"reason"}),
	}
	reg.MustRegister(m.connections, m.failures, m.refused, m)
	return m
}

// Refused counts a message of the bus that its reader dropped. The reasons are few
// and known beforehand.
func (s *Stream) Refused(reason string) { s.metrics.refused.WithLabelValues(reason).Inc() }

// count moves what the decoder has counted to where scrapes see it.
func (m *metrics) count(c *counts, size int) {
	m.transactions.Add(1)
	m.bytes.Add(int64(size))
	for _, each := range []struct {
		total *atomic.Int64
		n     int64
	}{{&m.inserts, c.inserts}, {&m.updates, c.updates}, {&m.deletes, c.deletes}, {&m.truncates, c.truncates}, {&m.messages, c.messages}} {
		if each.n > 0 {
			each.total.Add(each.n)
		}
	}
	*c = counts{}
}

var (
	descUp = prometheus.NewDesc("fluxbase_changes_up",
		"1 while the change stream is connected.", nil, nil)
	descLagBytes = prometheus.NewDesc("fluxbase_changes_lag_bytes",
		"Log that was written but not received when the last heartbeat was sent.", nil, nil)
	descLagSeconds = prometheus.NewDesc("fluxbase_changes_lag_seconds",
		"Age of the last proof that all commits before it were received; about the heartbeat interval when all is well.", nil, nil)
	descDecoded = prometheus.NewDesc("fluxbase_changes_decoded_total",
		"Changes decoded, by operation.", []string{"operation"}, nil)
	descTransactions = prometheus.NewDesc("fluxbase_changes_transactions_total",
		"Transactions and lone messages decoded.", nil, nil)
	descBytes = prometheus.NewDesc("fluxbase_changes_bytes_total",
		"Memory that the decoded transactions took.", nil, nil)
	descRingBytes = prometheus.NewDesc("fluxbase_changes_ring_bytes",
		"Memory that the kept transactions take.", nil, nil)
	descRingSeconds = prometheus.NewDesc("fluxbase_changes_ring_seconds",
		"Age of the oldest transaction that is kept.", nil, nil)
	descGaps = prometheus.NewDesc("fluxbase_changes_gaps_total",
		"How often a subscription was told that changes may be missing, by reason.", []string{"reason"}, nil)
)

// reasons are labels of the reasons of gaps.
var reasons = map[changes.Reason]string{
	changes.Started: "started", changes.Lagged: "lagged", changes.TooOld: "too_old", changes.SlotLost: "slot_lost", changes.NewEpoch: "new_epoch",
}

// Describe is part of prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect is part of prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64) { send(d, prometheus.GaugeValue, v) }
	total := func(d *prometheus.Desc, v *atomic.Int64, labels ...string) {
		send(d, prometheus.CounterValue, float64(v.Load()), labels...)
	}
	st := m.stream.State()
	up, proven := 0., st.Fresh
	if st.Phase == changes.Streaming {
		up = 1
	}
	if proven.IsZero() {
		proven = m.stream.ring.start
	}
	gauge(descUp, up)
	gauge(descLagBytes, float64(m.behind.Load()))
	gauge(descLagSeconds, time.Since(proven).Seconds())
	bytes, age := m.stream.ring.span()
	gauge(descRingBytes, float64(bytes))
	gauge(descRingSeconds, age.Seconds())
	total(descTransactions, &m.transactions)
	total(descBytes, &m.bytes)
	for operation, v := range map[string]*atomic.Int64{"insert": &m.inserts, "update": &m.updates, "delete": &m.deletes, "truncate": &m.truncates, "message": &m.messages} {
		total(descDecoded, v, operation)
	}
	for reason, n := range m.stream.ring.told() {
		send(descGaps, prometheus.CounterValue, float64(n), reasons[reason])
	}
}
