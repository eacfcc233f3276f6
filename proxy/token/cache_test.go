package token

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

func hashOf(s string) *tokenHash {
	h := sha256.Sum256([]byte(s))
	return &h
}

func (c *cache) len() (n int) {
	for i := range c.shards {
		n += len(c.shards[i].entries)
	}
	return n
}

func TestCacheStaysWithinItsSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 31, 33, 100, 1000} {
		c := newCache(size, maxCacheBytes)
		limits := 0
		for i := range c.shards {
			limits += c.shards[i].limit
		}
		if limits != size {
			t.Errorf("shards of a cache of %d hold %d", size, limits)
		}
		for i := range 4 * size {
			h := hashOf(fmt.Sprint(i))
			c.put(h, &grant{iat: int64(i)}, 0)
			if g := c.get(h); g == nil || g.iat != int64(i) {
				t.Fatalf("size %d: entry %d is %+v just after it was put", size, i, g)
			}
		}
		if n := c.len(); n != size {
			t.Errorf("cache of %d holds %d after four times as many", size, n)
		}
	}
}

func TestCacheStaysWithinItsBytes(t *testing.T) {
	t.Parallel()
	const most = 64 << 10
	c := newCache(1000, most)
	for i := range 400 {
		h, g := hashOf(fmt.Sprint(i)), &grant{caller: pg.Caller{Role: "anon", Claims: strings.Repeat("x", i*3)}}
		c.put(h, g, 0)
		if c.get(h) != g {
			t.Fatalf("entry %d is gone just after it was put", i)
		}
		sum := 0
		for i := range c.shards {
			bytes := 0
			for _, e := range c.shards[i].entries {
				bytes += e.grant.size()
			}
			if bytes != c.shards[i].bytes {
				t.Fatalf("%d bytes are counted, %d are there", c.shards[i].bytes, bytes)
			}
			sum += bytes
		}
		if sum > most {
			t.Fatalf("%d bytes in a cache of %d", sum, most)
		}
	}
	huge := hashOf("huge")
	if c.put(huge, &grant{caller: pg.Caller{Claims: strings.Repeat("x", most)}}, 0); c.get(huge) != nil {
		t.Error("an entry larger than the cache is kept")
	}
}

func TestCacheHasMetrics(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, Config{Secret: secret, CacheSize: 2})
	for _, sub := range []string{"a", "b", "b", "c"} {
		if _, err := v.Verify(t.Context(), good(`{"role":"anon","sub":"`+sub+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(v)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.Metric[0].GetCounter().GetValue() + f.Metric[0].GetGauge().GetValue()
	}
	want := map[string]float64{
		"fluxbase_jwt_cache_hits_total": 1, "fluxbase_jwt_cache_misses_total": 3, "fluxbase_jwt_cache_evictions_total": 1,
		"fluxbase_jwt_cache_entries": 2, "fluxbase_jwt_cache_bytes": float64(2 * (entryBytes + len(`anon{"role":"anon","sub":"a"}a`))),
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCacheKeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	c := newCache(3, maxCacheBytes)
	used, unused := hashOf("used"), hashOf("unused")
	c.put(used, &grant{}, 0)
	c.put(unused, &grant{}, 0)
	for i := range 50 { // a scan of tokens that come once
		if c.get(used) == nil {
			t.Fatalf("the entry in use was gone after %d others", i)
		}
		c.put(hashOf(fmt.Sprint(i)), &grant{}, 0)
	}
	if c.get(unused) != nil {
		t.Error("the entry that nobody used is still there")
	}
}

func TestCacheEvictsWhenAllWereUsed(t *testing.T) {
	t.Parallel()
	c := newCache(2, maxCacheBytes)
	a, b, d := hashOf("a"), hashOf("b"), hashOf("d")
	c.put(a, &grant{}, 0)
	c.put(b, &grant{}, 0)
	c.get(a)
	c.get(b)
	c.put(d, &grant{}, 0)
	if c.get(a) != nil || c.get(b) == nil || c.get(d) == nil {
		t.Error("want the oldest gone and the two others there")
	}
}

// The hand goes on from where it stopped: what it has spared once is not the next
// to go before it has been all the way round.
func TestCacheHandDoesNotStartAgain(t *testing.T) {
	t.Parallel()
	c := newCache(3, maxCacheBytes)
	for _, name := range []string{"a", "b", "c"} {
		c.put(hashOf(name), &grant{}, 0)
	}
	c.get(hashOf("a"))
	c.put(hashOf("d"), &grant{}, 0) // spares a, drops b
	c.put(hashOf("e"), &grant{}, 0) // drops c
	for name, want := range map[string]bool{"a": true, "b": false, "c": false, "d": true, "e": true} {
		if got := c.get(hashOf(name)) != nil; got != want {
			t.Errorf("%s is there: %v, want %v", name, got, want)
		}
	}
}

func TestCachePutTwiceIsOnce(t *testing.T) {
	t.Parallel()
	c := newCache(2, maxCacheBytes)
	first := &grant{iat: 1}
	c.put(hashOf("a"), first, 0)
	c.put(hashOf("a"), &grant{iat: 2}, 0)
	if c.get(hashOf("a")) != first || c.len() != 1 {
		t.Errorf("got %+v and %d entries, want the first alone", c.get(hashOf("a")), c.len())
	}
}

// Many goroutines with more tokens than the cache holds, while time passes: each
// answer is that token's own, and none comes after its end.
func TestManyGoroutinesGetTheirOwnCaller(t *testing.T) {
	t.Parallel()
	const tokens, workers, rounds = 24, 8, 300
	v := newVerifier(t, Config{Secret: secret, CacheSize: 8})
	var now atomic.Int64
	v.now = func() time.Time { return time.Unix(now.Load(), 0) }

	texts, callers := make([]string, tokens), make([]pg.Caller, tokens)
	for i := range tokens {
		role := fmt.Sprint("role", i)
		claims := fmt.Sprintf(`{"role":%q,"exp":%d}`, role, 100*i)
		texts[i], callers[i] = good(claims), pg.Caller{Role: role, Claims: claims}
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for r := range rounds {
				i := (w*7 + r*5) % tokens
				before := now.Load()
				got, err := v.Verify(t.Context(), texts[i])
				after := now.Add(1)
				switch end := int64(100*i + skew); {
				case err == nil && got != callers[i]:
					t.Errorf("token %d gave %+v", i, got)
				case err == nil && before > end:
					t.Errorf("token %d was good at %d, after its end %d", i, before, end)
				case err != nil && after <= end:
					t.Errorf("token %d was refused at %d, before its end %d: %v", i, after, end, err)
				}
			}
		})
	}
	wg.Wait()
	if n := v.cache.len(); n > 8 {
		t.Errorf("cache of 8 holds %d", n)
	}
}
