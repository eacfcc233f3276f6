package realtime

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

var (
	errStopping       = web.ShuttingDown
	errTooManyClients = web.New("too_many_requests", "Too many connected users")
	errNoKey          = web.New("unauthorized", "API key is missing")
	errOrigin         = web.New("forbidden_origin", "pages of this origin may not call this API")
	errUpgrade        = web.New("invalid_request", "this path takes WebSockets only")
	errForbidden      = web.New("forbidden", "Unauthorized: You do not have permissions to write to this Channel topic")
)

// readBuffer is small, since each connection has one: what is longer is read without it.
const readBuffer = 128

const handshakeTimeout = 5 * time.Second

// serveSocket opens a WebSocket. Who it is for stands in the apikey.
func (h *Hub) serveSocket(w *web.Response, r *http.Request) error {
	if !h.allowed(r) {
		return errOrigin
	}
	query := r.URL.Query()
	key := query.Get("apikey")
	if key == "" {
		key = r.Header.Get("Apikey")
	}
	if key == "" {
		return errNoKey
	}
	who, err := h.verify(r.Context(), key, w.Address)
	if err != nil {
		return err
	}
	w.Role, w.User = who.Role, who.Subject
	if !websocket.IsWebSocketUpgrade(r) {
		return errUpgrade
	}
	if err := h.limit(w, r, who.Caller); err != nil {
		return err
	}
	c := newClient(h, versionOf(query.Get("vsn")), who, web.Origin(w.Address))
	c.address = w.Address
	c.agent, c.request = r.UserAgent(), w.ID
	if err := h.reserve(); err != nil {
		return err
	}
	var refused error
	up := websocket.Upgrader{
		ReadBufferSize: readBuffer, WriteBufferPool: &h.unused, HandshakeTimeout: handshakeTimeout,
		CheckOrigin: func(*http.Request) bool { return true }, // checked above
		Error: func(_ http.ResponseWriter, _ *http.Request, _ int, reason error) {
			refused = errUpgrade.Because(reason)
		},
	}
	c.conn, err = up.Upgrade(w, r, http.Header{"X-Request-Id": {w.ID}})
	if err != nil {
		h.exit(c)
		if refused != nil {
			return refused
		}
		return web.ClientGone.Because(err)
	}
	h.enter(c)
	go c.run()
	return nil
}

// allowed tells whether the page that asks may connect: one of an allowed origin, or of
// our own. Only browsers say where from; to others a page's origin means nothing.
func (h *Hub) allowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || h.Origins.All() || h.Origins.Listed(origin) {
		return true
	}
	_, host, _ := strings.Cut(origin, "://")
	return strings.EqualFold(host, r.Host)
}

// maxMessages bounds what one request asks the database.
const maxMessages = 100

