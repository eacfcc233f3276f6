package realtime

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// client is one WebSocket: a goroutine that reads and obeys, and one that writes.
type client struct {
	hub  *Hub
	conn *websocket.Conn
	v    version
	// key is who opened the connection; channels without a token of their own are its.
	key identity
	// agent is what its program calls itself.
	agent string
	out   queue
	// ending is set once the close frame has been written.
	ending atomic.Bool

	// Of the goroutine that reads.
	messages, joins, presences bucket
	left                       bool // the client has said that it goes

	// ctx ends with the connection.
	ctx context.Context

	mu       sync.Mutex
	channels map[string]*channel // by the topic on the wire
	// replays are under way; none begins once over is set.
	replays sync.WaitGroup
	over    bool
	// asked is when it was asked to confirm what it has read, zero if it has answered;
	// acked is up to where it did.
	asked time.Time
	acked place
}

const (
	writeTimeout = 10 * time.Second
	// closeTimeout is what a client has to answer a close frame, or to make room
	// for it.
	closeTimeout = 2 * time.Second
)

func newClient(h *Hub, v version, key identity) *client {
	now := time.Now()
	return &client{
		hub: h, v: v, key: key,
		out:      queue{maxMessages: h.cfg.QueueMessages, maxBytes: h.cfg.QueueBytes, wake: make(chan struct{}, 1)},
		messages: newBucket(h.cfg.MessagesPerSecond, now),
		joins:    newBucket(h.cfg.JoinsPerSecond, now),
		channels: map[string]*channel{},

		presences: newBucket(h.cfg.MessagesPerSecond, now),
	}
}

// run serves the client until the connection ends.
func (c *client) run() {
	defer c.hub.exit(c)
	ctx, cancel := context.WithCancel(context.Background())
	c.ctx = ctx
	var writing sync.WaitGroup
	writing.Go(func() {
		defer cancel()
		c.write()
	})
	c.read(ctx)
	for _, ch := range c.all() {
		if ch.stay != nil {
			c.hub.memory.rise(ch.stay, !c.left, time.Now())
		}
	}
	c.out.close(closeFrame(websocket.CloseNormalClosure, ""))
	writing.Wait()
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.replays.Wait()
	c.linger()
	_ = c.conn.Close()
	for _, ch := range c.all() {
		c.drop(ch)
	}
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

// put queues a frame for the client, and gives up one that is too slow.
func (c *client) put(frame []byte) {
	switch c.out.put(frame) {
	case queued:
		c.hub.metrics.sent.Inc()
	case full:
		c.hurry()
	case ended:
	}
}

// giveUp ends the connection of a client that does not read; what waits is dropped.
func (c *client) giveUp(reason string) {
	if c.out.abandon(closeFrame(closePolicy, reason)) {
		c.hurry()
	}
}

// hurry has what is being written now make room for the close frame, soon.
func (c *client) hurry() {
	c.hub.metrics.slow.Inc()
	_ = c.conn.NetConn().SetWriteDeadline(time.Now().Add(closeTimeout))
}

// offer queues a frame if there is room for it.
func (c *client) offer(frame []byte) bool {
	switch c.out.offer(frame) {
	case queued:
		c.hub.metrics.sent.Inc()
	case full:
		return false
	case ended:
	}
	return true
}

// replay runs what tells the client of earlier messages, beside what goes on.
func (c *client) replay(tell func(ctx context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.replays.Go(func() { tell(c.ctx) })
	}
}

// write sends what is queued, all that waits in one call.
func (c *client) write() {
	conn := c.conn.NetConn()
	ping := time.NewTicker(c.hub.cfg.PingInterval)
	defer ping.Stop()
	var batch [][]byte
	var last []byte
	for {
		select {
		case <-c.out.wake:
		case <-ping.C:
			c.out.put(frameControl(opPing, ""))
		}
		batch, last = c.out.take(batch)
		if len(batch) > 0 {
			_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			buffers := net.Buffers(batch)
			if _, err := buffers.WriteTo(conn); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) {
					c.hub.metrics.slow.Inc()
				}
				_ = conn.Close() // ends the reading too
				return
			}
		}
		if last != nil {
			c.ending.Store(true)
			_ = conn.SetWriteDeadline(time.Now().Add(closeTimeout))
			_, _ = conn.Write(last)
			// Its own close frame comes back, or nothing does.
			_ = conn.SetReadDeadline(time.Now().Add(closeTimeout))
			return
		}
	}
}

// read obeys the client's messages.
func (c *client) read(ctx context.Context) {
	alive := func() error {
		if c.ending.Load() {
			return nil
		}
		return c.conn.SetReadDeadline(time.Now().Add(3 * c.hub.cfg.PingInterval))
	}
	c.conn.SetReadLimit(c.hub.cfg.MaxMessageBytes)
	// Only the writing goroutine writes; what gorilla would write by itself goes there.
	c.conn.SetPingHandler(func(data string) error {
		c.out.put(frameControl(opPong, data))
		return alive()
	})
	c.conn.SetPongHandler(func(data string) error {
		c.answer(data)
		return alive()
	})
	c.conn.SetCloseHandler(func(code int, reason string) error {
		// The clients of Supabase close a connection that seems dead to them as if they left.
		c.left = (code == websocket.CloseNormalClosure || code == websocket.CloseGoingAway) && reason != "heartbeat timeout"
		c.out.close(closeFrame(websocket.CloseNormalClosure, ""))
		return nil
	})
	for alive() == nil {
		kind, data, err := c.conn.ReadMessage()
		if err != nil || c.ending.Load() {
			return
		}
		c.hub.metrics.received.Inc()
		m, err := parse(c.v, data, kind == websocket.BinaryMessage)
		if err == nil {
			err = c.obey(ctx, &m)
		}
		var end closeError
		switch {
		case errors.Is(err, errMessage):
			end = closeError{closeBadMessage, err.Error()}
		case !errors.As(err, &end):
			continue
		}
		c.out.close(closeFrame(end.code, end.reason))
		return
	}
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
