package realtime

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// client is one WebSocket: a goroutine reads and obeys, and one of the hub's writers
// writes.
type client struct {
	hub  *Hub
	conn *websocket.Conn
	raw  syscall.RawConn // see rawOf
	v    version
	// key is who opened the connection; channels without a token of their own are its.
	key identity
	// address is where it is; zero when nobody tells.
	address netip.Addr
	// agent is what its program calls itself; request, the id of the request by which it
	// came: what is done for it is found by that in the logs.
	agent, request string
	// ctx ends when nothing can be written any more.
	ctx    context.Context
	cancel context.CancelFunc
	// seen is when the client last gave a sign of life, in Unix nanoseconds; turn, at
	// which beat of the hub it is asked for one.
	seen atomic.Int64
	turn int

	out    queue
	writer *writer
	// writing guards what is below: blocked says that the goroutine of push writes, over
	// that nothing is written any more; ending, that the close frame was.
	writing       sync.Mutex
	blocked, over bool
	ending        atomic.Bool
	written       sync.WaitGroup // until over

	// ticket is its place among all connections.
	ticket *ticket

	// Of the goroutine that reads.
	messages, joins, presences bucket
	left                       bool // the client has said that it goes

	mu       sync.Mutex
	channels map[string]*channel // by the topic on the wire
	// replays are under way; none begins once closed is set.
	replays sync.WaitGroup
	closed  bool
	// asked is when it was asked to confirm what it has read, zero if it has answered;
	// acked is up to where it did.
	asked time.Time
	acked place
}

func newClient(h *Hub, v version, key identity, ip string) *client {
	now := time.Now()
	c := &client{
		hub: h, v: v, key: key,
		messages: newBucket(h.cfg.MessagesPerSecond, now),
		joins:    newBucket(h.cfg.JoinsPerSecond, now),
		channels: map[string]*channel{},

		presences: newBucket(h.cfg.MessagesPerSecond, now),
		ticket:    &ticket{id: newID(), ip: ip},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.out.limits = &h.limits
	c.out.wake = func() { c.writer.add(c) }
	c.seen.Store(now.UnixNano())
	c.written.Add(1)
	return c
}

// run serves the client until the connection ends. What waits in next is most of what
// an idle connection takes: with few variables up to there its stack shrinks to 4 KiB.
func (c *client) run() {
	if c.admit(c.ctx) {
		c.listen()
		for c.next() {
		}
	}
	c.leave()
}

// listen says what to do with control frames.
func (c *client) listen() {
	alive := func(string) error {
		c.seen.Store(time.Now().UnixNano())
		return nil
	}
	c.conn.SetReadLimit(c.hub.cfg.MaxMessageBytes)
	// Nobody writes but who is told to by the queue; what gorilla would write by itself
	// goes there.
	c.conn.SetPingHandler(func(data string) error {
		c.put(frameControl(opPong, data))
		return alive(data)
	})
	c.conn.SetPongHandler(func(data string) error {
		c.answer(data)
		return alive(data)
	})
	c.conn.SetCloseHandler(func(code int, reason string) error {
		// The clients of Supabase close a connection that seems dead to them as if they left.
		c.left = (code == websocket.CloseNormalClosure || code == websocket.CloseGoingAway) && reason != "heartbeat timeout"
		c.end(websocket.CloseNormalClosure, "")
		return nil
	})
}

// next obeys the next message; false if the connection ends.
func (c *client) next() bool {
	kind, data, err := c.conn.ReadMessage()
	return err == nil && !c.ending.Load() && c.heed(data, kind == websocket.BinaryMessage)
}

// leave ends the connection, when what waits is written.
func (c *client) leave() {
	defer c.hub.exit(c)
	for _, ch := range c.all() {
		if ch.stay != nil {
			c.hub.memory.rise(ch.stay, !c.left, time.Now())
		}
	}
	c.end(websocket.CloseNormalClosure, "")
	for _, ch := range c.all() {
		c.drop(ch)
	}
	c.hub.admissions.leave(c.ticket)
	c.written.Wait()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.replays.Wait()
	c.linger()
	_ = c.conn.Close()
}

// linger takes what the client still sends, until it goes or its time is up: the
// kernel answers unread data with a reset, in which the close frame would be lost
// (RFC 9112 section 9.6 has the same for HTTP).
func (c *client) linger() {
	conn := c.conn.NetConn()
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, conn)
}

