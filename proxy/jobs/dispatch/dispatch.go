package dispatch

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/fluxbase/fluxbase/proxy/jobs/wake"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/trace"
)

// Deps is what a Dispatcher is made of.
type Deps struct {
	// DB speaks with the queue, Work runs jobs that are functions of the database as
	// service_role: both are logins that may become it. Requests runs those of other roles.
	DB, Work, Requests *pg.DB
	// Waker tells of new jobs, and Keeper is told when some end.
	Waker  *wake.Waker
	Keeper *Keeper
	// Seals opens the secrets of handlers over HTTP; nil has none of these called.
	Seals *seal.Keys
	// Handlers are functions of this process, by kind, for jobs of Config.Queues.
	Handlers map[string]Handler
	// Functions has an edge function do a job; nil where there are none, and then this process
	// claims no jobs of queues that have no others.
	Functions func(ctx context.Context, name string, job *Job) error
	// Name of this process, for people.
	Name string
	Log  *slog.Logger
}

// Dispatcher works on jobs.
type Dispatcher struct {
	Deps
	cfg    Config
	worker string
	waiter *wake.Waiter
	http   *http.Client
	kick   chan struct{}   // something is to be told
	base   context.Context // of all handlers

	handlers handlers

	mu     sync.Mutex
	tasks  map[key]*task // claimed and not ended
	queue  []*task       // of these, those that did not begin
	active int           // of these, those that run
	done   []key
	failed []failed
	last   []progress // of those that failed
	speed  time.Duration
	recent int  // tasks that ended since the last claim
	dirty  bool // some task has progress to be stored

	// Of the loop alone.
	known     bool      // the worker is registered, and holds just the tasks
	heard     time.Time // when the last call began that was answered
	nextClaim time.Time
	nextBeat  time.Time
	tries     int // since the last wake
	draining  bool
}

// afterWake are the pauses between claims that found nothing although a message told of jobs:
// it comes a moment before others see the commit.
var afterWake = []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond}

// New makes a Dispatcher that works while Run does.
func New(cfg Config, deps Deps) *Dispatcher {
	d := &Dispatcher{
		Deps: deps, cfg: cfg, worker: NewID(), http: newClient(cfg.PrivateAddresses), kick: make(chan struct{}, 1), tasks: map[key]*task{},
	}
	d.handlers.changed = make(chan struct{}, 1)
	return d
}

