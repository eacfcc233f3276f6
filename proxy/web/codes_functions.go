package web

import "net/http"

// functionCodes are what clients of Supabase's functions switch on. 546 is a status of
// Supabase's own.
var functionCodes = []Code{
	{"BOOT_ERROR", http.StatusServiceUnavailable, "a function could not be started; its log says why"},
	{"REQUEST_TOO_LARGE", http.StatusRequestEntityTooLarge, "the body is longer than the function takes"},
	{"WORKER_BUSY", http.StatusServiceUnavailable, "all workers of a function are busy, or the server is shutting down; try again"},
	{"WORKER_ERROR", http.StatusInternalServerError, "a function threw, or its worker ended before it answered; its log says why"},
	{"WORKER_LIMIT", 546, "a function took more time, computing, memory or threads than it may; its log says which"},
}
