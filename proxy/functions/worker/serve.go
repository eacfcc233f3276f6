package worker

import (
	"container/list"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strconv"
	"sync"
	"time"
)

// call is one request in a worker. What is below mu is under the pool's mutex.
type call struct {
	inv    *Invocation
	spec   *Spec
	limits Limits
	w      http.ResponseWriter
	worker *worker

	err       error // of the exchange, before anything was answered
	threw     bool  // the handler did, as boot.js says
	status    int
	output    int64
	truncated bool
	broken    bool
	unread    error // why the rest of the answer could not be had from the worker

	// mu
	place     *list.Element
	begun     bool
	over      bool
	waits     int // promises that it gave to waitUntil
	told      int // as many as its answer said
	done      int // those that are over
	until     time.Time
	share     int64 // of the worker, when it began
	alone     int64 // likewise
	lines     int
	lineBytes int
	silent    bool
}

type callKey struct{}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// Headers between us and boot.js.
const (
	invocationHeader = "X-Fluxbase-Invocation"
	errorHeader      = "X-Fluxbase-Error"
	waitsHeader      = "X-Fluxbase-Waits"
	relayHeader      = "X-Relay-Error"
)

// newProxy makes what speaks with workers, over one connection of HTTP/1.1 for each request at
// a time.
func newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		FlushInterval: -1,
		BufferPool:    new(buffers),
		Transport:     toWorker{},
		Rewrite: func(r *httputil.ProxyRequest) {
			// Connections are kept by this name; the header Host stays what the client sent.
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "worker"
			r.Out.URL.RawQuery = r.In.URL.RawQuery // as it came, whatever it is
			r.Out.Header[invocationHeader] = []string{callOf(r.In.Context()).inv.ID}
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values := r.In.Header[name]; values != nil {
					r.Out.Header[name] = values
				}
			}
		},
		ModifyResponse: answered,
		ErrorHandler:   func(_ http.ResponseWriter, r *http.Request, err error) { callOf(r.Context()).err = err },
		// What breaks off is told by the outcome.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

// buffers are those that answers are copied through.
type buffers struct{ sync.Pool }

// Get is part of httputil.BufferPool.
func (b *buffers) Get() []byte {
	if have, ok := b.Pool.Get().(*[]byte); ok {
		return *have
	}
	return make([]byte, 32<<10)
}

// Put is part of httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.Pool.Put(&buffer) }

type toWorker struct{}

// RoundTrip is part of http.RoundTripper.
func (toWorker) RoundTrip(r *http.Request) (*http.Response, error) {
	return callOf(r.Context()).worker.http.RoundTrip(r)
}

var errThrew = errors.New("the handler threw")

// answered looks at the head of an answer.
func answered(res *http.Response) error {
	c := callOf(res.Request.Context())
	if res.Header.Get(errorHeader) != "" && res.StatusCode == http.StatusInternalServerError {
		c.threw = true
		return errThrew
	}
	res.Header.Del(errorHeader)
	if n, err := strconv.Atoi(res.Header.Get(waitsHeader)); err == nil && n > 0 {
		res.Header.Del(waitsHeader)
		p := c.worker.pool
		p.mu.Lock()
		c.told = n
		p.mu.Unlock()
	}
	// It says that the function was not reached, which a function can't say.
	res.Header.Del(relayHeader)
	c.status = res.StatusCode
	if res.StatusCode == http.StatusSwitchingProtocols || res.Body == nil || res.Body == http.NoBody {
		return nil
	}
	if res.ContentLength > c.limits.Output {
		// There will be less, and a trailer, which only chunks have.
		res.Header.Del("Content-Length")
		res.ContentLength = -1
	}
	res.Body = &output{body: res.Body, call: c}
	return nil
}

// output counts an answer, and ends it where it gets too long.
type output struct {
	body io.ReadCloser
	call *call
}

func (o *output) Read(p []byte) (int, error) {
	c := o.call
	left := c.limits.Output - c.output
	if left == 0 {
		// Is there more?
		var one [1]byte
		n, err := o.body.Read(one[:])
		if n == 0 {
			return 0, err
		}
		c.truncated = true
		c.w.Header().Set(http.TrailerPrefix+"X-Output-Truncated", "true")
		return 0, io.EOF
	}
	if int64(len(p)) > left {
		p = p[:left]
	}
	n, err := o.body.Read(p)
	c.output += int64(n)
	if err != io.EOF {
		c.unread = err
	}
	return n, err
}

func (o *output) Close() error { return o.body.Close() }

