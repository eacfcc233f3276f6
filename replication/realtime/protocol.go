package realtime

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// version is the serialization that a client asked for with vsn.
type version byte

const (
	v1 version = iota // 1.0.0: objects
	v2                // 2.0.0: arrays, and broadcasts in binary
)

// Why a connection was closed (RFC 6455 section 7.4). 1000 is the client's own.
const (
	// closeGoingAway: this process stops; connect again, another one answers.
	closeGoingAway = 1001
	// closeBadMessage: a frame that is not a message of the protocol, or not UTF-8.
	closeBadMessage = 1007
	// closePolicy: the client does not read as fast as messages come, or asks for more
	// than the limits allow.
	closePolicy = 1008
	// closeTooBig, 1009, is a message over the limit.
	// closeTryAgain: the database, which counts the connections, is away.
	closeTryAgain = 1013
)

// Events of the protocol.
const (
	eventJoin      = "phx_join"
	eventLeave     = "phx_leave"
	eventReply     = "phx_reply"
	eventClose     = "phx_close"
	eventHeartbeat = "heartbeat"
	eventToken     = "access_token"
	eventBroadcast = "broadcast"
	eventSystem    = "system"

	topicPhoenix = "phoenix"
	topicPrefix  = "realtime:"
)

const (
	// maxName is what a length of one byte can say in a binary message.
	maxName = 255
	maxRef  = 64
	// The kinds of binary messages.
	kindPush      = 3 // a broadcast of a client
	kindBroadcast = 4 // a broadcast for a client
	// The encodings of a payload in them.
	encodingBytes = 0
	encodingJSON  = 1
)

// message is one frame of a client.
type message struct {
	// joinRef and ref are a JSON string, number or null, and go back as they came.
	joinRef, ref json.RawMessage
	topic, event string
	// payload is JSON; of a push it is what is broadcast.
	payload json.RawMessage
	// push says that the message came in binary: a broadcast of userEvent. With isRaw
	// its payload is any bytes.
	push, isRaw bool
	userEvent   string
}

var errMessage = errors.New("not a message of the protocol")

// parse reads a frame. The message keeps data.
func parse(v version, data []byte, isBinary bool) (m message, err error) {
	switch {
	case isBinary && v == v2:
		m, err = parsePush(data)
	case isBinary || !utf8.Valid(data):
		return message{}, errMessage
	case v == v2:
		m, err = parseArray(data)
	default:
		m, err = parseObject(data)
	}
	if err != nil || !isName(m.topic) || !isName(m.event) || m.topic == "" || m.event == "" {
		return message{}, errMessage
	}
	return m, nil
}

func parseObject(data []byte) (m message, err error) {
	var o struct {
		Topic, Event string
		Payload      json.RawMessage
		Ref          json.RawMessage
		JoinRef      json.RawMessage `json:"join_ref"`
	}
	if err := json.Unmarshal(data, &o); err != nil {
		return message{}, err
	}
	m = message{topic: o.Topic, event: o.Event, payload: o.Payload}
	m.joinRef, m.ref, err = refs(o.JoinRef, o.Ref)
	return m, err
}

func parseArray(data []byte) (m message, err error) {
	var a []json.RawMessage
	if err := json.Unmarshal(data, &a); err != nil {
		return message{}, err
	}
	if len(a) != 5 {
		return message{}, errMessage
	}
	if m.joinRef, m.ref, err = refs(a[0], a[1]); err != nil {
		return message{}, err
	}
	m.payload = a[4]
	return m, errors.Join(json.Unmarshal(a[2], &m.topic), json.Unmarshal(a[3], &m.event))
}

var null = json.RawMessage("null")

// refs checks what will be echoed.
func refs(join, ref json.RawMessage) (json.RawMessage, json.RawMessage, error) {
	for _, r := range []*json.RawMessage{&join, &ref} {
		switch {
		case *r == nil:
			*r = null
		case len(*r) > maxRef, strings.IndexByte("[{tf", (*r)[0]) >= 0:
			return nil, nil, errMessage
		}
	}
	return join, ref, nil
}

