package web

import (
	"errors"
	"io"
	"net/http"
)

// ReadBody reads the body of a request whole. Its errors are *Error.
func ReadBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var own *Error
	switch {
	case errors.As(err, &own):
		return nil, own
	case err != nil:
		return nil, ClientGone.Because(err)
	}
	return body, nil
}

// SendJSON answers with a status and a body, which is JSON.
func SendJSON(w http.ResponseWriter, status int, body []byte) error {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone wants no other answer
	return nil
}