// Serve has one request answered by a worker of s: both ways streamed, upgrades too. It never
// panics, and writes error answers of its own only where nothing was written yet. The path of
// r is what the function sees.
func (p *Pool) Serve(w http.ResponseWriter, r *http.Request, s *Spec, inv *Invocation) Outcome {
	start := time.Now()
	out := p.serve(w, r, s, inv)
	out.Duration = time.Since(start)
	return out
}

func (p *Pool) serve(w http.ResponseWriter, r *http.Request, s *Spec, inv *Invocation) (out Outcome) {
	limits := s.Limits.orDefaults()
	if r.ContentLength > limits.Request {
		return refuse(w, inv, tooLarge)
	}
	ctx, cancel := context.WithTimeout(r.Context(), limits.Wall)
	defer cancel()
	body := r.Body
	if body != nil && body != http.NoBody && r.Header.Get("Upgrade") == "" {
		body = http.MaxBytesReader(w, body, limits.Request)
		// An answer may begin before the request has ended. HTTP/2 can do that anyway.
		_ = http.NewResponseController(w).EnableFullDuplex()
	}
	for again := false; ; again = true {
		c := &call{inv: inv, spec: s, limits: limits, w: w}
		cold, err := p.acquire(ctx, c)
		out.Cold = out.Cold || cold
		if err != nil {
			switch {
			case r.Context().Err() != nil:
				out.Kind = Aborted
				return out
			case ctx.Err() != nil:
				err = overdue
			}
			refused := refuse(w, inv, err)
			refused.Cold = out.Cold
			return refused
		}
		p.exchange(w, r, ctx, body, c)
		out.CPU += time.Duration(p.release(c))
		out.Status, out.Output, out.Truncated, out.Broken = c.status, c.output, c.truncated, c.broken
		out.MemoryPeak = c.worker.peakNow()
		kind, failure := p.judge(c, r, ctx)
		if failure == nil || c.status != 0 {
			out.Kind = kind
			return out
		}
		if !again && c.repeatable(r, kind) {
			continue
		}
		out.Kind, out.Status = kind, failure.status
		if kind != Aborted {
			failure.write(w, inv)
		}
		return out
	}
}

// exchange passes the request on and the answer back.
func (p *Pool) exchange(w http.ResponseWriter, r *http.Request, ctx context.Context, body io.ReadCloser, c *call) {
	defer func() {
		// ReverseProxy's way to say that an answer can't be ended.
		if caught := recover(); caught != nil {
			c.broken = true
			if caught != http.ErrAbortHandler {
				p.o.Log.Error("a request of a function panicked", "panic", caught)
			}
		}
	}()
	ctx = context.WithValue(context.WithValue(ctx, callKey{}, c), http.ServerContextKey, serverOfAnswers)
	out := r.WithContext(ctx)
	out.Body = body
	p.proxy.ServeHTTP(w, out)
}

// serverOfAnswers has ReverseProxy panic, as it does in a server, where an answer breaks off.
var serverOfAnswers = &http.Server{}

// judge tells what became of a call, and what to answer if nothing was.
func (p *Pool) judge(c *call, r *http.Request, ctx context.Context) (string, *failure) {
	if c.err == nil && !c.broken {
		if c.status >= http.StatusContinue {
			return OK, nil
		}
	}
	var long *http.MaxBytesError
	switch {
	case c.threw:
		return Error, threw
	case r.Context().Err() != nil, c.broken && c.unread == nil: // it can't be written to its caller
		return Aborted, overdue
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		p.mu.Lock()
		// Whatever it hangs in may not end. It has a moment to hear of its signal.
		c.worker.grace = time.Now().Add(time.Second)
		c.worker.retireLocked()
		p.killed[Timeout]++
		p.mu.Unlock()
		return Timeout, overdue
	case errors.As(c.err, &long):
		return Error, tooLarge
	}
	// It went away, and why is known once it is reaped.
	select {
	case <-c.worker.exited:
	case <-time.After(time.Second):
	}
	switch kind := c.worker.fate(); kind {
	case CPU:
		return kind, overCPU
	case Memory:
		return kind, overMemory
	case Threads:
		return kind, overThreads
	}
	return Crashed, crashed
}

// repeatable tells whether a request that got no answer may be sent again: because its handler
// was never called, or because it may be by its method (RFC 9110, section 9.2.1) and it is not
// certain that it is what ended the worker.
func (c *call) repeatable(r *http.Request, kind string) bool {
	if kind == Error || kind == Aborted || kind == Timeout || r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		return false
	}
	if c.spec.Oneshot {
		return false
	}
	p := c.worker.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if !c.begun {
		return true
	}
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	return safe && c.worker.crowd > 1
}

func retryAfter(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int(d.Seconds()))))
}
