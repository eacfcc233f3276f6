package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/token"
)

// pgrstMetrics reports what PostgREST does under its names, for the dashboards
// that go by these. Counters begin anew with a configuration that needs a new
// cache of tokens or catalogue.
type pgrstMetrics struct{ *front }

var (
	pgrstPoolTimeouts = pgrstDesc("db_pool_timeouts_total", "Transactions that got no connection in time.")
	pgrstPoolIdle     = pgrstDesc("db_pool_available", "Connections of the pool that are not in use.")
	pgrstPoolWaiting  = pgrstDesc("db_pool_waiting", "Requests that wait for a connection now.")
	pgrstPoolMax      = pgrstDesc("db_pool_max", "Most connections of the pool.")
	pgrstLoads        = pgrstDesc("schema_cache_loads_total", "Times that the catalogue of the database was loaded.", "status")
	pgrstLoadSeconds  = pgrstDesc("schema_cache_query_time_seconds", "How long the last load of the catalogue took.")
	pgrstJWTRequests  = pgrstDesc("jwt_cache_requests_total", "Tokens that the cache of verified ones was asked for.")
	pgrstJWTHits      = pgrstDesc("jwt_cache_hits_total", "Tokens that were in the cache.")
	pgrstJWTEvictions = pgrstDesc("jwt_cache_evictions_total", "Tokens that left the cache for others.")
)

func pgrstDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("pgrst_"+name, help, labels, nil)
}

// Describe is part of prometheus.Collector.
func (m pgrstMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect is part of prometheus.Collector.
func (m pgrstMetrics) Collect(ch chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType, desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, kind, value, labels...)
	}
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	pool := m.pools[requestPool].Stat()
	send(counter, pgrstPoolTimeouts, float64(pool.GaveUp))
	send(gauge, pgrstPoolIdle, float64(pool.Idle))
	send(gauge, pgrstPoolWaiting, float64(pool.Waiting))
	send(gauge, pgrstPoolMax, float64(pool.Max))

	var loads catalog.Loads
	var tokens token.CacheStats
	if b := m.current.Load(); b != nil {
		loads, tokens = b.store.Loads(), b.tokens.CacheStats()
	}
	send(counter, pgrstLoads, float64(loads.OK), "SUCCESS")
	send(counter, pgrstLoads, float64(loads.Failed), "FAIL")
	send(gauge, pgrstLoadSeconds, loads.Took.Seconds())
	send(counter, pgrstJWTRequests, float64(tokens.Requests))
	send(counter, pgrstJWTHits, float64(tokens.Hits))
	send(counter, pgrstJWTEvictions, float64(tokens.Evictions))
}
