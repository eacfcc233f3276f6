package proxy

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluxbase_http_requests_total",
			Help: "Requests answered, by route, method and status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "fluxbase_http_request_duration_seconds",
			Help:    "Time from the headers to the last byte of the answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fluxbase_http_requests_in_flight",
			Help: "Requests being worked on.",
		}),
	}
	reg.MustRegister(m.requests, m.duration, m.inFlight)
	return m
}

// observe counts a finished request. Labels never hold what a client made up.
func (m *metrics) observe(w *web.Response, method string, took time.Duration) {
	route := w.Route
	if route == "" {
		route = "none"
	}
	if !slices.Contains(methods, method) {
		method = "other"
	}
	m.inFlight.Dec()
	m.requests.WithLabelValues(route, method, strconv.Itoa(w.Status())).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}

// poolCollector reports the pools when metrics are read.
type poolCollector struct{ pools map[string]*pg.DB }

var (
	poolConns = prometheus.NewDesc("fluxbase_database_connections",
		"Connections of a pool by state; acquired at max for long means the pool is too small.", []string{"pool", "state"}, nil)
	poolWaiting = prometheus.NewDesc("fluxbase_database_waiting",
		"Requests that wait for a connection now.", []string{"pool"}, nil)
	poolShared = prometheus.NewDesc("fluxbase_database_shared_trips_total",
		"Reads and inserts that went along with another of their kind instead of waiting for a connection.", []string{"pool"}, nil)
	poolGaveUp = prometheus.NewDesc("fluxbase_database_acquire_failures_total",
		"Transactions that got no connection in time.", []string{"pool"}, nil)
	statementHits = prometheus.NewDesc("fluxbase_database_statement_cache_hits_total",
		"Statements that were prepared on the connection before.", []string{"pool"}, nil)
	statementMisses = prometheus.NewDesc("fluxbase_database_statement_cache_misses_total",
		"Statements that had to be prepared.", []string{"pool"}, nil)
	statementEvictions = prometheus.NewDesc("fluxbase_database_statement_cache_evictions_total",
		"Prepared statements that had to make room. Many: there are more in use than FLUXBASE_DATABASE_STATEMENT_CACHE.", []string{"pool"}, nil)
	statementEntries = prometheus.NewDesc("fluxbase_database_statement_cache_entries",
		"Prepared statements on all connections.", []string{"pool"}, nil)
	statementBytes = prometheus.NewDesc("fluxbase_database_statement_cache_bytes",
		"Size of the texts of the prepared statements on all connections.", []string{"pool"}, nil)
)

// Describe is part of prometheus.Collector.
func (c poolCollector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect is part of prometheus.Collector.
func (c poolCollector) Collect(ch chan<- prometheus.Metric) {
	for name, db := range c.pools {
		st := db.Stat()
		gauge := func(desc *prometheus.Desc, v int64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(v), append([]string{name}, labels...)...)
		}
		counter := func(desc *prometheus.Desc, v int64) {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(v), name)
		}
		gauge(poolConns, int64(st.Acquired), "acquired")
		gauge(poolConns, int64(st.Idle), "idle")
		gauge(poolConns, int64(st.Max), "max")
		gauge(poolWaiting, int64(st.Waiting))
		counter(poolShared, st.Shared)
		counter(poolGaveUp, st.GaveUp)
		counter(statementHits, st.Statements.Hits)
		counter(statementMisses, st.Statements.Misses)
		counter(statementEvictions, st.Statements.Evictions)
		gauge(statementEntries, st.Statements.Entries)
		gauge(statementBytes, st.Statements.Bytes)
	}
}
