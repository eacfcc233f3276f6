package worker

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

var soak = flag.Duration("soak", 0, "how long the soak test runs; 0 leaves it out of what it asserts on memory")

const hello = `Deno.serve(() => new Response("hello"));`

// quantiles reports p50 and p99 of what took so long.
func quantiles(b *testing.B, name string, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), name+"-p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), name+"-p99-us")
}

// BenchmarkWarm has requests answered by a warm worker, in turn on its socket directly and
// through the pool: the difference is what a pool adds.
func BenchmarkWarm(b *testing.B) {
	bed := newBed(b, Options{Requests: 1 << 30}, map[string]string{"hello": hello})
	s := bed.specs["hello"]
	serve := func() {
		rec := httptest.NewRecorder()
		bed.Serve(rec, httptest.NewRequest(http.MethodGet, "/hello", nil), s, &Invocation{ID: "i"})
		if rec.Code != http.StatusOK {
			b.Fatal(rec.Code, rec.Body)
		}
	}
	for range 200 {
		serve()
	}
	bed.Pool.mu.Lock()
	w := bed.Pool.groups[s.Key].workers[0]
	bed.Pool.mu.Unlock()
	direct := func() {
		r, _ := http.NewRequest(http.MethodGet, "http://localhost/hello", nil)
		res, err := w.http.RoundTrip(r)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	var pooled, alone []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		direct()
		middle := time.Now()
		serve()
		alone, pooled = append(alone, middle.Sub(start)), append(pooled, time.Since(middle))
	}
	quantiles(b, "direct", alone)
	quantiles(b, "pool", pooled)
}

// BenchmarkCold is the first request of a function: code that was never there, of one module and
// of ten, by a worker that waits for code or has to be started.
func BenchmarkCold(b *testing.B) {
	for name, spares := range map[string]int{"spare": 1, "none": -1} {
		for _, modules := range []int{1, 10} {
			b.Run(fmt.Sprint(name, "/modules=", modules), func(b *testing.B) {
				bed := newBed(b, Options{Spares: spares}, nil)
				var took []time.Duration
				for i := 0; b.Loop(); i++ {
					s := bed.deploy(fmt.Sprint("f", i), "", Limits{})
					s.Files = func(context.Context) (map[string][]byte, error) { return typed(modules), nil }
					eventually(b, "the spare is there", func() bool { return bed.Pool.Stats().Spares == max(spares, 0) })
					rec := httptest.NewRecorder()
					start := time.Now()
					bed.Serve(rec, httptest.NewRequest(http.MethodGet, "/f", nil), s, &Invocation{ID: "i"})
					took = append(took, time.Since(start))
					if rec.Code != http.StatusOK || rec.Body.Len() != modules {
						b.Fatal(rec.Code, rec.Body)
					}
					bed.Drop(s.Name, "")
				}
				quantiles(b, "cold", took)
			})
		}
	}
}

// typed are so many modules of TypeScript, of which each adds a letter to the answer.
func typed(modules int) map[string][]byte {
	files := map[string][]byte{}
	head, sum := "", `"0"`
	for i := 1; i < modules; i++ {
		files[fmt.Sprintf("lib/m%d.ts", i)] = fmt.Appendf(nil, "export const m%d: string = \"%d\";", i, i)
		head += fmt.Sprintf("import { m%d } from \"./lib/m%d.ts\";\n", i, i)
		sum += fmt.Sprintf(" + m%d", i)
	}
	files["index.ts"] = []byte(head + "const all: string = " + sum + ";\nDeno.serve(() => new Response(all));")
	return files
}

// TestMemoryStaysFlat calls good and bad functions for as long as -soak says, and looks at what
// they leave: descriptors, processes, and the memory of both sides. Good workers live as long as
// a round, so that it shows if they grow.
func TestMemoryStaysFlat(t *testing.T) {
	b := newBed(t, Options{Total: 8, Requests: 1 << 30, Age: *soak + time.Hour}, map[string]string{
		"hello": hello, "throw": `Deno.serve(() => { throw 1; });`, "exit": `Deno.serve((r) => Math.random() < 0.01 ? Deno.exit() : new Response("x"));`,
		"leak": `const kept = []; Deno.serve(() => { kept.push(new Uint8Array(1 << 20).fill(1)); return new Response("kept"); });`,
		"log":  `Deno.serve(() => { for (let i = 0; i < 100; i++) console.log("line", i, { a: [1, 2, 3] }); return new Response("said"); });`,
	})
	type left struct {
		requests, descriptors  int
		heap, resident, worker int64 // in MiB: of this process, and what a good worker had at most
	}
	self, err := openUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = self.Close() }()
	round := func(d time.Duration) (l left) {
		end := time.Now().Add(d)
		var wg sync.WaitGroup
		var mu sync.Mutex
		for _, name := range []string{"hello", "throw", "exit", "leak", "log", "hello", "hello"} {
			wg.Go(func() {
				for time.Now().Before(end) {
					rec := httptest.NewRecorder()
					out := b.Serve(rec, httptest.NewRequest(http.MethodGet, "/"+name, nil), b.specs[name], &Invocation{ID: fmt.Sprint("i", time.Now().UnixNano()), Line: func(time.Time, string, string, bool) {}})
					mu.Lock()
					l.requests++
					if name == "hello" {
						l.worker = max(l.worker, out.MemoryPeak/mib)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for name := range b.specs {
			b.Drop(name, "")
		}
		eventually(t, "only spares are left", func() bool { s := b.Pool.Stats(); return s.Workers == s.Spares && s.Spares == 2 })
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		u, err := look(self)
		if err != nil {
			t.Fatal(err)
		}
		l.heap, l.resident, l.descriptors = int64(m.HeapAlloc)/mib, u.resident/mib, descriptors(t)
		return l
	}
	before := round(max(*soak/20, time.Second))
	after := round(max(*soak, time.Second))
	t.Logf("%+v, then %+v", before, after)
	if after.descriptors > before.descriptors+2 || after.heap > before.heap+4 {
		t.Error("something stays")
	}
	// Within half a million requests V8 comes to have some 100 MiB, and stays there.
	if *soak > 0 && (after.resident > before.resident+32 || after.worker > defaultMemory/mib/2) {
		t.Error("memory does not stay flat")
	}
}
