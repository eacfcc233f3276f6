package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// How the queue is looked at for metrics: no scrape waits for longer than metricsWait, and
// the database is asked once in metricsEvery however many come.
const (
	metricsEvery   = 3 * time.Second
	metricsWait    = time.Second
	metricsTimeout = 10 * time.Second
)

// Metrics tells how the queue is, as the database has it, so that every process tells the same.
type Metrics struct {
	db *pg.DB

	mu     sync.Mutex
	last   *figures
	at     time.Time
	asking chan struct{} // closed when the answer is there; nil if nobody asks
}

// NewMetrics makes Metrics to be registered. db is a login that may become service_role.
func NewMetrics(db *pg.DB) *Metrics { return &Metrics{db: db} }

// figures are what jobs.stats gives.
type figures struct {
	Lanes []struct {
		Namespace string
		Queue     string
		Priority  int
		Ready     float64
		Oldest    float64 `json:"oldest_seconds"`
		Running   float64
		Scheduled float64
		Dead      float64
	}
	Ended []struct {
		Namespace, Kind, Outcome string
		Jobs, Seconds            float64
	}
	Workers struct {
		Live, Draining float64
		AtWork         float64 `json:"at_work"`
	}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	depth       = describe("fluxbase_jobs_queue_depth", "Jobs that may run and wait for a worker; beyond 1,000 of a queue and priority it is an estimate.", "namespace", "priority")
	oldest      = describe("fluxbase_jobs_oldest_seconds", "How long the oldest of them waits.", "namespace", "queue")
	processing  = describe("fluxbase_jobs_processing", "Jobs that run.")
	scheduled   = describe("fluxbase_jobs_scheduled", "Jobs for a later time, also those that are tried again.", "namespace")
	dead        = describe("fluxbase_jobs_dead", "Dead letters, which wait for jobs.retry or jobs.redrive.", "namespace")
	completed   = describe("fluxbase_jobs_completed_total", "Jobs that succeeded.", "namespace", "name")
	failures    = describe("fluxbase_jobs_failed_total", "Attempts that did not succeed: failed, timeout, lost, interrupted or cancelled.", "namespace", "name", "reason")
	died        = describe("fluxbase_jobs_died_total", "Jobs that became dead letters.", "namespace", "name")
	duration    = describe("fluxbase_job_execution_duration_seconds", "How long jobs that succeeded took, from claim to end.", "namespace", "name")
	active      = describe("fluxbase_job_workers_active", "Workers that were heard of within their lease.")
	utilization = describe("fluxbase_job_worker_utilization", "Which share of them has jobs, from 0 to 1.")
)

// Describe is part of prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{depth, oldest, processing, scheduled, dead, completed, failures, died, duration, active, utilization} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector. While the database is away it tells nothing.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	f := m.figures()
	if f == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	type place [2]string
	sums := map[*prometheus.Desc]map[place]float64{depth: {}, oldest: {}, scheduled: {}, dead: {}}
	running := 0.0
	for _, l := range f.Lanes {
		sums[depth][place{l.Namespace, strconv.Itoa(l.Priority)}] += l.Ready
		queue := place{l.Namespace, l.Queue}
		sums[oldest][queue] = max(sums[oldest][queue], l.Oldest)
		sums[scheduled][place{l.Namespace}] += l.Scheduled
		sums[dead][place{l.Namespace}] += l.Dead
		running += l.Running
	}
	for d, values := range sums {
		for at, v := range values {
			labels := at[:]
			if d == scheduled || d == dead {
				labels = at[:1]
			}
			gauge(d, v, labels...)
		}
	}
	gauge(processing, running)
	gauge(active, f.Workers.Live)
	share := 0.0
	if f.Workers.Live > 0 {
		share = f.Workers.AtWork / f.Workers.Live
	}
	gauge(utilization, share)
	for _, e := range f.Ended {
		switch e.Outcome {
		case "completed":
			ch <- prometheus.MustNewConstMetric(completed, prometheus.CounterValue, e.Jobs, e.Namespace, e.Kind)
			ch <- prometheus.MustNewConstSummary(duration, uint64(e.Jobs), e.Seconds, nil, e.Namespace, e.Kind)
		case "dead":
			ch <- prometheus.MustNewConstMetric(died, prometheus.CounterValue, e.Jobs, e.Namespace, e.Kind)
		default:
			ch <- prometheus.MustNewConstMetric(failures, prometheus.CounterValue, e.Jobs, e.Namespace, e.Kind, e.Outcome)
		}
	}
}

// figures are not older than metricsEvery; nil if they can't be had.
func (m *Metrics) figures() *figures {
	m.mu.Lock()
	if m.last != nil && time.Since(m.at) < metricsEvery {
		defer m.mu.Unlock()
		return m.last
	}
	if m.asking == nil {
		m.asking = make(chan struct{})
		go m.ask(m.asking)
	}
	asking := m.asking
	m.mu.Unlock()
	select {
	case <-asking:
	case <-time.After(metricsWait):
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.at) > 2*metricsEvery { // what was long ago is not how it is
		return nil
	}
	return m.last
}

// ask looks once.
func (m *Metrics) ask(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsTimeout)
	defer cancel()
	f, err := m.read(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.last, m.at = f, time.Now()
	}
	m.asking = nil
	close(done)
}

func (m *Metrics) read(ctx context.Context) (*figures, error) {
	res, err := m.db.Do(ctx, &pg.Tx{Caller: service, Mode: pg.ReadOnly, Main: pg.Statement{SQL: `select jobs.stats()::text`}})
	if err != nil {
		return nil, err
	}
	defer res.Free()
	if len(res.Values) == 0 {
		return nil, nil
	}
	f := new(figures)
	if err := json.Unmarshal(res.Values[0], f); err != nil {
		return nil, fmt.Errorf("read the figures of the queue: %w", err)
	}
	return f, nil
}
