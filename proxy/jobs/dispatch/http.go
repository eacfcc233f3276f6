package dispatch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/fetch"
	"github.com/fluxbase/fluxbase/proxy/trace"
	"github.com/fluxbase/fluxbase/proxy/webhook"
)

// Secrets holds those of handlers over HTTP.
const Secrets webhook.Table = "jobs.handler_secrets"

// newClient makes what posts jobs to the servers of others. A job says how long that may take.
func newClient(private bool) *http.Client {
	client := fetch.Client(private)
	client.Timeout = 0
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

// maxAnswer is what of an answer that tells of a failure is kept, in bytes.
const maxAnswer = 1000

// post posts a job to the URL of a handler. 2xx is done, 410 is never to be tried again, and
// Retry-After of 429 and 503 is obeyed.
func (d *Dispatcher) post(ctx context.Context, h *handler, job *Job) error {
	if d.Seals == nil {
		return &Failure{Err: errors.New("this process has no FLUXBASE_ENCRYPTION_KEY to sign it with"), NotBegun: true, RetryIn: elsewhere}
	}
	keys, err := Secrets.Open(d.Seals, h.Secrets)
	if err != nil {
		return fmt.Errorf("open the secrets of the handler: %w", err)
	}
	if keys == nil {
		return errors.New("its handler has no secret to sign with: POST /jobs/v1/handlers/KIND/secrets makes one")
	}
	body, err := json.Marshal(job)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "fluxbase")
	if place := cmp.Or(trace.Inject(ctx), job.traceparent()); place != "" {
		req.Header.Set("Traceparent", place)
	}
	now := time.Now()
	webhook.Sign(req.Header, keys, job.name(), now, body)
	res, err := d.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // all that is wanted of it was read
	said, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if res.StatusCode/100 == 2 {
		return nil
	}
	failure := &Failure{Err: fmt.Errorf("%s answered %d: %s", req.URL.Host, res.StatusCode, said)}
	switch res.StatusCode {
	case http.StatusGone:
		failure.Discard = true
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		failure.RetryIn = RetryAfter(res.Header.Get("Retry-After"), now)
	}
	return failure
}

// RetryAfter is how long a server wants to be left alone (RFC 9110, section 10.2.3), a day at
// most; 0 if it does not say.
func RetryAfter(value string, now time.Time) time.Duration {
	const most = 24 * time.Hour
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return min(time.Duration(min(seconds, int(most/time.Second)))*time.Second, most)
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return min(at.Sub(now), most)
	}
	return 0
}
