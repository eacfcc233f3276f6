package worker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/tests/deno"
)

// Not in parallel: it counts what this process has open, and which processes it has.
func TestAHundredInvocationsLeaveNothingBehind(t *testing.T) {
	b := newBed(t, Options{Spares: 1, Total: 6}, map[string]string{
		"fine": `Deno.serve(() => new Response("fine"));`, "boot": `throw new Error("no");`,
		"exit": `Deno.serve(() => Deno.exit(3));`, "throw": `Deno.serve(() => { throw 1; });`,
	})
	b.deploy("spin", `Deno.serve(() => { for (;;); });`, Limits{CPU: 50 * time.Millisecond})
	b.deploy("hang", `Deno.serve(() => new Promise(() => {}));`, Limits{Wall: 100 * time.Millisecond})
	idle := func() bool { s := b.Pool.Stats(); return s.Spares == 1 && s.Workers == 1 && s.Calls == 0 }
	eventually(t, "the spare is there", idle)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	files, children := descriptors(t), processes(t)
	var wg sync.WaitGroup
	statuses := make(chan int, 100)
	for i := range 100 {
		wg.Go(func() {
			res, err := client.Get(b.URL + "/" + []string{"fine", "boot", "exit", "throw", "spin", "hang", "boot", "fine"}[i%8])
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			statuses <- res.StatusCode
		})
	}
	wg.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	if count[200] == 0 || count[500] == 0 || count[503] == 0 || count[StatusLimit] == 0 {
		t.Errorf("not every kind of answer was seen: %v", count)
	}
	for name := range b.specs {
		b.Drop(name, "")
	}
	eventually(t, "only the spare is left", idle)
	eventually(t, fmt.Sprintf("%d descriptors are open as before, and %d processes there", files, children), func() bool {
		return descriptors(t) <= files && processes(t) <= children
	})
	if entries, _ := filepath.Glob(filepath.Join(b.Pool.o.Dir, "w*")); len(entries) != 1 {
		t.Errorf("directories are left: %v", entries)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// processes counts the children of this process, zombies too.
func processes(t *testing.T) (n int) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		n += len(strings.Fields(string(text)))
	}
	return n
}

func TestManyFunctionsShareFewWorkers(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{Spares: 1, Total: 4}, nil)
	for i := range 1000 {
		b.deploy(fmt.Sprint("f", i), fmt.Sprintf(`Deno.serve(() => new Response("I am %d"));`, i), Limits{})
	}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() { b.want(fmt.Sprint("/f", i*80), 200, fmt.Sprint("I am ", i*80)) })
	}
	wg.Wait()
	if s := b.Pool.Stats(); s.Workers > 4 {
		t.Errorf("there are %d workers", s.Workers)
	}
}

func TestWorkersGrowWithWhatWaits(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{Queue: 2, Spares: 1}, nil)
	b.deploy("busy", `Deno.serve(() => new Promise(() => {}));`, Limits{Concurrency: 1, Workers: 2, Idle: 300 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			r, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+"/busy", nil)
			if _, err := http.DefaultClient.Do(r); err == nil {
				t.Error("it answered")
			}
		})
		eventually(t, "it runs, or waits where two do", func() bool { s := b.Pool.Stats(); return s.Calls+s.Waiting > i && s.Calls == min(i+1, 2) })
	}
	eventually(t, "two run and two wait", func() bool { s := b.Pool.Stats(); return s.Calls == 2 && s.Waiting == 2 })
	res, err := http.Get(b.URL + "/busy")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || res.Header.Get("X-Relay-Error") != "true" || !strings.Contains(string(body), "WORKER_BUSY") {
		t.Errorf("got %d %v %s", res.StatusCode, res.Header, body)
	}
	cancel()
	wg.Wait()
	eventually(t, "idle workers end", func() bool { s := b.Pool.Stats(); return s.Workers == s.Spares })
}

func TestWorkersAreReplaced(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{Requests: 3}, map[string]string{"count": `let n = 0; Deno.serve(() => new Response("n" + ++n));`})
	for i := range 7 {
		b.want("/count", 200, fmt.Sprint("n", i%3+1))
	}
	one := b.deploy("one", `let n = 0; Deno.serve(() => new Response("n" + ++n));`, Limits{})
	one.Oneshot = true
	for range 3 {
		b.want("/one", 200, "n1")
	}
	old := b.deploy("v", `Deno.serve(async () => { await new Promise((r) => setTimeout(r, 500)); return new Response("old"); });`, Limits{})
	done := make(chan bool)
	go func() {
		b.want("/v", 200, "old")
		close(done)
	}()
	eventually(t, "the old version runs", func() bool { return b.Pool.Stats().Calls == 1 })
	next := b.deploy("v", `Deno.serve(() => new Response("new"));`, Limits{})
	b.Drop("v", next.Key)
	b.want("/v", 200, "new")
	<-done
	eventually(t, "the old version is gone", func() bool {
		b.Pool.mu.Lock()
		defer b.Pool.mu.Unlock()
		return b.Pool.groups[old.Key] == nil
	})
}

func TestCloseWaitsForRequests(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, map[string]string{"slow": `Deno.serve(async () => { await new Promise((r) => setTimeout(r, 500)); return new Response("done"); });`})
	done := make(chan bool)
	go func() {
		b.want("/slow", 200, "done")
		close(done)
	}()
	eventually(t, "it runs", func() bool { return b.Pool.Stats().Calls == 1 })
	if err := b.Pool.Close(context.Background()); err != nil {
		t.Error(err)
	}
	<-done
	b.want("/slow", 503, "WORKER_BUSY")
	if _, err := os.Stat(b.Pool.o.Dir); !os.IsNotExist(err) {
		t.Errorf("its directory is left: %v", err)
	}
}

func TestDirectoriesThatDenoDoesNotRead(t *testing.T) {
	t.Parallel()
	if p, err := New(Options{Deno: deno.Bin(t), Dir: "/dev/shm/x"}); p != nil || err == nil || !strings.Contains(err.Error(), "can't be below /dev/") {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestWorkersAreUsersOfTheirOwn(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Log("only root can be others: that all work as one user is what the other tests show")
		return
	}
	b := newBed(t, Options{UID: 64100, Total: 3}, map[string]string{"fine": `import a from "./a.json" with { type: "json" }; Deno.serve(() => new Response("fine"));`})
	b.specs["fine"].Files = func(context.Context) (map[string][]byte, error) {
		return map[string][]byte{"index.ts": []byte(`import { a } from "own/a.ts"; Deno.serve(() => new Response(a));`), "lib/a.ts": []byte(`export const a: string = "imported";`), "deno.json": []byte(`{"imports":{"own/":"./lib/"}}`)}, nil
	}
	b.want("/fine", 200, "imported")
	users := map[uint32]bool{}
	b.Pool.mu.Lock()
	defer b.Pool.mu.Unlock()
	for w := range b.Pool.workers {
		info, err := os.Stat("/proc/" + strconv.Itoa(w.proc.Pid))
		if err != nil {
			continue
		}
		uid := info.Sys().(*syscall.Stat_t).Uid
		if uid < 64100 || uid > 64102 || users[uid] {
			t.Errorf("a worker is user %d, of %v", uid, users)
		}
		users[uid] = true
		dir, err := os.Stat(w.dir)
		if err != nil || dir.Mode().Perm() != 0o700 || dir.Sys().(*syscall.Stat_t).Uid != uid {
			t.Errorf("its directory: %v, %v", dir, err)
		}
	}
}
