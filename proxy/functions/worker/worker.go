// Package worker runs functions: Deno processes that are kept warm, are spoken to over unix
// sockets, and are contained whatever they do (docs/decisions/0013-how-functions-are-contained.md).
// It knows nothing of the database, of who may call a function, or of how one is deployed.
package worker

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"time"
)

// Limits bound one function. Zero means the default that is named.
type Limits struct {
	Wall        time.Duration // of one request: 150 s
	CPU         time.Duration // of one request: 2 s
	Memory      int64         // of one worker, in bytes: 256 MiB
	Output      int64         // of one answer, in bytes: 10 MiB
	Request     int64         // of one request's body, in bytes: 10 MiB
	Concurrency int           // requests at once in one worker: 100
	Workers     int           // in this process: 4
	Idle        time.Duration // after which a worker ends: 5 minutes
}

// Spec says what a worker runs. Specs with the same Key are the same.
type Spec struct {
	Name    string
	Version int
	Key     string // changes with code, settings and secrets
	Entry   string // path of the module that serves, among Files
	// Files reads the code: path, with slashes and relative, to content. It is called once for
	// each Key, and its answer kept on disk.
	Files   func(ctx context.Context) (map[string][]byte, error)
	Env     []string // NAME=value: all that the function sees of an environment
	Egress  []string // hosts (host or host:port) that it may reach; nil is all public ones
	Limits  Limits
	Oneshot bool // a worker of its own for each request
}

// Invocation is one request of a function. Its calls come from several goroutines, and may
// come after Serve has returned, while the function goes on with what it gave to
// EdgeRuntime.waitUntil.
type Invocation struct {
	ID       string                                                 // ASCII letters, digits, - and _, at most 64
	Line     func(at time.Time, level, text string, truncated bool) // a line of the log; nil drops it
	Progress func(json.RawMessage)                                  // what a job says of how far it is; nil drops it
	// RequestID is named in the error answers that the pool writes.
	RequestID string
	// Traceparent is where it is in its trace, if in any. A worker that is given code for it finds
	// that as TRACEPARENT, and keeps it.
	Traceparent string
}

// Kinds of outcomes.
const (
	OK        = "ok"
	Error     = "error"      // the function threw
	Timeout   = "timeout"    // longer than Limits.Wall
	Memory    = "memory"     // the worker was larger than Limits.Memory
	CPU       = "cpu"        // more than Limits.CPU
	Crashed   = "crashed"    // the worker ended
	BootError = "boot_error" // its code could not be started
	Aborted   = "aborted"    // the caller went away
	Busy      = "busy"       // no worker had room
	Threads   = "threads"    // the worker had more than Options.Threads
)

// Outcome is what became of an invocation.
type Outcome struct {
	Kind       string
	Status     int           // of the answer; 0 if there was none
	Duration   time.Duration // from the call of Serve until the answer was over
	CPU        time.Duration // of the worker meanwhile, shared by the requests that it had
	Cold       bool          // a worker had to be started
	Output     int64         // bytes of the answer
	Truncated  bool          // the answer was cut at Limits.Output
	MemoryPeak int64         // resident bytes of the worker, at most, meanwhile
	// Broken is an answer that was begun and could not be ended: whoever called Serve shall
	// panic with http.ErrAbortHandler when all is recorded, so that the client sees it.
	Broken bool
}

// Options of a pool.
type Options struct {
	Deno   string // path of the program
	Dir    string // where the pool has a directory of its own, for sockets and code
	Total  int    // workers at once, spares included: 32
	Spares int    // workers that are started and wait for code: 2; negative is none
	Queue  int    // requests of one function that wait for room: 100
	// UID is the user of the first worker, and the next ones of the next: those of a server
	// that runs as root. 0 leaves them its own user.
	UID int
	// Denied are addresses that no function reaches beside those of private networks: the
	// database's, and our own.
	Denied []netip.Prefix
	// Allowed are reached all the same: the API itself, which may be on this machine.
	Allowed []netip.AddrPort
	// Private lets functions reach private networks, except for Denied.
	Private bool
	// Bounds that no function needs to know of, which tests make smaller.
	Wait        time.Duration // of a request for room: 15 s
	BootTimeout time.Duration // until code is loaded: 10 s
	Requests    int           // of a worker, which another follows then: 10,000
	Age         time.Duration // of a worker, likewise: 1 hour
	Threads     int           // of a worker, which is ended if it has more: 96
	// Modules may be imported by all functions: specifier to the source of an ES module.
	Modules map[string][]byte
	// Output is given lines that belong to no invocation, as of code that is being loaded. It may be nil.
	Output func(s *Spec, at time.Time, level, text string, truncated bool)
	// Unguarded lets functions use the network where the kernel has no guard for it (see
	// guard_linux.go), with Deno's own rules alone. Without it they have no network there.
	Unguarded bool
	Log       *slog.Logger
}

const mib = 1 << 20

func (l Limits) orDefaults() Limits {
	return Limits{
		Wall: positive(l.Wall, 150*time.Second), CPU: positive(l.CPU, 2*time.Second), Idle: positive(l.Idle, 5*time.Minute),
		Memory: positive(l.Memory, defaultMemory), Output: positive(l.Output, 10*mib), Request: positive(l.Request, 10*mib),
		Concurrency: positive(l.Concurrency, 100), Workers: positive(l.Workers, 4),
	}
}

func positive[N int | int64 | time.Duration](have, otherwise N) N {
	if have > 0 {
		return have
	}
	return otherwise
}

// defaultMemory is also the heap of workers that wait for code.
const defaultMemory = 256 * mib

func (o Options) orDefaults() Options {
	o.Total = positive(o.Total, 32)
	if o.Spares == 0 {
		o.Spares = 2
	}
	o.Queue = positive(o.Queue, 100)
	o.BootTimeout = positive(o.BootTimeout, 10*time.Second)
	o.Wait = positive(o.Wait, 15*time.Second)
	o.Requests = positive(o.Requests, 10_000)
	o.Age = positive(o.Age, time.Hour)
	o.Threads = positive(o.Threads, 96)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
