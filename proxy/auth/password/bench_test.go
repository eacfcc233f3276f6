package password

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

func BenchmarkVerify(b *testing.B) {
	var cfg Config
	if err := cfg.Check(); err != nil {
		b.Fatal(err)
	}
	h := newHasher(cfg)
	own, err := h.Hash(b.Context(), "correct horse")
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"argon2id": own, "scrypt": known[9].hash,
		"bcrypt-10": "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga",
	} {
		hash, err := parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				hash.verify([]byte("another horse"))
			}
		})
	}
}

func BenchmarkCheckHash(b *testing.B) {
	for b.Loop() {
		if err := CheckHash(known[0].hash); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRules(b *testing.B) {
	rules := Rules{MinLength: 8}
	for b.Loop() {
		rules.Check("correct horse battery", "somebody@example.com", "example.com")
	}
}

// BenchmarkOtherRequests tells what other requests feel while 100 sign-ins queue: the p99 of small
// ones over HTTP in the same process, for each number of hashers.
func BenchmarkOtherRequests(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }))
	defer server.Close()
	get := func() {
		res, err := http.Get(server.URL)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	for _, hashers := range []int{0, 1, runtime.GOMAXPROCS(0)} {
		b.Run(fmt.Sprintf("hashers=%d", hashers), func(b *testing.B) {
			cfg := Config{Hashers: hashers}
			if err := cfg.Check(); err != nil {
				b.Fatal(err)
			}
			h := newHasher(cfg)
			ctx, cancel := context.WithCancel(b.Context())
			var all sync.WaitGroup
			hashed := make([]int, 100)
			for i := range hashed {
				if hashers == 0 {
					break
				}
				all.Go(func() {
					for h.verifyNothing(ctx, "password") == nil {
						hashed[i]++
					}
				})
			}
			start, took := time.Now(), []time.Duration{}
			for b.Loop() {
				sent := time.Now()
				get()
				took = append(took, time.Since(sent))
				time.Sleep(time.Millisecond) // a request now and then, not a load of its own
			}
			lasted := time.Since(start)
			cancel()
			all.Wait()
			slices.Sort(took)
			total := 0
			for _, n := range hashed {
				total += n
			}
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(total)/lasted.Seconds(), "sign-ins/s")
		})
	}
}
