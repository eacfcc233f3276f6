package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// pgrstCollector reports under PostgREST's names, for the dashboards that read them.
type pgrstCollector struct{ front *front }

var (
	pgrstTimeouts = prometheus.NewDesc("pgrst_db_pool_timeouts_total",
		"Requests that got no connection in time.", nil, nil)
	pgrstAvailable = prometheus.NewDesc("pgrst_db_pool_available",
		"Connections that are open and idle.", nil, nil)
	pgrstWaiting = prometheus.NewDesc("pgrst_db_pool_waiting",
		"Requests that wait for a connection now.", nil, nil)
	pgrstMax = prometheus.NewDesc("pgrst_db_pool_max",
		"Connections that there may be.", nil, nil)
	pgrstLoads = prometheus.NewDesc("pgrst_schema_cache_loads_total",
		"Times that the schema was read from the database, by outcome.", []string{"status"}, nil)
	pgrstLoadTime = prometheus.NewDesc("pgrst_schema_cache_query_time_seconds",
		"How long reading the schema took the last time.", nil, nil)
	pgrstLookups = prometheus.NewDesc("pgrst_jwt_cache_requests_total",
		"Tokens that were looked for in the cache of verified ones.", nil, nil)
	pgrstHits = prometheus.NewDesc("pgrst_jwt_cache_hits_total",
		"Tokens that were in it.", nil, nil)
	pgrstEvictions = prometheus.NewDesc("pgrst_jwt_cache_evictions_total",
		"Tokens that made room for others.", nil, nil)
)

// Describe is part of prometheus.Collector.
func (c pgrstCollector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect is part of prometheus.Collector.
func (c pgrstCollector) Collect(ch chan<- prometheus.Metric) {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	var timeouts int64
	var idle, most int32
	var waiting int
	for _, db := range c.front.pools {
		st := db.Stat()
		timeouts, idle, most, waiting = timeouts+st.GaveUp, idle+st.Idle, most+st.Max, waiting+st.Waiting
	}
	send(pgrstTimeouts, counter, float64(timeouts))
	send(pgrstAvailable, gauge, float64(idle))
	send(pgrstWaiting, gauge, float64(waiting))
	send(pgrstMax, gauge, float64(most))
	b := c.front.current.Load()
	if b == nil {
		return
	}
	loads := b.store.Stat()
	send(pgrstLoads, counter, float64(loads.Loaded), "SUCCESS")
	send(pgrstLoads, counter, float64(loads.Failed), "FAIL")
	send(pgrstLoadTime, gauge, loads.Took.Seconds())
	jwt := b.tokens.CacheStat()
	send(pgrstLookups, counter, float64(jwt.Hits+jwt.Misses))
	send(pgrstHits, counter, float64(jwt.Hits))
	send(pgrstEvictions, counter, float64(jwt.Evictions))
}

// plainText names the content type of metrics as PostgREST does, without a version.
type plainText struct{ http.ResponseWriter }

// Write is part of http.ResponseWriter.
func (w plainText) Write(b []byte) (int, error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return w.ResponseWriter.Write(b)
}
