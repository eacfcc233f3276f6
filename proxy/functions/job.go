package functions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/functions/worker"
	"github.com/fluxbase/fluxbase/proxy/jobs/dispatch"
)

// Headers by which a function knows that it does a job.
const (
	jobHeader     = inside + "Job-Id"
	attemptHeader = inside + "Job-Attempt"
	kindHeader    = inside + "Job-Kind"
	idHeader      = inside + "Execution-Id"
)

// jobWorkerBusy is when a job is tried again that got no worker.
const jobWorkerBusy = time.Second

// invocation is the args of a job that functions.invoke has enqueued.
type invocation struct {
	Function string            `json:"function"`
	Body     json.RawMessage   `json:"body"`
	Headers  map[string]string `json:"headers"`
	Path     string            `json:"path"`
}

// Do has the function of a name do a job: its args are the body of a POST by the service role.
// For dispatch.AnyFunction the args say which function, and all of the request.
// An answer of 2xx is done, 410 is never to be tried again, and Retry-After of 429 and 503 is
// obeyed, as of a handler over HTTP. When ctx ends the function's request is aborted.
func (h *Handler) Do(ctx context.Context, name string, job *dispatch.Job) error {
	set, err := h.Source.Get(ctx)
	if err != nil {
		return &dispatch.Failure{Err: err, NotBegun: true, RetryIn: jobWorkerBusy}
	}
	pool, err := h.poolFor(set)
	if err != nil {
		return &dispatch.Failure{Err: err, NotBegun: true, RetryIn: time.Minute}
	}
	in := invocation{Function: name, Body: job.Args}
	if name == dispatch.AnyFunction {
		in = invocation{}
		if err := json.Unmarshal(job.Args, &in); err != nil {
			return &dispatch.Failure{Err: fmt.Errorf("read the args: %w", err), Discard: true}
		}
	}
	d := set.byName[in.Function]
	if d == nil {
		return fmt.Errorf("there is no function %q", in.Function)
	}
	c := h.begin(ctx, d, service)
	c.Job = job.ID
	c.of("job_"+strconv.FormatInt(job.ID, 10), http.MethodPost, "/"+d.Name+in.Path)
	c.Progress = func(said json.RawMessage) { report(job, said) }
	spec := *h.specOf(set, d)
	spec.Limits.Output, spec.Limits.Request = h.cfg.MaxJobOutput, h.cfg.MaxRequest
	if end, ok := ctx.Deadline(); ok { // which the queue keeps
		spec.Limits.Wall = time.Until(end) + time.Second
	}
	w := &jobAnswer{header: http.Header{}}
	out := pool.Serve(w, c.ofJob(job, in), &spec, &c.Invocation)
	c.Result = w.result()
	c.end(out)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case out.Kind == worker.Busy:
		return &dispatch.Failure{Err: errors.New("no worker had room for it"), NotBegun: true, RetryIn: jobWorkerBusy}
	case out.Kind != worker.OK && out.Kind != worker.Error:
		return fmt.Errorf("the function %s: %s (execution %s): %s", d.Name, out.Kind, c.Call.ID, w.why())
	}
	return w.verdict(d.Name)
}

// ofJob is the request of a job.
func (c *call) ofJob(job *dispatch.Job, in invocation) *http.Request {
	body := []byte(in.Body)
	if len(body) == 0 {
		body = []byte("{}")
	}
	header := http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"fluxbase"}, "X-Request-Id": {c.Call.RequestID},
		jobHeader: {strconv.FormatInt(job.ID, 10)}, attemptHeader: {strconv.Itoa(job.Attempt)}, kindHeader: {job.Kind}, idHeader: {c.Call.ID},
	}
	if key := c.h.ServiceKey; key != "" {
		header["Authorization"] = []string{"Bearer " + key}
	}
	if c.Traceparent != "" {
		header["Traceparent"] = []string{c.Traceparent}
	}
	for name, value := range in.Headers {
		if name = http.CanonicalHeaderKey(name); !strings.HasPrefix(name, inside) {
			header[name] = []string{value}
		}
	}
	at, err := url.ParseRequestURI(c.Path)
	if err != nil {
		at = &url.URL{Path: c.Path}
	}
	c.Path = at.Path
	r := &http.Request{
		Method: http.MethodPost, URL: at, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "localhost",
		Header: header, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}
	return r.WithContext(c.ctx)
}

// report passes on what a function says of its progress: {"percent", "message", "data"}, of
// which nothing need be there.
func report(job *dispatch.Job, said json.RawMessage) {
	var in struct {
		Percent *float64        `json:"percent"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if json.Unmarshal(said, &in) != nil {
		return
	}
	percent := -1.0
	if in.Percent != nil {
		percent = *in.Percent
	}
	job.Progress(percent, in.Message, in.Data)
}

// What is kept of an answer, in bytes: as the result, and as why a job failed.
const (
	maxResult  = 64 << 10
	maxJobText = 10_000
)

// jobAnswer takes the answer to a job, of which all but its beginning is thrown away.
type jobAnswer struct {
	header http.Header
	status int
	text   bytes.Buffer
}

// Header is part of http.ResponseWriter, as are the others.
func (w *jobAnswer) Header() http.Header { return w.header }

// WriteHeader keeps the status.
func (w *jobAnswer) WriteHeader(status int) {
	if w.status < http.StatusOK {
		w.status = status
	}
}

// Write keeps the beginning.
func (w *jobAnswer) Write(b []byte) (int, error) {
	if w.status < http.StatusOK {
		w.status = http.StatusOK
	}
	w.text.Write(b[:min(len(b), maxResult-w.text.Len())])
	return len(b), nil
}

// Flush has nothing to do.
func (w *jobAnswer) Flush() {}

// why is the beginning of an answer that tells of a failure.
func (w *jobAnswer) why() string { return string(w.text.Bytes()[:min(w.text.Len(), maxJobText)]) }

// result is the beginning of an answer that people can read; empty for all others.
func (w *jobAnswer) result() string {
	kind, _, _ := mime.ParseMediaType(w.header.Get("Content-Type"))
	if strings.HasPrefix(kind, "text/") || kind == "application/json" || strings.HasSuffix(kind, "+json") {
		return w.text.String()
	}
	return ""
}

// verdict is what the answer says of the job.
func (w *jobAnswer) verdict(name string) error {
	if w.status/100 == 2 {
		return nil
	}
	failure := &dispatch.Failure{Err: fmt.Errorf("the function %s answered %d: %s", name, w.status, w.why())}
	switch w.status {
	case http.StatusGone:
		failure.Discard = true
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		failure.RetryIn = dispatch.RetryAfter(w.header.Get("Retry-After"), time.Now())
	}
	return failure
}
