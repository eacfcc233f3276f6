package rest

import (
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// streams bounds how many exports and imports there are at once: each holds a
// connection to the database for as long as its client takes.
type streams chan struct{}

func (s streams) enter() (leave func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	default:
		return nil, errStreams
	}
}

var (
	errStreams = func() *web.Error {
		e := fail("too_many_requests", "too many exports and imports are under way", "",
			"try again later; FLUXBASE_REST_STREAMS says how many there may be")
		e.Header = http.Header{"Retry-After": {"5"}}
		return e
	}()
	errStreamProtocol = fail("invalid_request", "a stream needs HTTP/1.1 or newer: before, its end could not be told from a break", "",
		"with nginx in front, set proxy_http_version 1.1")
)
