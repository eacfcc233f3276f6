package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/fluxbase/fluxbase/proxy/jobs/wake"
	"github.com/fluxbase/fluxbase/proxy/webhook"
)

func newDispatcher(t *testing.T, cfg Config) *Dispatcher {
	t.Helper()
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	d := New(cfg, Deps{Waker: wake.New(nil, log), Keeper: NewKeeper(nil, log), Log: log})
	d.base, d.waiter = t.Context(), d.Waker.Join("default", func(string) bool { return true })
	return d
}

// runs has the queue hand out jobs, and returns their tasks.
func runs(d *Dispatcher, ids ...int64) (list []*task) {
	events := make([]event, len(ids))
	for i, id := range ids {
		events[i] = event{Event: "run", Job: Job{ID: id, Token: 10 * id, Kind: "k", Queue: "default"}}
	}
	d.obey(events, len(events)+1)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		list = append(list, d.tasks[key{id, 10 * id}])
	}
	return list
}

func handle(d *Dispatcher, h Handler) { d.Handlers = map[string]Handler{"k": h} }

// said waits until n jobs have ended, and returns what is to be told of them.
func said(t *testing.T, d *Dispatcher, n int) speech {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		d.mu.Lock()
		ended := len(d.done) + len(d.failed)
		d.mu.Unlock()
		if ended >= n {
			return d.collect(time.Now())
		}
		select {
		case <-d.kick:
		case <-deadline:
			t.Fatalf("%d of %d jobs have ended", ended, n)
		}
	}
}

func TestZeroAndNegativeMeanTheDefault(t *testing.T) {
	t.Parallel()
	want := Config{Concurrency: 10, Namespace: "default", Timeout: 5 * time.Minute, Lease: 30 * time.Second, Poll: time.Second, Shutdown: 5 * time.Minute}
	for _, c := range []Config{{}, {Concurrency: -1, Timeout: -1, Lease: -1, Poll: -1, Shutdown: -1}} {
		if err := c.Check(); err != nil || fmt.Sprint(c) != fmt.Sprint(want) {
			t.Errorf("%+v, %v; want %+v", c, err, want)
		}
	}
	short := Config{Lease: time.Millisecond}
	if err := short.Check(); err != nil || short.Lease != 3*time.Second {
		t.Errorf("a lease of a millisecond is %s, %v", short.Lease, err)
	}
}

