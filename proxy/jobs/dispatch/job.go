package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// Job is one to be done, as a worker is told of it.
type Job struct {
	ID          int64           `json:"id"`
	Token       int64           `json:"token"`
	Kind        string          `json:"kind"`
	Args        json.RawMessage `json:"args"`
	Attempt     int             `json:"attempt"`
	MaxAttempts int             `json:"max_attempts"`
	Namespace   string          `json:"namespace"`
	Queue       string          `json:"queue"`
	Priority    int             `json:"priority"`
	EnqueuedAt  string          `json:"enqueued_at"`
	Meta        json.RawMessage `json:"meta"`
	// Worker has claimed it.
	Worker string `json:"worker"`

	report func(progress)
}

// Handler does a job. It stops soon when ctx ends, whose cause is one of the errors below or
// context.DeadlineExceeded. Its error is kept for people to read.
type Handler func(ctx context.Context, job *Job) error

// Why the context of a handler ends before its time. ErrCancelled is wrapped in the reason.
var (
	ErrCancelled = errors.New("the job was cancelled")
	ErrLost      = errors.New("the job was given to another worker")
	ErrStopping  = errors.New("the process stops")
)

// Failure is an error that says what is to become of the job.
type Failure struct {
	Err error
	// Discard has it never tried again.
	Discard bool
	// RetryIn is when it is tried again; zero is what the queue thinks.
	RetryIn time.Duration
	// NotBegun says that nothing of it was done, so that the attempt does not count. RetryIn is
	// never nothing then.
	NotBegun bool
	// Stack is where it happened.
	Stack string
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// Suspended is an error that ends an attempt which waits for something: it does not count, and
// the next one begins when jobs.emit tells of Event, or after For, whichever comes first. With
// neither it begins at once. What was done so far the job has to find for itself, as by jobs.step.
type Suspended struct {
	Event string
	For   time.Duration
}

func (s *Suspended) Error() string { return "the job waits" }

// Progress says how far a job has come: percent from 0 to 100, or negative if nobody knows;
// a message for people; data for programs, as JSON or nil. It never waits. What is said in
// quick succession is stored once, and the last word always.
func (j *Job) Progress(percent float64, message string, data json.RawMessage) {
	p := progress{ID: j.ID, Token: j.Token, Message: text(message, maxMessage)}
	if percent >= 0 { // which NaN is not
		p.Percent = &percent
	}
	if json.Valid(data) && !bytes.Contains(data, []byte(`\u0000`)) {
		p.Data = data
	}
	j.report(p)
}

// What is kept of texts, in bytes.
const (
	maxMessage = 2000
	maxError   = 10000
	maxStack   = 50000
)

// text makes one that Postgres takes.
func text(s string, most int) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s[:min(len(s), most)], "\x00", ""), "")
}

// progress is what jobs.finish takes.
type progress struct {
	ID      int64           `json:"id"`
	Token   int64           `json:"token"`
	Percent *float64        `json:"percent"`
	Message string          `json:"message,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// key names an attempt: two of one job have two tokens.
type key struct{ id, token int64 }

// task is a job that this process has claimed.
type task struct {
	Job
	claimed time.Time
	began   time.Time
	ctx     context.Context
	cancel  context.CancelCauseFunc // nil until it begins
	// said is progress that is not stored yet, and stored when some was last.
	said   *progress
	stored time.Time
}

func (t *task) key() key { return key{t.ID, t.Token} }

// failed is what jobs.finish takes of a job that did not succeed.
type failed struct {
	ID      int64    `json:"id"`
	Token   int64    `json:"token"`
	Outcome string   `json:"outcome"`
	Error   string   `json:"error"`
	Stack   string   `json:"stack,omitempty"`
	RetryIn *float64 `json:"retry_in,omitempty"`
	Discard bool     `json:"discard,omitempty"`
	Event   string   `json:"event,omitempty"`
}

// timeout is how long an attempt may take.
func (t *task) timeout(handler, otherwise time.Duration) time.Duration {
	var said struct {
		Timeout float64 `json:"timeout"`
	}
	if len(t.Meta) > len("null") && json.Unmarshal(t.Meta, &said) == nil && said.Timeout > 0 {
		return time.Duration(said.Timeout * float64(time.Second))
	}
	return or(handler, otherwise)
}

// attributes tell of the job in traces.
func (t *task) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.Int64("job_id", t.ID), attribute.Int("attempt", t.Attempt), attribute.String("namespace", t.Namespace),
		attribute.String("queue", t.Queue), attribute.Int("priority", t.Priority), attribute.String("worker_id", t.Worker),
	}
}

// run does a job and turns a panic into an error.
func run(ctx context.Context, h Handler, job *Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Failure{Err: fmt.Errorf("panic: %v", p), Stack: string(debug.Stack())}
		}
	}()
	return h(ctx, job)
}

// verdict is what is told of an attempt that failed; nil where nothing is to be told.
func (t *task) verdict(ctx context.Context, err error, timeout time.Duration) *failed {
	f := &failed{ID: t.ID, Token: t.Token, Outcome: "failed", Error: text(err.Error(), maxError)}
	var own *Failure
	var waits *Suspended
	pause := time.Duration(0)
	switch {
	case errors.As(err, &waits):
		f.Outcome, f.Event, pause = "suspended", waits.Event, waits.For
	case errors.As(err, &own):
		f.Stack, f.Discard, pause = text(own.Stack, maxStack), own.Discard, own.RetryIn
		if own.NotBegun {
			// What is in its way is so for others, too.
			f.Outcome, pause = "interrupted", max(pause, time.Second)
		}
	}
	if pause > 0 {
		seconds := pause.Seconds()
		f.RetryIn = &seconds
	}
	switch cause := context.Cause(ctx); {
	case cause == nil:
	case errors.Is(cause, ErrCancelled):
		f.Outcome = "cancelled"
	case errors.Is(cause, ErrLost), errors.Is(cause, ErrStopping):
		// If it is ours after all, others are to have it; if not, nothing changes.
		f.Outcome, f.Error = "interrupted", cause.Error()
	case errors.Is(cause, context.DeadlineExceeded):
		f.Outcome = "timeout"
		late := fmt.Sprintf("it took longer than %s", timeout)
		if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) { // which say no more
			late += ": " + f.Error
		}
		f.Error = late
	}
	return f
}