// NewID makes a UUID of version 4.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// HandlersChanged has the handlers read again, soon.
func (d *Dispatcher) HandlersChanged() { poke(d.handlers.changed) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run works until ctx ends; then it claims no more, lets what runs come to its end for as
// long as Config.Shutdown, and gives the rest to others.
func (d *Dispatcher) Run(ctx context.Context) {
	background := context.WithoutCancel(ctx)
	d.base = background
	var reading sync.WaitGroup
	reading.Go(func() { d.keepHandlers(ctx) })
	defer reading.Wait()
	d.waiter = d.Waker.Join(d.cfg.Namespace, func(queue string) bool { return d.any() && slices.Contains(d.queues(), queue) })
	for d.rest(ctx) {
		d.speak(background)
	}
	d.drain(background)
}

// rest waits until there is something to say or to ask for. It tells whether ctx holds.
func (d *Dispatcher) rest(ctx context.Context) bool {
	for {
		now := time.Now()
		pause := d.pause(now)
		if ctx.Err() != nil || pause <= 0 {
			return ctx.Err() == nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-d.kick:
		case <-d.waiter.C:
			d.nextClaim, d.tries = now, 1
		case <-timer.C:
		}
		timer.Stop()
	}
}

// company is for how long what has ended waits for more of that.
const company = time.Millisecond

// pause is how long there is nothing to say, if nothing happens.
func (d *Dispatcher) pause(now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.checkLease(now)
	if len(d.done)+len(d.failed) > 0 {
		if d.active == 0 || len(d.done)+len(d.failed) >= d.cfg.Concurrency || now.Sub(d.heard) > company {
			return 0
		}
		return company - now.Sub(d.heard)
	}
	pause := time.Hour
	if d.want() > 0 {
		pause = min(pause, d.nextClaim.Sub(now))
	}
	if len(d.tasks) > 0 || d.any() || d.draining {
		pause = min(pause, d.nextBeat.Sub(now))
	}
	if d.dirty {
		pause = min(pause, d.nextProgress(now))
	}
	return pause
}

// ahead bounds what is claimed before it can begin: what this process does in so much time,
// not more than that many, and at most twice what it did since the last claim, so that slow
// jobs behind fast ones are left to others.
const (
	ahead    = 100 * time.Millisecond
	maxAhead = 1000
)

// want is how many jobs may be claimed now.
func (d *Dispatcher) want() int {
	if d.draining || !d.any() {
		return 0
	}
	more := 0
	if d.speed > 0 {
		more = min(maxAhead, 2*d.recent, int(time.Duration(d.cfg.Concurrency)*ahead/d.speed))
	}
	return d.cfg.Concurrency + more - d.active - len(d.queue)
}

// begin starts what is claimed, as far as there is room.
func (d *Dispatcher) begin() {
	for t := d.next(); t != nil; t = d.next() {
		go func() {
			// One after the other: a new goroutine has to grow its stack first.
			for t != nil {
				t = d.work(t)
			}
		}()
	}
}

// next takes a job to be done now; nil if there is none or no room.
func (d *Dispatcher) next() *task {
	if d.active >= d.cfg.Concurrency || len(d.queue) == 0 {
		return nil
	}
	t := d.queue[0]
	d.queue[0], d.queue = nil, d.queue[1:]
	d.active++
	t.began = time.Now()
	t.ctx, t.cancel = context.WithCancelCause(d.base)
	return t
}

// bounded is a context that tells when somebody will cancel it. A second one below the first
// would cost more than all else of a job.
type bounded struct {
	context.Context
	deadline time.Time
}

func (c bounded) Deadline() (time.Time, bool) { return c.deadline, true }

// work does one job and returns the next.
func (d *Dispatcher) work(t *task) *task {
	defer t.cancel(nil)
	h, timeout := d.handlerOf(t.ctx, t)
	timeout = t.timeout(timeout, d.cfg.Timeout)
	timer := time.AfterFunc(timeout, func() { t.cancel(context.DeadlineExceeded) })
	defer timer.Stop()
	ctx := trace.Continue(bounded{t.ctx, t.began.Add(timeout)}, t.traceparent())
	name, about := "", []attribute.KeyValue(nil)
	if trace.On(ctx) {
		name, about = "job "+t.Kind, t.attributes()
	}
	ctx, span := trace.Start(ctx, name, about...)
	err := run(ctx, h, &t.Job)
	if err != nil {
		span.SetStatus(codes.Error, text(err.Error(), maxMessage))
	}
	span.End()
	var f *failed
	if err != nil {
		f = t.verdict(ctx, err, timeout)
	}
	d.mu.Lock()
	d.active--
	d.recent++
	d.took(time.Since(t.began))
	d.end(t, f)
	next := d.next()
	d.mu.Unlock()
	poke(d.kick)
	return next
}

// took learns how long jobs take.
func (d *Dispatcher) took(last time.Duration) {
	last = max(last, time.Microsecond)
	if d.speed == 0 {
		d.speed = last
	}
	d.speed += (last - d.speed) / 8
}

// end notes how a task has ended; f is nil for one that is done.
func (d *Dispatcher) end(t *task, f *failed) {
	if d.tasks[t.key()] != t {
		return // it is another's by now
	}
	delete(d.tasks, t.key())
	if f == nil {
		d.done = append(d.done, t.key())
		return
	}
	if t.said != nil {
		d.last = append(d.last, *t.said)
	}
	d.failed = append(d.failed, *f)
}

// checkLease stops what may be another's: for so long the queue was not heard of.
func (d *Dispatcher) checkLease(now time.Time) {
	// jobs.heartbeat leaves at least so much of it.
	if len(d.tasks) == 0 || now.Sub(d.heard) < d.cfg.Lease*7/10 {
		return
	}
	for _, t := range d.tasks {
		if t.cancel != nil {
			t.cancel(ErrLost)
		}
	}
	d.known = false
}
