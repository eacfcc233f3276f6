package web

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Encoder compresses answers. One serves all requests at once.
type Encoder struct {
	min     int
	zstd    *zstd.Encoder
	gzips   sync.Pool // of *gzip.Writer
	zstds   sync.Pool // of *zstd.Encoder, for streams
	buffers sync.Pool // of *bytes.Buffer
}

// coding is a way to compress an answer (RFC 9110, 8.4.1; zstd: RFC 9659).
type coding uint8

const (
	identity coding = iota
	gzipped
	zstandard
)

var codingNames = [...][]string{gzipped: {"gzip"}, zstandard: {"zstd"}}

// stream compresses what comes in parts.
type stream interface {
	io.WriteCloser
	Flush() error
}

const (
	// The level is the one that takes least time: the next ones take twice as long for
	// a tenth less.
	gzipLevel = gzip.BestSpeed
	// The window bounds what an encoder keeps in memory. Rows repeat their keys within
	// a few hundred bytes.
	zstdWindow = 128 << 10
	keptBuffer = 1 << 20
)

var zstdOptions = []zstd.EOption{
	zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false),
}

// NewEncoder makes an Encoder of answers of min bytes and more; shorter ones gain
// nothing, as they are one packet either way.
func NewEncoder(min int) *Encoder {
	all, _ := zstd.NewWriter(nil, zstdOptions...) // the options are right
	return &Encoder{min: min, zstd: all}
}

// encodingVary has no room for more, so that whoever appends to it gets a copy.
var encodingVary = []string{"Accept-Encoding"}

// Vary begins the Vary header of an answer that may be compressed: it holds for the
// answer that is not, and for a 304, as well.
func (e *Encoder) Vary(h http.Header) { h["Vary"] = encodingVary[:1:1] }

// encode chooses how the answer is sent, when its headers are complete. It is true where
// the headers have to wait for the body, because it is compressed as a whole.
func (w *Response) encode(status int) (held bool) {
	h := w.Header()
	vary(h)
	length := h["Content-Length"]
	if len(length) > 0 && len(length[0]) < 10 {
		if n, err := strconv.Atoi(length[0]); err != nil || n < w.Encoder.min {
			return false
		}
	}
	if !encodable(h, status) {
		return false
	}
	c := negotiate(w.AcceptEncoding)
	switch {
	case c == identity:
	case len(length) > 0:
		w.coding = c
		w.held, _ = strconv.Atoi(length[0])
	default:
		h["Content-Encoding"] = codingNames[c]
		w.coding, w.stream = c, w.Encoder.begin(c, w)
	}
	return w.held > 0
}

// vary sees to it that Vary has what the answer depends on, also where a function has
// written one of its own.
func vary(h http.Header) {
	for _, v := range h["Vary"] {
		if v == encodingVary[0] || v == "*" {
			return
		}
	}
	h["Vary"] = append(h["Vary"], encodingVary[0])
}

// encodable tells an answer that may be compressed. One with a strong ETag is left as it
// is: that names its bytes, and a client that was given another for the compressed ones
// could not say If-Match with it.
func encodable(h http.Header, status int) bool {
	switch {
	case status == http.StatusNoContent || status == http.StatusNotModified || status < 200:
		return false
	case h["Content-Encoding"] != nil || !compressible(h["Content-Type"]):
		return false
	}
	if tag := h["Etag"]; len(tag) > 0 && !strings.HasPrefix(tag[0], "W/") {
		return false
	}
	if at := h["Content-Range"]; len(at) > 0 && strings.HasPrefix(at[0], "bytes") {
		return false
	}
	for _, s := range h["Cache-Control"] {
		if strings.Contains(s, "no-transform") {
			return false
		}
	}
	return true
}

// compressible tells types of text. An event stream is none: a proxy on the way might
// keep back what is compressed.
func compressible(contentType []string) bool {
	if len(contentType) == 0 {
		return false
	}
	name, _, _ := strings.Cut(contentType[0], ";")
	if name == "application/json" {
		return true
	}
	switch name = strings.ToLower(strings.TrimSpace(name)); name {
	case "text/event-stream":
		return false
	case "application/xml", "application/javascript", "application/x-ndjson", "application/ndjson",
		"application/jsonl", "application/x-jsonlines", "image/svg+xml":
		return true
	}
	return strings.HasPrefix(name, "text/") || strings.HasSuffix(name, "json") || strings.HasSuffix(name, "+xml")
}

