package functions

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// Call is an invocation as functions.record takes it.
type Call struct {
	ID        string  `json:"id"`
	At        string  `json:"at"`
	Function  string  `json:"function"`
	Version   int     `json:"version"`
	Duration  float64 `json:"duration_ms"`
	CPU       float64 `json:"cpu_ms,omitempty"`
	Status    int     `json:"status,omitempty"`
	Outcome   string  `json:"outcome"`
	Cold      bool    `json:"is_cold"`
	Truncated bool    `json:"is_truncated"`
	Output    int64   `json:"output_bytes"`
	Memory    int64   `json:"memory_bytes,omitempty"`
	Method    string  `json:"method"`
	Path      string  `json:"path"`
	Job       int64   `json:"job,omitempty"`
	Process   string  `json:"process"`
	RequestID string  `json:"request_id,omitempty"`
	TraceID   string  `json:"trace_id,omitempty"`
	Caller    string  `json:"caller"`
	Result    string  `json:"result,omitempty"`
}

// Line is what a function said, as functions.record takes it.
type Line struct {
	Invocation string `json:"invocation"`
	At         string `json:"at"`
	Seq        int    `json:"seq"`
	Function   string `json:"function"`
	Version    int    `json:"version"`
	Level      string `json:"level"`
	Message    string `json:"message"`
	Truncated  bool   `json:"is_truncated"`
}

// Recorder takes what functions did and said. Neither method waits.
type Recorder interface {
	Call(*Call)
	Line(*Line)
}

// What waits to be written is bounded, and so is what one statement writes.
const (
	recordEvery = 200 * time.Millisecond
	recordAgain = 2 * time.Second
	recordTime  = 10 * time.Second
	maxBatch    = 1000
	maxWaiting  = 20_000
	// Bytes of lines and results: of all that wait, and of one statement.
	maxWaitingBytes = 16 << 20
	maxBatchBytes   = 2 << 20
)

// Journal writes to the database, many at a time.
type Journal struct {
	db   *pg.DB
	log  *slog.Logger
	full chan struct{}
	lost *prometheus.CounterVec

	mu    sync.Mutex
	calls []*Call
	lines []*Line
	bytes int // of lines and results
}

// NewJournal makes a Journal. db is a login that may become service_role.
func NewJournal(db *pg.DB, log *slog.Logger, reg prometheus.Registerer) *Journal {
	j := &Journal{db: db, log: log, full: make(chan struct{}, 1), lost: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fluxbase_functions_records_lost_total", Help: "Invocations and log lines of functions that could not be written to the database.",
	}, []string{"kind"})}
	reg.MustRegister(j.lost)
	for _, kind := range [...]string{"call", "line"} {
		j.lost.WithLabelValues(kind)
	}
	return j
}

// Call keeps an invocation until it is written.
func (j *Journal) Call(c *Call) {
	c.Path, c.Method, c.Caller, c.Result = plain(c.Path), plain(c.Method), plain(c.Caller), plain(c.Result)
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.calls) >= maxWaiting {
		j.lost.WithLabelValues("call").Inc()
		return
	}
	if j.bytes+len(c.Result) > maxWaitingBytes {
		c.Result = "" // the rest of the record is worth more
	}
	j.calls = append(j.calls, c)
	j.bytes += len(c.Result)
	j.poke()
}

// Line keeps a line until it is written.
func (j *Journal) Line(l *Line) {
	l.Message = plain(l.Message)
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lines) >= maxWaiting || j.bytes+len(l.Message) > maxWaitingBytes {
		j.lost.WithLabelValues("line").Inc()
		return
	}
	j.lines = append(j.lines, l)
	j.bytes += len(l.Message)
	j.poke()
}

// plain is a text that Postgres takes.
func plain(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

func (j *Journal) poke() {
	if len(j.calls) >= maxBatch || len(j.lines) >= maxBatch || j.bytes >= maxBatchBytes {
		select {
		case j.full <- struct{}{}:
		default:
		}
	}
}

// Run writes until ctx ends, and then what is left.
func (j *Journal) Run(ctx context.Context) {
	pause, failing := recordEvery, false
	for ctx.Err() == nil {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-j.ready(failing):
		}
		timer.Stop()
		err := j.flush(context.WithoutCancel(ctx))
		if err != nil && !failing {
			j.log.Warn("what functions did can't be written; it is tried again", "error", err)
		}
		if failing = err != nil; failing {
			pause = recordAgain
		} else {
			pause = recordEvery
		}
	}
}

// ready tells that a batch is full; not while nobody takes any.
func (j *Journal) ready(failing bool) <-chan struct{} {
	if failing {
		return nil
	}
	return j.full
}

// flush writes all there is. What the database does not take is lost, what it can't be told
// now waits.
func (j *Journal) flush(ctx context.Context) error {
	for {
		calls, lines := j.take()
		if len(calls)+len(lines) == 0 {
			return nil
		}
		err := j.write(ctx, calls, lines)
		if err == nil {
			continue
		}
		if !errors.As(err, new(*pgconn.PgError)) {
			j.giveBack(calls, lines)
			return err
		}
		j.lost.WithLabelValues("call").Add(float64(len(calls)))
		j.lost.WithLabelValues("line").Add(float64(len(lines)))
		j.log.Warn("what functions did is lost", "calls", len(calls), "lines", len(lines), "error", err)
	}
}

// take gives a batch.
func (j *Journal) take() (calls []*Call, lines []*Line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, bytes := 0, 0
	for ; n < min(len(j.calls), maxBatch) && bytes < maxBatchBytes; n++ {
		bytes += len(j.calls[n].Result)
	}
	calls, j.calls = j.calls[:n:n], j.calls[n:]
	for n = 0; n < min(len(j.lines), maxBatch) && bytes < maxBatchBytes; n++ {
		bytes += len(j.lines[n].Message)
	}
	lines, j.lines = j.lines[:n:n], j.lines[n:]
	j.bytes -= bytes
	return calls, lines
}

// giveBack puts a batch before what has come since.
func (j *Journal) giveBack(calls []*Call, lines []*Line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls, j.lines = append(calls, j.calls...), append(lines, j.lines...)
	for _, c := range calls {
		j.bytes += len(c.Result)
	}
	for _, l := range lines {
		j.bytes += len(l.Message)
	}
}

func (j *Journal) write(ctx context.Context, calls []*Call, lines []*Line) error {
	ctx, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	args := make([][]byte, 2)
	for i, list := range [...]any{calls, lines} {
		var err error
		if args[i], err = json.Marshal(list); err != nil {
			return err
		}
		if string(args[i]) == "null" {
			args[i] = []byte("[]")
		}
	}
	_, err := j.db.Value(ctx, &pg.Tx{Caller: service, Main: pg.Statement{SQL: `select functions.record($1::jsonb, $2::jsonb)`, Args: args}})
	return err
}
