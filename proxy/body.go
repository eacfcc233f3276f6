package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// body is the body of a request under its limit, decompressed. What comes is counted
// on the wire and once more as it is read.
type body struct {
	w    *web.Response
	wire io.ReadCloser
	// declared is the Content-Length, -1 if there is none.
	declared int64
	limit    limit
	// coding is "" for a body that comes as it is.
	coding string
	rd     io.Reader // of coding; nil before the first Read
	depth  *web.JSONDepth
	// plain tells PostgREST's own answers, shared a connection that has other requests.
	plain, shared bool

	known        bool  // whether the body is an array
	raw, decoded int64 // bytes so far
	failed       error // of the wire
	err          error
}

// codings are the ways in which a body may be compressed, for Accept-Encoding (RFC 7694).
const codings = "gzip, zstd"

// codingOf gives gzip, zstd or nothing.
func codingOf(h http.Header) (string, error) {
	list := h["Content-Encoding"]
	if len(list) == 0 {
		return "", nil
	}
	switch name := strings.ToLower(strings.TrimSpace(strings.Join(list, ","))); name {
	case "", "identity":
		return "", nil
	case "gzip", "x-gzip":
		return "gzip", nil
	case "zstd":
		return name, nil
	}
	e := web.New("unsupported_encoding", "the body is compressed in a way that is not known here, or more than once")
	e.Hint = "compress it once, with gzip or zstd, or not at all"
	e.Header = http.Header{"Accept-Encoding": {codings}}
	return "", e
}

// receive makes the body of r, which is a copy of the server's own request, one under
// limit. A body that is said to be too long is refused before any of it is read.
func (s *Server) receive(w *web.Response, r *http.Request, c *routeClass, l limit, postgREST bool) (*body, error) {
	b := &body{w: w, wire: r.Body, declared: r.ContentLength, limit: l, plain: postgREST, shared: r.ProtoMajor > 1}
	if !postgREST && !c.foreign {
		var err error
		if b.coding, err = codingOf(r.Header); err != nil {
			return b, err
		}
		if !c.parsed && isJSON(r.Header["Content-Type"]) {
			b.depth = new(web.JSONDepth)
		}
	}
	if b.declared > l.most() {
		if r.Header["Expect"] != nil {
			b.wire = http.NoBody // it will not be sent
		}
		return b, b.tooLarge(false)
	}
	b.known = l.bulk == l.bytes
	b.decode(r)
	r.Body = b
	return b, nil
}

// decode makes r look like one whose body came as it is.
func (b *body) decode(r *http.Request) {
	if b.coding != "" {
		r.ContentLength = -1
		delete(r.Header, "Content-Encoding")
		delete(r.Header, "Content-Length")
	}
}

// isJSON tells a body that a route may read as JSON.
func isJSON(contentType []string) bool {
	return len(contentType) == 0 || strings.Contains(strings.ToLower(contentType[0]), "json")
}

// Read gives what was sent, until that is too much. Its errors are *web.Error, but for
// io.EOF and those of a connection that breaks.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.rd == nil {
		if b.err = b.open(); b.err != nil {
			return 0, b.err
		}
	}
	n, err := b.rd.Read(p)
	if !b.known && n > 0 {
		b.look(p[:n])
	}
	b.decoded += int64(n)
	switch {
	case b.decoded > b.limit.bytes || b.known && b.coding == "" && b.declared > b.limit.bytes:
		n, err = 0, b.tooLarge(b.coding != "")
	case b.depth != nil && b.depth.Deeper(p[:n]):
		n, err = 0, web.JSONTooDeep(b.limit.class)
	case err != nil && err != io.EOF:
		err = b.broken(err)
	}
	b.err = err
	return n, err
}

// Close ends the reading.
func (b *body) Close() error { return b.wire.Close() }

// look finds out whether the body is an array, at its first byte that is not space.
func (b *body) look(p []byte) {
	for _, c := range p {
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		case '[':
			b.limit = limit{"bulk", b.limit.bulk, b.limit.bulk}
		}
		b.known = true
		return
	}
}

// tooLarge makes the answer, and sees to it that the client gets to read it although it
// may go on sending.
func (b *body) tooLarge(decoded bool) error {
	b.hangUp()
	if b.plain {
		return web.BodyTooLarge(b.limit.bytes, "")
	}
	l := b.limit
	if !b.known && l.bulk > l.bytes && b.declared > l.bulk {
		l = limit{"bulk", l.bulk, l.bulk} // nobody has looked whether it is an array
	}
	e := web.BodyTooLarge(l.bytes, l.class)
	if decoded {
		e.Message += ", once decompressed"
	}
	return e
}

const (
	// For lingerTime what a client sends beyond its limit is thrown away after the
	// answer. A connection that is closed while its client sends is reset, and then
	// the answer may be lost with it.
	lingerTime  = 2 * time.Second
	lingerBytes = 16 << 20
)

// hangUp ends the connection after the answer; one of HTTP/2 has other requests too,
// and ends the stream alone.
func (b *body) hangUp() {
	if b.shared || b.w.Status() != 0 {
		return
	}
	b.w.Header()["Connection"] = []string{"close"}
	b.w.After = func() {
		control := http.NewResponseController(b.w)
		_ = control.Flush()
		_ = control.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, b.wire, lingerBytes)
	}
}

// broken tells why a body ended before its end.
func (b *body) broken(err error) error {
	var own *web.Error
	switch {
	case errors.As(b.failed, &own):
		return own
	case b.plain:
		return err
	case errors.Is(b.failed, os.ErrDeadlineExceeded):
		return web.New("body_timeout", "the body did not come in time").Because(b.failed)
	case b.coding == "" || b.failed != nil && b.failed != io.EOF:
		return err
	}
	e := web.New("invalid_request", "the body is not "+b.coding+", as Content-Encoding says")
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		e = web.New("invalid_request", "the body is compressed with too large a window")
		e.Hint = "zstd's may have 8 MB (RFC 9659), which all but its --ultra and --long levels keep to"
	}
	return e.Because(err)
}

// wireReader counts what comes on the wire.
type wireReader struct{ *body }

func (r wireReader) Read(p []byte) (int, error) {
	b := r.body
	n, err := b.wire.Read(p)
	if b.raw += int64(n); b.raw > b.limit.bytes && b.coding != "" {
		n, err = 0, b.tooLarge(false)
	}
	if err != nil {
		b.failed = err
	}
	return n, err
}

// maxWindow is how much a zstd decoder has to remember: what RFC 9659 allows.
const maxWindow = 8 << 20

var gzips, zstds sync.Pool

func (b *body) open() error {
	wire := wireReader{b}
	switch b.coding {
	case "gzip":
		z, _ := gzips.Get().(*gzip.Reader)
		if z == nil {
			z = new(gzip.Reader)
		}
		if err := z.Reset(wire); err != nil {
			return b.broken(err)
		}
		b.rd = z
	case "zstd":
		z, _ := zstds.Get().(*zstd.Decoder)
		if z == nil {
			// One goroutine, the request's own, so that a decoder which is thrown away
			// is just memory.
			z, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		}
		if err := z.Reset(wire); err != nil {
			return b.broken(err)
		}
		b.rd = z
	default:
		b.rd = wire
	}
	return nil
}

// release gives the decoder back when nobody reads any more.
func (b *body) release() {
	switch z := b.rd.(type) {
	case *gzip.Reader:
		gzips.Put(z)
	case *zstd.Decoder:
		_ = z.Reset(nil)
		zstds.Put(z)
	}
	b.rd, b.err = nil, http.ErrBodyReadAfterClose
}
