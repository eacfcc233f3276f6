package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/trace"
	"github.com/fluxbase/fluxbase/proxy/web"
	"github.com/fluxbase/fluxbase/proxy/webhook"
)

// handlers are those of jobs.handlers, as they were read last, and those in Go.
type handlers struct {
	changed chan struct{}
	set     atomic.Pointer[handlerSet]
	mu      sync.Mutex // of a look at the database
	last    []byte     // what it gave
	at      time.Time  // when it began
}

type handlerSet struct {
	byKind map[string]*handler
	queues []string // of those that this process can do
}

// handler is a row of jobs.list_handlers.
type handler struct {
	Kind     string           `json:"kind"`
	Queue    string           `json:"queue"`
	Function string           `json:"function"`
	Role     string           `json:"role"`
	URL      string           `json:"url"`
	Timeout  float64          `json:"timeout"` // seconds
	Call     string           `json:"call"`
	Whole    bool             `json:"whole"`
	Secrets  []webhook.Secret `json:"secrets"`
	// EdgeFunction names one, or is AnyFunction.
	EdgeFunction string `json:"edge_function"`
}

// AnyFunction stands for the edge function that the args of a job name.
const AnyFunction = "*"

// handlersEvery is how often they are read although nobody told of a change.
const handlersEvery = 5 * time.Second

// keepHandlers keeps them current until ctx ends.
func (d *Dispatcher) keepHandlers(ctx context.Context) {
	var failed string
	for {
		err := d.readHandlers(ctx, time.Now())
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failed = ""
		case failed != err.Error(): // once, not every time
			failed = err.Error()
			d.Log.Warn("the handlers of jobs can't be read; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-d.handlers.changed:
		case <-time.After(handlersEvery):
		}
	}
}

// readHandlers looks at the database, unless it did so since.
func (d *Dispatcher) readHandlers(ctx context.Context, since time.Time) error {
	d.handlers.mu.Lock()
	defer d.handlers.mu.Unlock()
	if d.handlers.at.After(since) {
		return nil
	}
	now := time.Now()
	text, err := d.ask(ctx, callTimeout,
		`select coalesce(json_agg(h order by h.kind), '[]')::text from jobs.list_handlers() as h where h.namespace = $1`, []byte(d.cfg.Namespace))
	if err != nil {
		return err
	}
	d.handlers.at = now
	if bytes.Equal(text, d.handlers.last) {
		return nil
	}
	var rows []*handler
	if err := json.Unmarshal(text, &rows); err != nil {
		return fmt.Errorf("read the handlers of jobs: %w", err)
	}
	d.handlers.last = text
	d.use(rows)
	return nil
}

// use makes handlers hold for the jobs that begin.
func (d *Dispatcher) use(rows []*handler) {
	set := &handlerSet{byKind: make(map[string]*handler, len(rows))}
	for _, h := range rows {
		set.byKind[h.Kind] = h
		if !slices.Contains(set.queues, h.Queue) && (h.EdgeFunction == "" || d.Functions != nil) {
			set.queues = append(set.queues, h.Queue)
		}
	}
	d.handlers.set.Store(set)
	poke(d.kick)
}

// queues are those to claim from.
func (d *Dispatcher) queues() []string {
	if len(d.cfg.Queues) > 0 {
		return d.cfg.Queues
	}
	if set := d.handlers.set.Load(); set != nil {
		return set.queues
	}
	return nil
}

// any tells whether there is something to do jobs with.
func (d *Dispatcher) any() bool {
	set := d.handlers.set.Load()
	return len(d.Handlers) > 0 && len(d.cfg.Queues) > 0 || set != nil && len(set.queues) > 0
}

