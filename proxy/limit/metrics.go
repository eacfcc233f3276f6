package limit

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	decisions *prometheus.CounterVec
	batches   *prometheus.CounterVec
	items     *prometheus.CounterVec
	leased    *prometheus.CounterVec
	fallbacks prometheus.Counter
}

// counts are the decisions by one rule.
type counts struct {
	// allowed and refused were asked for; leased and remembered were known here; open and
	// closed could not be asked for.
	allowed, refused, leased, remembered, open, closed prometheus.Counter
	// ahead is how much was taken before it was wanted.
	ahead prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, backend func() string) *metrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fluxbase_ratelimit_" + name, Help: help}, labels)
	}
	m := &metrics{
		decisions: vec("decisions_total", "Requests that a rule was asked about: allowed and refused by the backend; leased (allowed) "+
			"and remembered (refused) without asking; open (allowed) and closed (refused, of a strict rule) while it was away.", "rule", "outcome"),
		batches: vec("batches_total", "Calls of the backend.", "backend"),
		items:   vec("batch_items_total", "Budgets that were asked for in these calls.", "backend"),
		leased:  vec("leased_total", "Budget that was taken before requests came for it.", "rule"),
		fallbacks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fluxbase_ratelimit_fallbacks_total", Help: "Calls that Postgres answered because Redis was away.",
		}),
	}
	reg.MustRegister(m.decisions, m.batches, m.items, m.leased, m.fallbacks, inUse{backend})
	return m
}

func (m *metrics) of(rule string) counts {
	outcome := func(name string) prometheus.Counter { return m.decisions.WithLabelValues(rule, name) }
	return counts{
		allowed: outcome("allowed"), refused: outcome("refused"), leased: outcome("leased"), remembered: outcome("remembered"),
		open: outcome("open"), closed: outcome("closed"), ahead: m.leased.WithLabelValues(rule),
	}
}

// drop forgets the figures of a rule that is gone.
func (m *metrics) drop(rule string) {
	m.decisions.DeletePartialMatch(prometheus.Labels{"rule": rule})
	m.leased.DeleteLabelValues(rule)
}

// inUse tells the backend.
type inUse struct{ backend func() string }

var backendDesc = prometheus.NewDesc("fluxbase_ratelimit_backend", "1 for where requests are counted now.", []string{"backend"}, nil)

// Describe is part of prometheus.Collector.
func (c inUse) Describe(ch chan<- *prometheus.Desc) { ch <- backendDesc }

// Collect is part of prometheus.Collector.
func (c inUse) Collect(ch chan<- prometheus.Metric) {
	for _, name := range []string{inPostgres, inRedis, inMemory} {
		value := 0.0
		if name == c.backend() {
			value = 1
		}
		ch <- prometheus.MustNewConstMetric(backendDesc, prometheus.GaugeValue, value, name)
	}
}
