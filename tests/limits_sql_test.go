package tests

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// bucket is the generic cell rate algorithm in exact arithmetic: in whole microseconds,
// with the floor of what n requests take.
type exactBucket struct{ rate, burst *big.Rat }

func (b exactBucket) span(n int64) int64 {
	micros := new(big.Rat).Quo(new(big.Rat).SetInt64(n*1e6), b.rate)
	return new(big.Int).Div(micros.Num(), micros.Denom()).Int64()
}

func (b exactBucket) capacity() int64 {
	micros := new(big.Rat).Quo(new(big.Rat).Mul(b.burst, new(big.Rat).SetInt64(1e6)), b.rate)
	return new(big.Int).Div(micros.Num(), micros.Denom()).Int64()
}

// most is how many fit when the bucket is full again at fullAt.
func (b exactBucket) most(now, fullAt int64) (n int64) {
	room := b.capacity() - max(fullAt-now, 0)
	for step := int64(1 << 12); step > 0; step /= 2 {
		if b.span(n+step) <= room {
			n += step
		}
	}
	return n
}

// granted is how many of cost are taken.
func (b exactBucket) granted(now, fullAt, cost int64, partial bool) int64 {
	switch most := b.most(now, fullAt); {
	case cost <= most:
		return cost
	case partial:
		return most
	}
	return 0
}

// What Postgres decides is what exact arithmetic decides at some moment between the
// beginning and the end of the call.
func TestTakesAgreeWithExactArithmetic(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Conn(t)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	began := time.Now()
	for n := 0; n < 400 || time.Since(began) < *soak; n++ {
		rate := []float64{1, 2, 3, 7, 0.1, 1.0 / 3, 100.0 / 60, 5.0 / 300, 1000, 9999, 12345.678, random.ExpFloat64() * 10}[random.IntN(12)]
		burst := float64(1 + random.Int64N([]int64{1, 10, 1000}[random.IntN(3)]))
		cost, partial := random.Int64N(int64(burst)+2), random.IntN(2) == 0
		b := exactBucket{new(big.Rat).SetFloat64(rate), new(big.Rat).SetFloat64(burst)}
		// As if some had been taken some time ago.
		busy := random.Int64N(b.capacity() + 1)
		const arrange = `insert into ratelimit.states as s (key, full_at, granted)
			values ('k', clock_timestamp() + $1::bigint * interval '1 us', 0)
			on conflict (key) do update set full_at = excluded.full_at returning (extract(epoch from full_at) * 1e6)::bigint`
		var fullAt int64
		if err := conn.QueryRow(t.Context(), arrange, busy).Scan(&fullAt); err != nil {
			t.Fatal(err)
		}
		const ask = `with before as materialized (select (extract(epoch from clock_timestamp()) * 1e6)::bigint as at),
			t as materialized (select t.* from before, ratelimit.take_many(array['k'], array[$1::float8], array[$2::float8], array[$3::bigint], $4) as t)
			select b.at, t.allowed, t.granted, t.remaining, t.retry_after, t.reset_after,
			  (extract(epoch from clock_timestamp()) * 1e6)::bigint from before as b, t`
		var before, after, granted, remaining int64
		var allowed bool
		var retry, reset float64
		err := conn.QueryRow(t.Context(), ask, rate, burst, cost, partial).Scan(&before, &allowed, &granted, &remaining, &retry, &reset, &after)
		if err != nil {
			t.Fatal(err)
		}
		var now int64
		if err := conn.QueryRow(t.Context(), `select (extract(epoch from full_at) * 1e6)::bigint from ratelimit.states`).Scan(&now); err != nil {
			t.Fatal(err)
		}
		// Floating point may be off by a microsecond.
		before, after = before-1, after+1
		what := fmt.Sprintf("seed %d: %d of %g at %g/s, %d us before full, partial %v", seed, cost, burst, rate, fullAt-before, partial)
		if lo, hi := b.granted(before, fullAt, cost, partial), b.granted(after, fullAt, cost, partial); granted < min(lo, hi) || granted > max(lo, hi) {
			t.Errorf("%s: granted %d, want %d to %d", what, granted, lo, hi)
		}
		if lo, hi := max(fullAt, before)+b.span(granted), max(fullAt, after)+b.span(granted); now < lo-1 || now > hi+1 {
			t.Errorf("%s: full at %d, want %d to %d", what, now, lo, hi)
		}
		if lo, hi := b.most(before, now+1), b.most(after, now-1); remaining < lo || remaining > hi {
			t.Errorf("%s: %d remain, want %d to %d", what, remaining, lo, hi)
		}
		next := cost
		if partial {
			next = 1
		}
		switch wait := float64(max(now, before)+b.span(next)-b.capacity()) / 1e6; {
		case allowed != (granted == cost):
			t.Errorf("%s: allowed %v with %d", what, allowed, granted)
		case allowed && retry != 0, !allowed && !partial && float64(cost) > burst+1 && retry < 1e300:
			t.Errorf("%s: ask again in %g s", what, retry)
		case !allowed && float64(next) <= burst && (retry > wait-float64(before)/1e6+2e-6 || retry < wait-float64(after)/1e6-2e-6 && retry > 0):
			t.Errorf("%s: ask again in %g s, want %g to %g", what, retry, wait-float64(after)/1e6, wait-float64(before)/1e6)
		}
		if reset < 0 || reset > float64(now-before)/1e6+2e-6 {
			t.Errorf("%s: full in %g s", what, reset)
		}
	}
}

// Many take from the same budgets in every order, while others sweep and reset and set
// rules: nobody waits for ever, and what was granted is what there was.
func TestTakesOfManyBudgetsAtOnce(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `alter table ratelimit.states set (autovacuum_enabled = off)`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var others, takers sync.WaitGroup
	other := func(statement string) {
		conn := db.Conn(t)
		others.Go(func() {
			for ctx.Err() == nil {
				if _, err := conn.Exec(context.Background(), statement); err != nil {
					t.Errorf("%s: %v", statement, err)
					return
				}
			}
		})
	}
	for range 2 {
		other(`select ratelimit.sweep()`)
		other(`select ratelimit.reset('passing')`)
		other(`select ratelimit.take('passing', 1e5, 1)`)
		other(`select ratelimit.set_rule('raced', 'rest', 'ip', 1)`)
		other(`select ratelimit.drop_rule('raced')`)
	}
	const keys, burst = 20, 50
	var granted [keys]atomic.Int64
	for i := range 8 {
		conn := db.Conn(t)
		random := rand.New(rand.NewPCG(uint64(i), 2))
		takers.Go(func() {
			for range 20 {
				order := append(random.Perm(keys), random.Perm(keys)...)
				var rates, bursts []float64
				names := make([]string, len(order))
				for j, k := range order {
					names[j] = fmt.Sprintf("key %d", k)
					rates, bursts = append(rates, 1e-6), append(bursts, burst)
				}
				rows, err := conn.Query(ctx, `select item, granted from ratelimit.take_many($1, $2, $3)`, names, rates, bursts)
				if err != nil {
					t.Error(err)
					return
				}
				var item int
				var n int64
				if _, err := pgx.ForEachRow(rows, []any{&item, &n}, func() error {
					granted[order[item-1]].Add(n)
					return nil
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	takers.Wait()
	cancel()
	others.Wait()
	for k := range granted {
		if n := granted[k].Load(); n != burst {
			t.Errorf("of key %d %d were granted, want %d", k, n, burst)
		}
	}
}
