package proxy

import (
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Endpoints are the routes of this package, for /openapi.json. A test holds routes and
// what is told of them together, those of capabilities as well.
var Endpoints = []web.Endpoint{
	{
		Method: http.MethodGet, Path: "/livez", ID: "livez", Tag: "operations", About: "Whether the process runs",
		Answers: []web.Answer{{Status: http.StatusOK, About: "It does.", Type: "text/plain", Schema: []byte(`{"type":"string"}`)}},
	},
	{
		Method: http.MethodGet, Path: "/readyz", ID: "readyz", Tag: "operations", About: "Whether requests can be answered now",
		Parameters: []web.Parameter{{Name: "for", In: "query", About: "A capability that must be ready too: realtime."}},
		Answers:    []web.Answer{{Status: http.StatusOK, About: "They can; with what is amiss beside.", Type: "text/plain", Schema: []byte(`{"type":"string"}`)}},
		Codes:      append([]string{"PGRST002", "shutting_down", "stream_away"}, web.OfDatabase...),
	},
}
