package realtime

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Prefix of all paths.
const Prefix = "/realtime/v1"

// route is what answers at a path, or below one that ends in a slash. It takes one
// method.
type route struct {
	path  string
	serve func(*Hub, *web.Response, *http.Request) error
	web.Endpoint
}

var asking = slices.Concat(web.OfTokens, []string{"unauthorized"})

// routes are all below Prefix.
var routes = []route{
	{"/websocket", (*Hub).serveSocket, web.Endpoint{
		Method: http.MethodGet, ID: "realtime", About: "A WebSocket of the Phoenix protocol\nA refusal is an answer with one of these codes; after that channels have their own.",
		Parameters: []web.Parameter{
			{Name: "apikey", In: "query", About: "The key, or the token of a user; browsers can't give it in a header."},
			{Name: "vsn", In: "query", About: "Version of the protocol: 1.0.0 or 2.0.0."},
		},
		Answers: []web.Answer{{Status: http.StatusSwitchingProtocols, About: "The WebSocket is open."}},
		Codes:   slices.Concat(asking, []string{"shutting_down", "too_many_requests"}),
	}},
	{inspectPath, (*Hub).serveInspect, page("inspect", "", "The page that shows what goes on", "text/html")},
	{inspectPath + "/", (*Hub).serveInspect, page("inspect.file", "{file}", "A file of that page", "text/javascript")},
	{inspectPath + "/figures", (*Hub).serveInspect, web.Endpoint{
		Method: http.MethodGet, ID: "inspect.figures", About: "The figures that the page shows, a line of JSON each second\nFor service_role alone.",
		Answers: []web.Answer{{Status: http.StatusOK, About: "The figures.", Type: "application/x-ndjson", Schema: json.RawMessage(`{"type":"string"}`)}},
		Codes:   slices.Concat(asking, []string{"forbidden", "too_many_requests"}),
	}},
	{"/api/broadcast", (*Hub).serveBroadcasts, web.Endpoint{
		Method: http.MethodPost, ID: "broadcast", About: "Send to channels",
		Body: json.RawMessage(`{"application/json":{"schema":{"type":"object","required":["messages"],"properties":{"messages":{"type":"array","items":` +
			`{"type":"object","required":["topic","event","payload"],"properties":{"topic":{"type":"string"},"event":{"type":"string"},` +
			`"payload":{"description":"any JSON"},"private":{"type":"boolean"}}}}}}}}`),
		Answers: sent, Codes: sending,
	}},
	{"/api/broadcast/", (*Hub).serveBroadcast, web.Endpoint{
		Method: http.MethodPost, Path: "{topic}/events/{event}", ID: "broadcast.one", About: "Send one message to a channel",
		Parameters: []web.Parameter{
			{Name: "topic", In: "path", About: "The channel."},
			{Name: "event", In: "path", About: "The event."},
			{Name: "private", In: "query", About: "true for a private channel."},
		},
		Body:    json.RawMessage(`{"application/json":{},"application/octet-stream":{}}`),
		Answers: sent, Codes: slices.Concat(sending, []string{"forbidden", "unsupported_media_type"}),
	}},
}

var (
	sent    = []web.Answer{{Status: http.StatusAccepted, About: "Sent, and kept by the database."}}
	sending = slices.Concat(asking, web.OfDatabase, []string{"shutting_down", "too_many_requests", "unprocessable"})
)

func page(id, path, about, kind string) web.Endpoint {
	e := web.Endpoint{
		Method: http.MethodGet, Path: path, ID: id, About: about,
		Answers: []web.Answer{
			{Status: http.StatusOK, About: "It.", Type: kind, Schema: json.RawMessage(`{"type":"string"}`)},
			{Status: http.StatusNotModified, About: "The one that If-None-Match names."},
		},
	}
	if path != "" {
		e.Parameters = []web.Parameter{{Name: "file", In: "path", About: "Its name."}}
	}
	return e
}

// Endpoints describes all of them.
func Endpoints() []web.Endpoint {
	list := make([]web.Endpoint, len(routes))
	for i, rt := range routes {
		list[i] = rt.Endpoint
		list[i].Path, list[i].Tag = Prefix+rt.path+rt.Path, "realtime"
	}
	return list
}

// Serve answers all below Prefix.
func (h *Hub) Serve(w *web.Response, r *http.Request) error {
	path := strings.TrimPrefix(r.URL.EscapedPath(), Prefix)
	var found *route
	for i := range routes {
		rt := &routes[i]
		if path == rt.path || strings.HasSuffix(rt.path, "/") && strings.HasPrefix(path, rt.path) && found == nil {
			found = rt
		}
	}
	if found == nil {
		return web.NotFound
	}
	if r.Method != found.Method {
		e := web.New("method_not_allowed", "this path does not take "+r.Method)
		e.Header = http.Header{"Allow": {found.Method}}
		return e
	}
	return found.serve(h, w, r)
}
