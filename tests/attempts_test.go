package tests

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// attempted tells whether an attempt is let through.
func attempted(ctx context.Context, t *testing.T, pool *pgxpool.Pool, account, address string) bool {
	t.Helper()
	var free bool
	if err := pool.QueryRow(ctx, `select auth.begin_attempt($1, $2::inet) is null`, account, address).Scan(&free); err != nil {
		t.Errorf("%s at %s: %v", account, address, err)
	}
	return free
}

// widePool has a connection for each of many callers.
func widePool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(dbtest.New(t).AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// guesses lets 50 guess at once and returns how many were let through.
func guesses(t *testing.T, pool *pgxpool.Pool, who func(n int) (account, address string)) int64 {
	t.Helper()
	var free atomic.Int64
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			if account, address := who(n); attempted(t.Context(), t, pool, account, address) {
				free.Add(1)
			}
		})
	}
	all.Wait()
	return free.Load()
}

func TestFiftyGuessesAtOnceAreNoMoreThanOneAfterTheOther(t *testing.T) {
	t.Parallel()
	pool := widePool(t)
	const owner, home = "owner@example.com", "2001:db8:0:1::7"
	if _, err := pool.Exec(t.Context(), `select auth.clear_attempts($1, $2::inet)`, owner, home); err != nil {
		t.Fatal(err)
	}

	if n := guesses(t, pool, func(int) (string, string) { return owner, "192.0.2.1" }); n != 5 {
		t.Errorf("%d from one address", n)
	}
	if n := guesses(t, pool, func(n int) (string, string) { return owner, fmt.Sprintf("192.0.2.%d", n+2) }); n != 15 {
		t.Errorf("%d more from fifty addresses", n)
	}
	if n := guesses(t, pool, func(n int) (string, string) { return "nobody@example.com", fmt.Sprintf("2001:db8:0:2::%x", n) }); n != 5 {
		t.Errorf("%d from the addresses of one network", n)
	}
	// Meanwhile the owner is at home, and types it wrong once.
	if !attempted(t.Context(), t, pool, owner, home) || !attempted(t.Context(), t, pool, owner, "2001:db8:0:1:ffff::1") {
		t.Error("guesses from elsewhere keep the owner out at home")
	}
	if attempted(t.Context(), t, pool, owner, "198.51.100.1") {
		t.Error("strangers go on")
	}
}

// Attempts that are right, and an operator, at the same rows: no two wait for each other,
// and nothing is left behind.
func TestAttemptsMeet(t *testing.T) {
	t.Parallel()
	pool := widePool(t)
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			for i := range 10 {
				account, address := fmt.Sprintf("user %d", (n+i)%3), fmt.Sprintf("192.0.2.%d", (n+i)%2)
				if attempted(t.Context(), t, pool, account, address) {
					if _, err := pool.Exec(t.Context(), `select auth.clear_attempts($1, $2::inet)`, account, address); err != nil {
						t.Error(err)
					}
				}
				if i == 5 && n%4 == 0 {
					if _, err := pool.Exec(t.Context(), `select auth.forget_attempts($1)`, account); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	var left string
	err := pool.QueryRow(t.Context(), `
		select coalesce(string_agg(a.kind || ' ' || a.failures, ', '), '')
		from auth.attempts as a
		where a.kind = 'password_here' and a.failures > 0`).Scan(&left)
	if err != nil || left != "" {
		t.Errorf("left behind: %s (%v)", left, err)
	}
}