// replay runs what tells the client of earlier messages, beside what goes on.
func (c *client) replay(tell func(ctx context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.replays.Go(func() { tell(c.ctx) })
	}
}

// heed does what the data asks; false if the connection ends. It keeps its variables
// off the stack of next.
//
//go:noinline
func (c *client) heed(data []byte, isBinary bool) bool {
	c.seen.Store(time.Now().UnixNano())
	c.hub.metrics.received.Inc()
	m, err := parse(c.v, data, isBinary)
	if err == nil {
		err = c.obey(c.ctx, &m)
	}
	var end closeError
	switch {
	case errors.Is(err, errMessage):
		end = closeError{closeBadMessage, err.Error()}
	case !errors.As(err, &end):
		return true
	}
	c.end(end.code, end.reason)
	return false
}

// closeError is why a client's connection ends.
type closeError struct {
	code   uint16
	reason string
}

func (e closeError) Error() string { return e.reason }

var errTooMuch = closeError{closePolicy, "too many requests per second"}

// obey does what a message asks. Its error ends the connection.
func (c *client) obey(ctx context.Context, m *message) error {
	now := time.Now()
	switch {
	case m.topic == topicPhoenix && m.event == eventHeartbeat:
		if !c.joins.take(now) {
			return errTooMuch
		}
		c.reply(m, statusOK, c.standing())
		return nil
	case m.event == eventJoin:
		if !c.joins.take(now) {
			c.refuse(m, "ClientJoinRateLimitReached: Too many joins per second")
			return errTooMuch
		}
		c.join(ctx, m)
		return nil
	}
	ch := c.channel(m.topic)
	if ch == nil || string(m.joinRef) != "null" && string(m.joinRef) != string(ch.joinRef) {
		// Of a channel that is closed already, or never was.
		if !c.joins.take(now) {
			return errTooMuch
		}
		if m.event == eventLeave {
			c.reply(m, statusOK, emptyObject)
		} else {
			c.refuse(m, "unmatched topic")
		}
		return nil
	}
	switch m.event {
	case eventBroadcast:
		if !c.messages.take(now) {
			c.shut(ch, "Too many messages per second")
			return nil
		}
		c.broadcast(ch, m)
		return nil
	case eventPresence:
		if !c.presences.take(now) {
			c.refusePresence(ch, m, "Too many presence messages per second")
			return nil
		}
		c.presence(ch, m)
		return nil
	}
	if !c.joins.take(now) {
		return errTooMuch
	}
	switch m.event {
	case eventLeave:
		if c.drop(ch) {
			c.reply(m, statusOK, emptyObject)
			c.send(ch.joinRef, ch.joinRef, ch.wire, eventClose, emptyObject)
		}
	case eventToken:
		c.renew(ctx, ch, m)
	default:
		c.refuse(m, "UnknownEvent: "+m.event)
	}
	return nil
}

// standing is the answer to a heartbeat: the position up to which all channels have been
// told of changes, while there is one.
func (c *client) standing() []byte {
	at := c.hub.told.read() // before the channels are asked
	for _, ch := range c.all() {
		if !ch.changes.stands(at) || at.LSN <= ch.quiet {
			return emptyObject
		}
	}
	if at.LSN == 0 {
		return emptyObject
	}
	return []byte(`{"position":"` + at.String() + `"}`)
}

var emptyObject = []byte("{}")

const (
	statusOK    = "ok"
	statusError = "error"
)

// send queues a message for this client alone.
func (c *client) send(joinRef, ref []byte, topic, event string, payload []byte) {
	c.put(c.v.frameText(joinRef, ref, topic, event, payload))
}

// reply answers a message.
func (c *client) reply(m *message, status string, response []byte) {
	payload := append([]byte(`{"status":"`+status+`","response":`), response...)
	c.send(m.joinRef, m.ref, m.topic, eventReply, append(payload, '}'))
}

// refuse answers a message with a reason.
func (c *client) refuse(m *message, reason string) {
	c.reply(m, statusError, []byte(`{"reason":`+string(quote(reason))+`}`))
}

// closeFrame makes the frame that ends a connection (RFC 6455 section 5.5.1).
func closeFrame(code uint16, reason string) []byte {
	return frameControl(opClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// versionOf reads the parameter vsn.
func versionOf(vsn string) version {
	if strings.HasPrefix(vsn, "2") {
		return v2
	}
	return v1
}
