package functions

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Endpoints describes the route, for /openapi.json: POST stands for any method, and the path
// may go on behind the name.
func Endpoints() []web.Endpoint {
	return []web.Endpoint{{
		Method: http.MethodPost, Path: Prefix + "/{name}", ID: "functions.invoke", Tag: "functions",
		About: "Call a function\nBy any method, also with a path behind the name and a query, and as a WebSocket. The function answers, with status and headers of its own.",
		Parameters: []web.Parameter{
			{Name: "name", In: "path", About: "The name of the function."},
			{Name: "x-region", In: "header", About: "Where it should run; taken, and without effect."},
		},
		Body:    json.RawMessage(`{"*/*":{"schema":{}}}`),
		Answers: []web.Answer{{Status: http.StatusOK, About: "What the function says.", Type: "*/*", Schema: json.RawMessage(`{}`)}},
		Codes: slices.Concat(web.OfTokens, web.OfDatabase, []string{
			"BOOT_ERROR", "REQUEST_TOO_LARGE", "WORKER_BUSY", "WORKER_ERROR", "WORKER_LIMIT", "function_not_found", "functions_unavailable", "unauthorized",
		}),
	}}
}