// handlerOf is what does a job, and how long that may take, zero if it does not say. One that
// is not known, or its secret, may have been set a moment before the job was enqueued, so it is
// looked for.
func (d *Dispatcher) handlerOf(ctx context.Context, t *task) (Handler, time.Duration) {
	if h := d.Handlers[t.Kind]; h != nil {
		return h, 0
	}
	for tries := range 2 {
		if set := d.handlers.set.Load(); set != nil {
			if h := set.byKind[t.Kind]; h != nil && (h.URL == "" || len(h.Secrets) > 0 || tries > 0) {
				return d.handlerIn(h), time.Duration(h.Timeout * float64(time.Second))
			}
		}
		if err := d.readHandlers(ctx, t.claimed); err != nil {
			return func(context.Context, *Job) error { return &Failure{Err: err, NotBegun: true} }, 0
		}
	}
	return func(context.Context, *Job) error {
		return &Failure{Err: fmt.Errorf("no handler is set for jobs of the kind %q", t.Kind), RetryIn: time.Minute}
	}, 0
}

// handlerIn does what a row says.
func (d *Dispatcher) handlerIn(h *handler) Handler {
	do := d.call
	switch {
	case h.URL != "":
		do = d.post
	case h.EdgeFunction != "":
		do = d.callFunction
	}
	return func(ctx context.Context, job *Job) error { return do(ctx, h, job) }
}

// elsewhere is when a job is tried again that this process can't do, and others of its queue
// can.
const elsewhere = 5 * time.Second

// callFunction calls an edge function.
func (d *Dispatcher) callFunction(ctx context.Context, h *handler, job *Job) error {
	if d.Functions == nil {
		return &Failure{Err: errors.New("this process has no edge functions"), NotBegun: true, RetryIn: elsewhere}
	}
	return d.Functions(ctx, h.EdgeFunction, job)
}

// call calls a function of the database.
func (d *Dispatcher) call(ctx context.Context, h *handler, job *Job) error {
	if h.Call == "" {
		return fmt.Errorf("the function %s is not there any more", h.Function)
	}
	arg := []byte(job.Args)
	if h.Whole {
		var err error
		if arg, err = json.Marshal(job); err != nil {
			return err
		}
	}
	claims, err := json.Marshal(map[string]string{"role": h.Role})
	if err != nil {
		return err
	}
	tx := &pg.Tx{
		Caller: pg.Caller{Role: h.Role, Claims: string(claims)}, RequestID: job.name(),
		Main: pg.Statement{SQL: h.Call, Args: [][]byte{arg}},
	}
	if end, ok := ctx.Deadline(); ok {
		// A little later, for when this process is no more.
		left := max(time.Until(end), 0) + time.Second
		tx.Settings = append(tx.Settings, pg.Setting{Name: "statement_timeout", Value: strconv.FormatInt(left.Milliseconds(), 10)})
	}
	if place := job.traceparent(); place != "" && !trace.Recording(ctx) { // which pg says itself
		tx.Settings = append(tx.Settings, pg.Setting{Name: "request.traceparent", Value: place})
	}
	db := d.Work
	if h.Role != service.Role {
		db = d.Requests
	}
	res, err := db.Do(ctx, tx)
	if err != nil {
		return ofDatabase(err)
	}
	res.Free()
	return nil
}

// ofDatabase says what went wrong in a function.
func ofDatabase(err error) error {
	var fault *pgconn.PgError
	if errors.As(err, new(*pgconn.ConnectError)) || pgconn.SafeToRetry(err) { // it is starting, or away
		return &Failure{Err: err, NotBegun: true}
	}
	if errors.As(err, &fault) {
		said := fmt.Sprintf("%s (SQLSTATE %s)", fault.Message, fault.Code)
		for _, more := range []string{fault.Detail, fault.Hint} {
			if more != "" {
				said += "\n" + more
			}
		}
		return &Failure{Err: errors.New(said), Stack: fault.Where}
	}
	var own *web.Error
	if errors.As(err, &own) && own.Code == "PGRST003" { // it got no connection
		return &Failure{Err: err, NotBegun: true}
	}
	return err
}

// name is that of the job in logs and for receivers.
func (j *Job) name() string { return "job_" + strconv.FormatInt(j.ID, 10) }

// traceparent is the trace that the job belongs to, as W3C Trace Context has it; or empty.
func (j *Job) traceparent() string {
	if len(j.Meta) <= len("null") {
		return ""
	}
	var said struct {
		Traceparent string `json:"traceparent"`
	}
	_ = json.Unmarshal(j.Meta, &said)
	return said.Traceparent
}