// parsePush reads a broadcast in binary: the kind, five lengths, the encoding, then
// join ref, ref, topic, event and meta, and the payload up to the end.
func parsePush(data []byte) (m message, err error) {
	const head = 7
	if len(data) < head || data[0] != kindPush {
		return message{}, errMessage
	}
	rest := data[head:]
	var parts [5]string
	for i := range parts {
		n := int(data[1+i])
		if n > len(rest) || !utf8.Valid(rest[:n]) {
			return message{}, errMessage
		}
		parts[i], rest = string(rest[:n]), rest[n:]
	}
	m = message{
		joinRef: textRef(parts[0]), ref: textRef(parts[1]), topic: parts[2],
		event: eventBroadcast, userEvent: parts[3], push: true, payload: rest,
	}
	switch data[6] {
	case encodingBytes:
		m.isRaw = true
	case encodingJSON:
		if !utf8.Valid(rest) || !json.Valid(rest) {
			return message{}, errMessage
		}
	default:
		return message{}, errMessage
	}
	if !isName(m.userEvent) {
		return message{}, errMessage
	}
	return m, nil
}

// textRef is a ref of a binary message as JSON.
func textRef(s string) json.RawMessage {
	if s == "" {
		return null
	}
	return quote(s)
}

// isName tells whether a topic or event can be one: Postgres can't hold the zero
// character, and a binary message has one byte for the length.
func isName(s string) bool {
	return len(s) <= maxName && utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

func quote(s string) json.RawMessage {
	b, _ := json.Marshal(s) // never fails for a string
	return b
}

// frameText makes the WebSocket frame of a text message.
func (v version) frameText(joinRef, ref json.RawMessage, topic, event string, payload []byte) []byte {
	t, e := quote(topic), quote(event)
	var b bytes.Buffer
	b.Grow(len(joinRef) + len(ref) + len(t) + len(e) + len(payload) + 64)
	b.Write(make([]byte, maxFrameHead))
	if v == v2 {
		for i, part := range [][]byte{joinRef, ref, t, e, payload} {
			b.WriteByte("[,"[min(i, 1)])
			b.Write(part)
		}
		b.WriteByte(']')
	} else {
		for i, part := range [][]byte{t, e, payload, ref, joinRef} {
			b.WriteString([]string{`{"topic":`, `,"event":`, `,"payload":`, `,"ref":`, `,"join_ref":`}[i])
			b.Write(part)
		}
		b.WriteByte('}')
	}
	return withHead(opText, b.Bytes())
}

// frameBytes makes the frame of a broadcast whose payload is no JSON. Only clients
// of v2 understand it.
func frameBytes(topic, event, meta string, payload []byte) []byte {
	b := make([]byte, maxFrameHead, maxFrameHead+5+len(topic)+len(event)+len(meta)+len(payload))
	b = append(b, kindBroadcast, byte(len(topic)), byte(len(event)), byte(len(meta)), encodingBytes)
	b = append(append(append(append(b, topic...), event...), meta...), payload...)
	return withHead(opBinary, b)
}

// Opcodes of RFC 6455 section 5.2.
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

// maxFrameHead is the size of the longest head of a frame that is not masked.
const maxFrameHead = 10

// withHead writes the head of a frame before its payload, for which the first
// maxFrameHead bytes of b are left, and returns the frame. Frames of a server are
// not masked (RFC 6455 section 5.1), so that all clients can share one.
func withHead(op byte, b []byte) []byte {
	n := len(b) - maxFrameHead
	const final = 0x80
	switch {
	case n < 126:
		b = b[maxFrameHead-2:]
		b[1] = byte(n)
	case n < 1<<16:
		b = b[maxFrameHead-4:]
		b[1] = 126
		binary.BigEndian.PutUint16(b[2:], uint16(n))
	default:
		b[1] = 127
		binary.BigEndian.PutUint64(b[2:], uint64(n))
	}
	b[0] = final | op
	return b
}

// frameControl makes a ping, pong or close frame.
func frameControl(op byte, payload string) []byte {
	return withHead(op, append(make([]byte, maxFrameHead, maxFrameHead+len(payload)), payload...))
}
