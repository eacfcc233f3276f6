package hook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/fetch"
	"github.com/fluxbase/fluxbase/proxy/trace"
	"github.com/fluxbase/fluxbase/proxy/wait"
	"github.com/fluxbase/fluxbase/proxy/webhook"
)

const (
	httpTimeout = 5 * time.Second
	// httpPause is between two tries where the hook does not say another.
	httpPause = 500 * time.Millisecond
	tries     = 3
	// maxRequest and maxAnswer are those of Supabase's hooks.
	maxRequest = 20 << 10
	maxAnswer  = 200 << 10
)

// remote is a hook over HTTP, as auth.run_hook gives it.
type remote struct {
	Name    string           `json:"name"`
	URI     string           `json:"uri"`
	Payload json.RawMessage  `json:"payload"`
	Secrets []webhook.Secret `json:"secrets"`
}

// call posts the payload and gives the answer, an object.
func (h *Hooks) call(ctx context.Context, r *remote) (json.RawMessage, error) {
	to, err := checkURL(r.URI, h.private)
	if err != nil {
		return nil, unexpected("Error running hook URI", err)
	}
	if len(r.Payload) > maxRequest {
		return nil, &Error{
			Status: http.StatusUnprocessableEntity, Code: CodeOverSizeLimit,
			Message: fmt.Sprintf("Payload size exceeded size limit of %d bytes", maxRequest),
		}
	}
	var about struct {
		Metadata struct {
			UUID string `json:"uuid"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(r.Payload, &about) // auth.run_hook has written it
	keys, err := h.open(r.Secrets)
	if err != nil {
		return nil, unexpected("Error running hook URI", err)
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	ctx, span := trace.Start(ctx, "hook "+r.Name)
	defer span.End()
	for try := 1; ; try++ {
		answer, again, err := post(ctx, h.client, to, about.Metadata.UUID, r.Payload, keys)
		switch {
		case err == nil:
			return answer, nil
		case ctx.Err() != nil:
			return nil, &Error{
				Status: http.StatusUnprocessableEntity, Code: CodeTimeout, err: err,
				Message: fmt.Sprintf("Failed to reach hook within maximum time of %f seconds", h.timeout.Seconds()),
			}
		case again == 0 || try == tries:
			return nil, err
		}
		wait.For(ctx, min(again, h.timeout)) // if ctx ends, so does the next try
	}
}

func unexpected(message string, err error) *Error {
	return &Error{Status: http.StatusInternalServerError, Code: CodeUnexpected, Message: message, err: err}
}

// post calls once. again, if not zero, says after which pause another try is of use.
func post(ctx context.Context, client *http.Client, to *url.URL, id string, payload []byte, keys [][]byte) (answer json.RawMessage, again time.Duration, err error) {
	now := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(payload))
	if err != nil {
		return nil, 0, unexpected("Hook failed to make request object", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	webhook.Sign(req.Header, keys, id, now, payload)
	if place := trace.Inject(ctx); place != "" { // a hook is our side's, unlike a provider
		req.Header.Set("Traceparent", place)
	}
	res, err := client.Do(req)
	if err != nil {
		if errors.Is(err, fetch.ErrPrivate) { // FLUXBASE_AUTH_PRIVATE_ADDRESSES allows such
			return nil, 0, unexpected("Error running hook URI", err)
		}
		return nil, httpPause, &Error{
			Status: http.StatusUnprocessableEntity, Code: CodeTimeoutAfterRetry,
			Message: "Failed to reach hook after maximum retries", err: err,
		}
	}
	defer func() { _ = res.Body.Close() }() // all that is wanted of it was read
	switch res.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		answer, err := readAnswer(res)
		return answer, 0, err
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return nil, retryAfter(res.Header.Get("Retry-After"), now), unexpected("Service currently unavailable due to hook", nil)
	case http.StatusBadRequest:
		return nil, 0, unexpected("Invalid payload sent to hook", nil)
	case http.StatusUnauthorized:
		return nil, 0, unexpected("Hook requires authorization token", nil)
	}
	return nil, 0, unexpected(fmt.Sprintf("Unexpected status code returned from hook: %d", res.StatusCode), nil)
}

// retryAfter is how long a hook wants to be left alone; 0 if it does not say, and then it
// is not asked again.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 && seconds < 3600 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return httpPause
}

// readAnswer reads a JSON object; nothing, where that is all there is, is {}.
func readAnswer(res *http.Response) (json.RawMessage, error) {
	kind := res.Header.Get("Content-Type")
	if kind == "" && res.StatusCode == http.StatusNoContent {
		return json.RawMessage(`{}`), nil
	}
	if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
		return nil, &Error{
			Status: http.StatusBadRequest, Code: CodeInvalidContentType,
			Message: "Invalid JSON response. Received content-type: " + cmp.Or(media, "none"),
		}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, unexpected("Error reading the answer of the hook", err)
	}
	if len(body) > maxAnswer {
		return nil, &Error{
			Status: http.StatusUnprocessableEntity, Code: CodeOverSizeLimit,
			Message: fmt.Sprintf("Payload size exceeded size limit of %d bytes", maxAnswer),
		}
	}
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return json.RawMessage(`{}`), nil
	}
	if body[0] != '{' || !json.Valid(body) {
		return nil, unexpected("Error unmarshaling JSON output.", nil)
	}
	return body, nil
}

// checkURL takes https alone, and http where private addresses are allowed.
func checkURL(text string, private bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it is not a URL")
	case u.Scheme != "https" && (u.Scheme != "http" || !private), u.Hostname() == "":
		return nil, errors.New("a hook is pg-functions://postgres/SCHEMA/FUNCTION or https://HOST/PATH")
	case u.User != nil:
		return nil, errors.New("its URL holds a user or a password; requests are signed instead")
	}
	return u, nil
}

// newClient makes a client to which a redirect is an answer as any other that is not
// expected.
func newClient(private bool) *http.Client {
	client := fetch.Client(private)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}
