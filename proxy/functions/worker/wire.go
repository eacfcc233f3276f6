package worker

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// failure is an error answer as clients of Supabase's functions know it: code and message,
// with the request's id beside them. One that is of the relay says so in a header, which has
// functions-js raise another error: the function was not reached, so that the request may be
// sent again.
type failure struct {
	status  int
	kind    string
	code    string
	message string
	relay   bool
	retry   time.Duration
}

// Error is part of error.
func (f *failure) Error() string { return f.message }

// StatusLimit is what a function that went past a limit answers, a status of Supabase's own.
const StatusLimit = 546

var (
	threw       = &failure{http.StatusInternalServerError, Error, "WORKER_ERROR", "Function exited due to an error (please check logs)", false, 0}
	crashed     = &failure{http.StatusInternalServerError, Crashed, "WORKER_ERROR", "The function's worker ended before it answered (please check logs)", false, 0}
	overdue     = &failure{StatusLimit, Timeout, "WORKER_LIMIT", "The function took longer than it may (please check logs)", false, 0}
	overCPU     = &failure{StatusLimit, CPU, "WORKER_LIMIT", "The function's worker used more CPU time than it may (please check logs)", false, 0}
	overMemory  = &failure{StatusLimit, Memory, "WORKER_LIMIT", "The function's worker used more memory than it may (please check logs)", false, 0}
	overThreads = &failure{StatusLimit, Threads, "WORKER_LIMIT", "The function's worker started more threads than it may (please check logs)", false, 0}
	tooLarge    = &failure{http.StatusRequestEntityTooLarge, Error, "REQUEST_TOO_LARGE", "The body of the request is longer than the function takes", false, 0}
	noRoom      = &failure{http.StatusServiceUnavailable, Busy, "WORKER_BUSY", "All workers of the function are busy", true, time.Second}
	closed      = &failure{http.StatusServiceUnavailable, Busy, "WORKER_BUSY", "The server is shutting down", true, time.Second}
)

// unstarted is one whose worker could not be. Why may quote the code, so it is for the log.
func unstarted() *failure {
	return &failure{http.StatusServiceUnavailable, BootError, "BOOT_ERROR", "Function failed to start (please check logs)", true, 0}
}

func (f *failure) write(w http.ResponseWriter, inv *Invocation) {
	h := w.Header()
	if f.relay {
		h.Set(relayHeader, "true")
	}
	if f.retry > 0 {
		retryAfter(w, f.retry)
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	body, _ := json.Marshal(struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
	}{f.code, f.message, inv.RequestID})
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
}

// refuse answers a request that no worker had.
func refuse(w http.ResponseWriter, inv *Invocation, err error) Outcome {
	var f *failure
	if !errors.As(err, &f) {
		f = unstarted()
	}
	f.write(w, inv)
	return Outcome{Kind: f.kind, Status: f.status}
}
