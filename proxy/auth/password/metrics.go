package password

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	seconds *prometheus.HistogramVec
	refused prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, g *gate) metrics {
	m := metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fluxbase_auth_hash_seconds", Help: "Time to hash a password, without the wait for it, by algorithm.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 9),
		}, []string{"algorithm"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fluxbase_auth_hashes_refused_total", Help: "Passwords that were not hashed because too many waited, or for too long.",
		}),
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fluxbase_auth_hashes_waiting", Help: "Passwords that wait to be hashed.",
	}, func() float64 { return float64(g.waiting.Load()) })
	reg.MustRegister(m.seconds, m.refused, waiting)
	return m
}