// negotiate chooses by Accept-Encoding (RFC 9110, 12.5.3). Of what a client likes best,
// zstd is faster to make.
func negotiate(accept []string) coding {
	other, of := -1, [...]int{gzipped: -1, zstandard: -1} // in thousandths; -1 is not named
	for _, list := range accept {
		for list != "" {
			var one string
			one, list, _ = strings.Cut(list, ",")
			name, params, _ := strings.Cut(one, ";")
			q := quality(params)
			switch name = strings.TrimSpace(name); {
			case name == "*":
				other = q
			case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"):
				of[gzipped] = q
			case strings.EqualFold(name, "zstd"):
				of[zstandard] = q
			case strings.EqualFold(name, "identity"):
				of[identity] = q
			}
		}
	}
	for i := gzipped; i <= zstandard; i++ {
		if of[i] < 0 {
			of[i] = other
		}
	}
	best := gzipped
	if of[zstandard] >= of[gzipped] {
		best = zstandard
	}
	if of[best] <= 0 || of[best] < of[identity] {
		return identity
	}
	return best
}

// quality reads q=0.5 among parameters, in thousandths; what can't be read is 0.
func quality(params string) int {
	for params != "" {
		var p string
		p, params, _ = strings.Cut(params, ";")
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 32)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return int(q*1000 + 0.5)
	}
	return 1000
}

// writeHeld sends headers that waited, and the body compressed if it is whole and that
// makes it shorter. No encoder is held while the client takes it.
func (w *Response) writeHeld(b []byte) (int, error) {
	whole := len(b) == w.held
	w.held = 0
	if !whole {
		w.ResponseWriter.WriteHeader(w.status)
		return w.send(b)
	}
	out, _ := w.Encoder.buffers.Get().(*bytes.Buffer)
	if out == nil {
		out = new(bytes.Buffer)
	}
	w.Encoder.all(w.coding, out, b)
	short := out.Len() < len(b)
	if short {
		h := w.Header()
		h["Content-Encoding"] = codingNames[w.coding]
		h["Content-Length"] = []string{strconv.Itoa(out.Len())}
	}
	w.ResponseWriter.WriteHeader(w.status)
	var n int
	var err error
	if short {
		if _, err = w.send(out.Bytes()); err == nil {
			n = len(b)
		}
	} else {
		n, err = w.send(b)
	}
	if out.Cap() <= keptBuffer {
		out.Reset()
		w.Encoder.buffers.Put(out)
	}
	return n, err
}

// all compresses b at once.
func (e *Encoder) all(c coding, out *bytes.Buffer, b []byte) {
	if c == zstandard {
		out.Grow(len(b)/4 + 64)
		_, _ = out.Write(e.zstd.EncodeAll(b, out.AvailableBuffer()))
		return
	}
	z := e.gzip()
	z.Reset(out)
	_, _ = z.Write(b) // a buffer takes all
	_ = z.Close()
	e.gzips.Put(z)
}

func (e *Encoder) gzip() *gzip.Writer {
	if z, ok := e.gzips.Get().(*gzip.Writer); ok {
		return z
	}
	z, _ := gzip.NewWriterLevel(nil, gzipLevel) // the level is right
	return z
}

// begin compresses what is written to w from now on.
func (e *Encoder) begin(c coding, w *Response) stream {
	if c == gzipped {
		z := e.gzip()
		z.Reset(sender{w})
		return z
	}
	z, _ := e.zstds.Get().(*zstd.Encoder)
	if z == nil {
		// One goroutine, the request's own.
		z, _ = zstd.NewWriter(nil, append([]zstd.EOption{zstd.WithEncoderConcurrency(1)}, zstdOptions...)...)
	}
	z.Reset(sender{w})
	return z
}

// end writes the end of w's stream, unless it is to look broken, and keeps the encoder
// for others.
func (e *Encoder) end(w *Response, broken bool) {
	z := w.stream
	w.stream = nil
	if !broken {
		_ = z.Close()
	}
	switch z := z.(type) {
	case *gzip.Writer:
		z.Reset(nil)
		e.gzips.Put(z)
	case *zstd.Encoder:
		z.Reset(nil)
		e.zstds.Put(z)
	}
}

// sender writes what an encoder gives.
type sender struct{ *Response }

func (s sender) Write(b []byte) (int, error) { return s.send(b) }