// What handlers come to is told as the queue understands it.
func TestWhatIsToldOfAHandler(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do   Handler
		want string
	}{
		"error":   {func(context.Context, *Job) error { return errors.New("no") }, `{"id":1,"token":10,"outcome":"failed","error":"no"}`},
		"hostile": {func(context.Context, *Job) error { return errors.New("a\x00b\xff") }, `{"id":1,"token":10,"outcome":"failed","error":"ab"}`},
		"later":   {func(context.Context, *Job) error { return &Failure{Err: errors.New("no"), RetryIn: time.Minute} }, `{"id":1,"token":10,"outcome":"failed","error":"no","retry_in":60}`},
		"never": {func(context.Context, *Job) error {
			return fmt.Errorf("so: %w", &Failure{Err: errors.New("no"), Discard: true})
		}, `{"id":1,"token":10,"outcome":"failed","error":"so: no","discard":true}`},
		"not begun": {func(context.Context, *Job) error { return &Failure{Err: errors.New("no"), NotBegun: true} }, `{"id":1,"token":10,"outcome":"interrupted","error":"no","retry_in":1}`},
		"an event":  {func(context.Context, *Job) error { return &Suspended{Event: "paid:7"} }, `{"id":1,"token":10,"outcome":"suspended","error":"the job waits","event":"paid:7"}`},
		"or a time": {func(context.Context, *Job) error { return &Suspended{Event: "paid:7", For: time.Hour} }, `{"id":1,"token":10,"outcome":"suspended","error":"the job waits","retry_in":3600,"event":"paid:7"}`},
		"neither":   {func(context.Context, *Job) error { return &Suspended{} }, `{"id":1,"token":10,"outcome":"suspended","error":"the job waits"}`},
		"too long":  {func(ctx context.Context, _ *Job) error { <-ctx.Done(); return context.Cause(ctx) }, `{"id":1,"token":10,"outcome":"timeout","error":"it took longer than 20ms"}`},
		"too long, and why": {func(ctx context.Context, _ *Job) error {
			<-ctx.Done()
			return errors.New("no")
		}, `{"id":1,"token":10,"outcome":"timeout","error":"it took longer than 20ms: no"}`},
		"no deadline": {func(ctx context.Context, _ *Job) error { _, ok := ctx.Deadline(); return fmt.Errorf("told: %t", ok) }, `{"id":1,"token":10,"outcome":"failed","error":"told: true"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDispatcher(t, Config{Timeout: 20 * time.Millisecond})
			handle(d, tt.do)
			runs(d, 1)
			s := said(t, d, 1)
			if got, err := json.Marshal(s.failed); err != nil || string(got) != "["+tt.want+"]" {
				t.Errorf("told is %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// What a process lacks is no fault of the job: another one may have it.
func TestWhatAProcessCannotDoIsLeftToOthers(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]*handler{
		"no key to sign with": {Kind: "k", Queue: "default", URL: "http://127.0.0.1:9", Secrets: []webhook.Secret{{ID: "s"}}},
		"no functions":        {Kind: "k", Queue: "default", EdgeFunction: "f"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDispatcher(t, Config{})
			d.use([]*handler{h})
			runs(d, 1)
			s := said(t, d, 1)
			if len(s.failed) != 1 || s.failed[0].Outcome != "interrupted" || *s.failed[0].RetryIn != elsewhere.Seconds() {
				t.Errorf("told is %+v", s.failed)
			}
		})
	}
}

// A panic ends a job, not the process, and where it was is kept.
func TestAPanicIsAFailure(t *testing.T) {
	t.Parallel()
	d := newDispatcher(t, Config{Concurrency: 1})
	handle(d, func(_ context.Context, job *Job) error {
		if job.ID == 1 {
			panic("no")
		}
		return nil
	})
	runs(d, 1, 2)
	s := said(t, d, 2)
	if len(s.failed) != 1 || s.failed[0].ID != 1 || s.failed[0].Error != "panic: no" || !strings.Contains(s.failed[0].Stack, "TestAPanicIsAFailure") {
		t.Errorf("told is %+v", s.failed)
	}
	if !slices.Equal(s.done, []key{{2, 20}}) {
		t.Errorf("done are %v, want the next one", s.done)
	}
}

// Progress waits for nobody. What is said in quick succession is told once, at most four
// times a second, and the last word always, also of one that fails.
func TestTheLastWordOfProgressIsTold(t *testing.T) {
	t.Parallel()
	d := newDispatcher(t, Config{})
	end := make(chan error)
	handle(d, func(_ context.Context, job *Job) error {
		for i := range 10_000 { // nobody listens
			job.Progress(float64(i)/100, "at "+fmt.Sprint(i), json.RawMessage(fmt.Sprint(i)))
		}
		end <- nil
		<-end
		job.Progress(-1, "late\x00", json.RawMessage(`"\u0000"`))
		return <-end
	})
	task := runs(d, 1)[0]
	<-end
	now := time.Now()
	told := func(at time.Time) string {
		t.Helper()
		d.mu.Lock()
		defer d.mu.Unlock()
		b, err := json.Marshal(d.takeProgress(at))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := told(now); got != `[{"id":1,"token":10,"percent":99.99,"message":"at 9999","data":9999}]` {
		t.Errorf("told is %s", got)
	}
	if got := told(now.Add(time.Hour)); got != `null` {
		t.Errorf("with nothing new told is %s", got)
	}
	end <- nil
	for d.mu.Lock(); task.said == nil; d.mu.Lock() {
		d.mu.Unlock()
		<-d.kick
	}
	if next := d.nextProgress(now); next != progressEvery {
		t.Errorf("the next is told in %s", next)
	}
	d.mu.Unlock()
	if got := told(now.Add(progressEvery - 1)); got != `null` {
		t.Errorf("too soon told is %s", got)
	}
	end <- errors.New("no")
	said := said(t, d, 1)
	if got, _ := json.Marshal(said.progress); string(got) != `[{"id":1,"token":10,"percent":null,"message":"late"}]` {
		t.Errorf("of one that failed told is %s", got)
	}
}

// What was claimed and finds no room is given to others.
func TestWhatWaitsTooLongIsGivenBack(t *testing.T) {
	t.Parallel()
	d := newDispatcher(t, Config{Concurrency: 1})
	end := make(chan struct{})
	handle(d, func(context.Context, *Job) error { <-end; return nil })
	runs(d, 1, 2, 3)
	s := d.collect(time.Now().Add(maxWait - time.Second))
	if len(s.failed) > 0 {
		t.Errorf("too soon given back are %+v", s.failed)
	}
	s = d.collect(time.Now().Add(maxWait + time.Second))
	if len(s.failed) != 2 || s.failed[0].Outcome != "interrupted" || s.failed[1].ID != 3 || s.want != 0 {
		t.Errorf("given back are %+v, and wanted %d", s.failed, s.want)
	}
	close(end)
	if s = said(t, d, 1); !slices.Equal(s.done, []key{{1, 10}}) {
		t.Errorf("done are %v", s.done)
	}
}

// A handler is told why it is to stop, and what never began just goes.
func TestWhyAJobIsToStop(t *testing.T) {
	t.Parallel()
	d := newDispatcher(t, Config{Concurrency: 2})
	causes := make(chan error, 2)
	handle(d, func(ctx context.Context, _ *Job) error {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return context.Cause(ctx)
	})
	runs(d, 1, 2, 3)
	reason := json.RawMessage(`{"reason": "the order is void"}`)
	d.obey([]event{
		{Event: "cancel", Job: Job{ID: 1, Token: 10, Meta: reason}},
		{Event: "cancel", Job: Job{ID: 3, Token: 30, Meta: reason}},
		{Event: "cancel", Job: Job{ID: 4, Token: 40}}, // which it does not have
	}, 0)
	if cause := <-causes; !errors.Is(cause, ErrCancelled) || cause.Error() != "the job was cancelled: the order is void" {
		t.Errorf("it is told %v", cause)
	}
	s := said(t, d, 2)
	for _, f := range s.failed {
		if f.Outcome != "cancelled" || f.Error != "the job was cancelled: the order is void" {
			t.Errorf("told is %+v", f)
		}
	}
	d.obey([]event{{Event: "lost", Job: Job{ID: 2, Token: 20}}}, 0)
	if cause := <-causes; !errors.Is(cause, ErrLost) {
		t.Errorf("it is told %v", cause)
	}
	for d.mu.Lock(); d.active > 0; d.mu.Lock() {
		d.mu.Unlock()
		<-d.kick
	}
	d.mu.Unlock()
	if s = d.collect(time.Now()); len(s.done)+len(s.failed) > 0 || len(d.tasks) > 0 {
		t.Errorf("of what is another's is told %+v", s)
	}
}

// When a call came to nothing, all is said again; progress only if nothing newer was.
func TestWhatNobodyHeardIsSaidAgain(t *testing.T) {
	t.Parallel()
	d := newDispatcher(t, Config{})
	end := make(chan struct{})
	handle(d, func(_ context.Context, job *Job) error {
		switch job.ID {
		case 1:
			return nil
		case 2:
			return errors.New("no")
		}
		<-end
		return nil
	})
	list := runs(d, 1, 2, 3, 4)
	list[2].Progress(1, "old", nil)
	list[3].Progress(1, "old", nil)
	first := said(t, d, 2)
	list[3].Progress(2, "new", nil)
	d.mu.Lock()
	d.unsay(&first)
	d.mu.Unlock()
	again := d.collect(time.Now().Add(time.Second))
	if !slices.Equal(again.done, first.done) || len(again.failed) != 1 || again.failed[0].ID != 2 {
		t.Errorf("said again is %+v, of %+v", again, first)
	}
	slices.SortFunc(again.progress, func(a, b progress) int { return int(a.ID - b.ID) })
	if len(again.progress) != 2 || again.progress[0].Message != "old" || again.progress[1].Message != "new" {
		t.Errorf("progress is %+v", again.progress)
	}
	close(end)
	said(t, d, 2)
}

// While the queue is not heard of jobs are stopped before others may begin them.
func TestJobsStopBeforeTheirLeaseEnds(t *testing.T) {
	t.Parallel()
	d := newDispatcher(t, Config{Lease: 10 * time.Second})
	causes := make(chan error)
	handle(d, func(ctx context.Context, _ *Job) error {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return context.Cause(ctx)
	})
	runs(d, 1)
	now := time.Now()
	d.heard, d.known = now, true
	d.pause(now.Add(6900 * time.Millisecond))
	if !d.known {
		t.Error("it gives up too soon")
	}
	d.pause(now.Add(7100 * time.Millisecond))
	if cause := <-causes; d.known || !errors.Is(cause, ErrLost) {
		t.Errorf("it is known: %t, and stopped by %v", d.known, cause)
	}
	if s := said(t, d, 1); len(s.failed) != 1 || s.failed[0].Outcome != "interrupted" {
		t.Errorf("told is %+v", s.failed)
	}
}

func FuzzReadEvents(f *testing.F) {
	f.Add([]byte("run\t1\t2\t1\t25\t0\tdefault\tq\t\"2026-01-01T00:00:00+00:00\"\t\"k\"\tnull\t{}\nlost\t3\t4\tnull\ncancel\t5\t6\t{\"reason\": \"no\"}"))
	f.Add([]byte("run\t1"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		events, err := readEvents(text)
		if err != nil && events != nil {
			t.Errorf("%q gives %v beside %v", text, events, err)
		}
	})
}

func FuzzUnquote(f *testing.F) {
	for _, s := range []string{`"a"`, `"a\"b"`, `""`, `"`, `null`, `"\ud83d\ude00"`} {
		f.Add([]byte(s), "a")
	}
	f.Fuzz(func(t *testing.T, b []byte, last string) {
		var want string
		if json.Unmarshal(b, &want) != nil || !utf8.Valid(b) || len(bytes.TrimSpace(b)) != len(b) {
			return
		}
		if got, err := unquote(b, last); err != nil || got != want {
			t.Errorf("%s is read as %q, %v", b, got, err)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("a\x00\xff", 2)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = max(0, most%100)
		got := text(s, most)
		if len(got) > most || strings.Contains(got, "\x00") || strings.ToValidUTF8(got, "") != got {
			t.Errorf("%q is kept as %q", s, got)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "-1", "120", "99999999999999999999", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "soon"} {
		f.Add(s)
	}
	now := time.Date(2026, 10, 21, 7, 27, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if d := RetryAfter(s, now); d < 0 || d > 24*time.Hour {
			t.Errorf("%q is %s", s, d)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 21, 7, 27, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "soon": 0, "1.5": 0, "120": 2 * time.Minute, "864000": 24 * time.Hour, "9223372036854775807": 24 * time.Hour,
		"Wed, 21 Oct 2026 07:28:00 GMT": time.Minute, "Wed, 21 Oct 2026 07:26:00 GMT": 0, "Fri, 21 Oct 2033 07:28:00 GMT": 24 * time.Hour,
	} {
		if got := RetryAfter(value, now); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}

// BenchmarkJobs is what this process does of a job that does nothing: reads it off an answer of
// the queue, runs it, and notes that it is done.
func BenchmarkJobs(b *testing.B) {
	const batch = 500
	cfg := Config{Concurrency: 100}
	if err := cfg.Check(); err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	d := New(cfg, Deps{Waker: wake.New(nil, log), Keeper: NewKeeper(nil, log), Log: log, Handlers: map[string]Handler{"noop": func(context.Context, *Job) error { return nil }}})
	d.base, d.waiter = b.Context(), d.Waker.Join("default", func(string) bool { return true })
	var answer []byte
	for i := range batch {
		answer = fmt.Appendf(answer, "run\t%d\t7\t1\t25\t2\tdefault\tdefault\t\"2026-01-01T00:00:00.123456+00:00\"\t\"noop\"\tnull\t{\"number\": %d, \"body\": \"%s\"}\n", i+1, i, strings.Repeat("x", 70))
	}
	b.ReportAllocs()
	for b.Loop() {
		events, err := readEvents(answer)
		if err != nil {
			b.Fatal(err)
		}
		d.obey(events, batch+1)
		for ended := 0; ended < batch; {
			<-d.kick
			d.mu.Lock()
			ended = len(d.done)
			d.mu.Unlock()
		}
		d.collect(time.Now())
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "us/job")
}