// serveBroadcasts answers POST /api/broadcast: a list of messages. As in Supabase,
// those that the caller may not send are left out without a word.
func (h *Hub) serveBroadcasts(w *web.Response, r *http.Request) error {
	who, err := h.writer(w, r)
	if err != nil {
		return err
	}
	body, err := h.read(r)
	if err != nil {
		return err
	}
	var in struct {
		Messages []struct {
			Topic, Event string
			Payload      json.RawMessage
			Private      bool
		}
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Messages == nil {
		return web.New("unprocessable", `the body must be {"messages": [{"topic", "event", "payload", "private"}]}`)
	}
	if len(in.Messages) > maxMessages {
		return web.New("too_many_requests", "Too many messages to broadcast, please reduce the batch size")
	}
	rights := map[string]access{}
	var list []*broadcast
	for _, m := range in.Messages {
		topic := strings.TrimPrefix(m.Topic, topicPrefix)
		if topic == "" || !isName(topicPrefix+topic) || !isName(m.Event) || m.Payload == nil {
			return web.New("unprocessable", "each message needs topic, event and payload")
		}
		if m.Private {
			a, known := rights[topic]
			if !known {
				if a, err = h.authorize(r.Context(), w.ID, who, topic); err != nil && !errors.As(err, new(denied)) {
					return web.DatabaseUnavailable.Because(err)
				}
				rights[topic] = a
			}
			if !a.writeBroadcast {
				continue
			}
		} else if h.cfg.PrivateOnly {
			continue
		}
		list = append(list, &broadcast{Topic: topic, Event: m.Event, Payload: string(m.Payload), Private: m.Private})
	}
	return h.sendAll(w, list)
}

// serveBroadcast answers POST /api/broadcast/TOPIC/events/EVENT: the body is one
// payload, JSON or any bytes.
func (h *Hub) serveBroadcast(w *web.Response, r *http.Request) error {
	path := strings.TrimPrefix(r.URL.EscapedPath(), Prefix+"/api/broadcast/")
	escapedTopic, escapedEvent, ok := strings.Cut(path, "/events/")
	topic, errTopic := url.PathUnescape(escapedTopic)
	event, errEvent := url.PathUnescape(escapedEvent)
	if !ok || strings.Contains(escapedEvent, "/") || errors.Join(errTopic, errEvent) != nil {
		return web.NotFound
	}
	if topic == "" || !isName(topicPrefix+topic) || !isName(event) {
		return web.New("unprocessable", "topic and event must be texts of at most 246 and 255 bytes")
	}
	who, err := h.writer(w, r)
	if err != nil {
		return err
	}
	b := &broadcast{Topic: topic, Event: event, Private: r.URL.Query().Get("private") == "true"}
	body, err := h.read(r)
	if err != nil {
		return err
	}
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case "application/json":
		if !json.Valid(body) {
			return web.New("unprocessable", "the body is not JSON")
		}
		b.Payload = strings.ToValidUTF8(string(body), "\uFFFD")
	case "application/octet-stream":
		b.Payload, b.Bytes = base64.StdEncoding.EncodeToString(body), true
	default:
		return web.New("unsupported_media_type", "a broadcast is application/json or application/octet-stream")
	}
	switch {
	case b.Private:
		a, err := h.authorize(r.Context(), w.ID, who, topic)
		switch {
		case errors.As(err, new(denied)):
			return errForbidden
		case err != nil:
			return web.DatabaseUnavailable.Because(err)
		case !a.writeBroadcast:
			return errForbidden
		}
	case h.cfg.PrivateOnly:
		return errForbidden
	}
	return h.sendAll(w, []*broadcast{b})
}

// caller is whom a request is for; unlike a table, a broadcast needs a key.
func (h *Hub) caller(w *web.Response, r *http.Request) (pg.Caller, error) {
	if r.Header.Get("Apikey") == "" && r.Header.Get("Authorization") == "" && r.Header.Get("X-Service-Key") == "" {
		return pg.Caller{}, errNoKey
	}
	who, err := h.Tokens.Caller(r.Context(), r.Header, from(w.Address))
	w.Role, w.User = who.Role, who.Subject
	if err == nil {
		err = h.limit(w, r, who)
	}
	return who, err
}

func (h *Hub) limit(w *web.Response, r *http.Request, who pg.Caller) error {
	if h.Limit == nil {
		return nil
	}
	return h.Limit(w, r, who)
}

// from says where a request comes from and that it is for realtime.
func from(address netip.Addr) token.From { return token.From{Module: "realtime", Address: address} }

// writer is the caller of a request that sends.
func (h *Hub) writer(w *web.Response, r *http.Request) (pg.Caller, error) {
	who, err := h.caller(w, r)
	if err == nil {
		err = token.CheckWrite(who.Scope)
	}
	return who, err
}

func (h *Hub) read(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, h.cfg.MaxMessageBytes+1))
	var own *web.Error
	switch {
	case errors.As(err, &own):
		return nil, own
	case int64(len(body)) > h.cfg.MaxMessageBytes:
		e := web.New("body_too_large", "the broadcast is too large")
		e.Details = map[string]int64{"limit_bytes": h.cfg.MaxMessageBytes}
		return nil, e
	case err != nil:
		return nil, web.ClientGone.Because(err)
	}
	return body, nil
}

// sendAll answers 202 once all are committed.
func (h *Hub) sendAll(w *web.Response, list []*broadcast) error {
	var mu sync.Mutex
	var waiting sync.WaitGroup
	var failed error
	done := func(err error) {
		mu.Lock()
		failed = errors.Join(failed, err)
		mu.Unlock()
		waiting.Done()
	}
	for _, b := range list {
		waiting.Add(1)
		if err := h.sender.send(b, done); err != nil {
			done(err)
		}
	}
	waiting.Wait()
	if failed != nil {
		return failed
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}
