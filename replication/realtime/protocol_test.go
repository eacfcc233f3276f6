package realtime

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// push writes a broadcast as realtime-js 2.0.0 does.
func push(joinRef, ref, topic, event, meta string, encoding byte, payload string) []byte {
	b := []byte{kindPush, byte(len(joinRef)), byte(len(ref)), byte(len(topic)), byte(len(event)), byte(len(meta)), encoding}
	return append(b, joinRef+ref+topic+event+meta+payload...)
}

func TestMessagesAreParsed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	for _, tt := range []struct {
		name     string
		v        version
		data     string
		isBinary bool
		want     *message // nil is refused
	}{
		{
			"object", v1, `{"topic":"realtime:a","event":"phx_join","payload":{"config":{}},"ref":"1","join_ref":"2"}`, false,
			&message{joinRef: []byte(`"2"`), ref: []byte(`"1"`), topic: "realtime:a", event: "phx_join", payload: []byte(`{"config":{}}`)},
		},
		{
			"object without refs", v1, `{"topic":"phoenix","event":"heartbeat","payload":{}}`, false,
			&message{joinRef: null, ref: null, topic: "phoenix", event: "heartbeat", payload: []byte(`{}`)},
		},
		{
			"array", v2, `[null,"3","phoenix","heartbeat",{}]`, false,
			&message{joinRef: null, ref: []byte(`"3"`), topic: "phoenix", event: "heartbeat", payload: []byte(`{}`)},
		},
		{
			"push of JSON", v2, string(push("1", "", "realtime:a", "e", `{"persist":true}`, encodingJSON, `{"a":1}`)), true,
			&message{joinRef: []byte(`"1"`), ref: null, topic: "realtime:a", event: "broadcast", push: true, userEvent: "e", payload: []byte(`{"a":1}`)},
		},
		{
			"push of bytes", v2, string(push("1", "2", "realtime:a", "e", "", encodingBytes, "\xff\x00")), true,
			&message{joinRef: []byte(`"1"`), ref: []byte(`"2"`), topic: "realtime:a", event: "broadcast", push: true, isRaw: true, userEvent: "e", payload: []byte("\xff\x00")},
		},
		{"nothing", v2, ``, false, nil},
		{"an object for an array", v2, `{"topic":"a","event":"b"}`, false, nil},
		{"an array for an object", v1, `[null,null,"a","b",{}]`, false, nil},
		{"four parts", v2, `[null,"a","b",{}]`, false, nil},
		{"six parts", v2, `[null,null,"a","b",{},1]`, false, nil},
		{"a ref that is an object", v2, `[{},null,"a","b",{}]`, false, nil},
		{"a ref that is long", v2, `[null,"` + long + `","a","b",{}]`, false, nil},
		{"a topic that is a number", v2, `[null,null,1,"b",{}]`, false, nil},
		{"a topic that is long", v2, `[null,null,"` + long + `","b",{}]`, false, nil},
		{"a topic with the zero character", v2, `[null,null,"a\u0000","b",{}]`, false, nil},
		{"no topic", v1, `{"event":"b"}`, false, nil},
		{"no event", v1, `{"topic":"b"}`, false, nil},
		{"not UTF-8", v1, "{\"topic\":\"\xff\",\"event\":\"b\"}", false, nil},
		{"binary in the first version", v1, string(push("", "", "a", "e", "", encodingJSON, `{}`)), true, nil},
		{"another kind", v2, "\x00\x00\x00\x00\x00\x00\x00", true, nil},
		{"lengths beyond the end", v2, "\x03\xff\xff\xff\xff\xff\x01abc", true, nil},
		{"another encoding", v2, string(push("", "", "a", "e", "", 2, `{}`)), true, nil},
		{"a push that is no JSON", v2, string(push("", "", "a", "e", "", encodingJSON, `{`)), true, nil},
		{"a push that is cut", v2, "\x03\x00", true, nil},
	} {
		got, err := parse(tt.v, []byte(tt.data), tt.isBinary)
		switch {
		case tt.want == nil && err == nil:
			t.Errorf("%s: accepted as %+v", tt.name, got)
		case tt.want != nil && (err != nil || !equal(&got, tt.want)):
			t.Errorf("%s: got %+v, %v", tt.name, got, err)
		}
	}
}

func equal(a, b *message) bool {
	return bytes.Equal(a.joinRef, b.joinRef) && bytes.Equal(a.ref, b.ref) && bytes.Equal(a.payload, b.payload) &&
		a.topic == b.topic && a.event == b.event && a.push == b.push && a.isRaw == b.isRaw && a.userEvent == b.userEvent
}

// unframe takes the head off a frame of a server.
func unframe(t *testing.T, frame []byte) (op byte, payload []byte) {
	t.Helper()
	op, n, head := frame[0]&0x0f, int(frame[1]), 2
	switch n {
	case 126:
		n, head = int(binary.BigEndian.Uint16(frame[2:])), 4
	case 127:
		n, head = int(binary.BigEndian.Uint64(frame[2:])), 10
	}
	if frame[0]&0xf0 != 0x80 || len(frame) != head+n {
		t.Fatalf("%d bytes with the head %x", len(frame), frame[:head])
	}
	return op, frame[head:]
}

// What is written reads back, whatever it is, and nothing makes the parser panic.
func FuzzParse(f *testing.F) {
	f.Add(true, false, []byte(`[null,"1","realtime:a","phx_join",{"config":{}}]`))
	f.Add(false, false, []byte(`{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}`))
	f.Add(true, true, push("1", "2", "realtime:a", "e", "", encodingJSON, `{"a":1}`))
	f.Add(true, true, push("1", "2", "realtime:a", "e", "{}", encodingBytes, "\x00"))
	f.Fuzz(func(t *testing.T, second, isBinary bool, data []byte) {
		v := v1
		if second {
			v = v2
		}
		m, err := parse(v, data, isBinary)
		if err != nil {
			return
		}
		if !m.isRaw && !utf8.Valid(m.payload) || !json.Valid(m.ref) || !json.Valid(m.joinRef) {
			t.Fatalf("%+v", m)
		}
		if m.push || m.payload == nil {
			return
		}
		op, text := unframe(t, v.frameText(m.joinRef, m.ref, m.topic, m.event, m.payload))
		again, err := parse(v, text, false)
		if err != nil || op != opText || !equal(&m, &again) {
			t.Fatalf("%+v became %+v, %v", m, again, err)
		}
	})
}

func TestFramesOfAllSizes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 100_000} {
		payload := strings.Repeat("x", n)
		if op, got := unframe(t, frameControl(opBinary, payload)); op != opBinary || string(got) != payload {
			t.Errorf("%d bytes became %d of kind %d", n, len(got), op)
		}
	}
	_, got := unframe(t, frameBytes("realtime:a", "e", "{}", []byte{0xff, 0}))
	if want := "\x04\x0a\x01\x02\x00realtime:ae{}\xff\x00"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
