package functions

import (
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what functions do. Labels hold the names of functions that are deployed, and
// nothing else that somebody makes up.
type Metrics struct {
	calls     *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	memory    prometheus.Histogram
	truncated *prometheus.CounterVec
}

// NewMetrics makes Metrics and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluxbase_functions_invocations_total", Help: "Calls of functions by how they ended: ok, error (a status of 500 or more), or why they were.",
		}, []string{"function", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fluxbase_functions_duration_seconds", Help: "How long calls took, those that had to wait for a worker to start (cold) apart from others (warm).",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 150},
		}, []string{"start"}),
		memory: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "fluxbase_functions_memory_bytes", Help: "The most memory that the worker of a call had meanwhile.",
			Buckets: prometheus.ExponentialBuckets(32<<20, 1.5, 10),
		}),
		truncated: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluxbase_functions_truncated_total", Help: "Answers that were cut because they were too long.",
		}, []string{"function"}),
	}
	reg.MustRegister(m.calls, m.seconds, m.memory, m.truncated)
	return m
}

// poolCollector tells of the workers when metrics are read.
type poolCollector struct{ h *Handler }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("fluxbase_functions_"+name, help, labels, nil)
}

var (
	workerCount   = describe("workers", "Workers by state: spare (started, and of no function yet), busy, or idle.", "state")
	waitingCount  = describe("waiting", "Calls that wait for a worker.")
	startedTotal  = describe("workers_started_total", "Workers that were started.")
	killedTotal   = describe("workers_killed_total", "Workers that were ended, by the limit that one was over.", "reason")
	residentBytes = describe("workers_memory_bytes", "Memory of all workers.")
	descriptors   = describe("open_descriptors", "Descriptors that this process has open, connections to workers among them.")
)

// Collector tells how the workers of h are.
func (h *Handler) Collector() prometheus.Collector { return poolCollector{h} }

// Describe is part of prometheus.Collector.
func (c poolCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{workerCount, waitingCount, startedTotal, killedTotal, residentBytes, descriptors} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (c poolCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.h.Stats()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(workerCount, float64(s.Spares), "spare")
	gauge(workerCount, float64(s.Busy), "busy")
	gauge(workerCount, float64(max(s.Workers-s.Spares-s.Busy, 0)), "idle")
	gauge(waitingCount, float64(s.Waiting))
	gauge(residentBytes, float64(s.Resident))
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		gauge(descriptors, float64(len(list)))
	}
	ch <- prometheus.MustNewConstMetric(startedTotal, prometheus.CounterValue, float64(s.Started))
	for reason, n := range s.Killed {
		ch <- prometheus.MustNewConstMetric(killedTotal, prometheus.CounterValue, float64(n), reason)
	}
}

// observe counts a call that has ended.
func (m *Metrics) observe(c *call, took time.Duration) {
	m.calls.WithLabelValues(c.Function, c.Outcome).Inc()
	start := "warm"
	if c.Cold {
		start = "cold"
	}
	m.seconds.WithLabelValues(start).Observe(took.Seconds())
	if c.Memory > 0 {
		m.memory.Observe(float64(c.Memory))
	}
	if c.Truncated {
		m.truncated.WithLabelValues(c.Function).Inc()
	}
}
