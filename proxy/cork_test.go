package proxy

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// A socket of packets shows what was one write.
func TestCorkedWritesAreOne(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unixpacket", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unixpacket", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := &conn{Conn: server}
	c.serving.Store(servingOne)
	buffer := []byte("head ")
	write := func(b []byte) {
		t.Helper()
		if n, err := c.Write(b); n != len(b) || err != nil {
			t.Errorf("a write of %d bytes gave %d, %v", len(b), n, err)
		}
		copy(buffer, "-----") // as net/http does when it uses its buffer again
	}
	want := func(text string) {
		t.Helper()
		got := make([]byte, 100)
		if n, err := client.Read(got); err != nil || string(got[:n]) != text {
			t.Errorf("%q was written, %v; want %q", got[:n], err, text)
		}
	}

	c.Cork()
	write(buffer)
	write([]byte("body"))
	write([]byte("more"))
	if err := c.Uncork(); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"head body", "more"} {
		want(text)
	}

	c.Cork()
	write([]byte("alone"))
	if err := c.Uncork(); err != nil {
		t.Error(err)
	}
	write([]byte("after"))
	for _, text := range []string{"alone", "after"} {
		want(text)
	}

	_ = server.Close()
	c.Cork()
	write([]byte("held"))
	if n, err := c.Write([]byte("lost")); n != 0 || err == nil {
		t.Errorf("a write to a closed connection gave %d, %v", n, err)
	}
	c.Cork()
	write([]byte("held"))
	if err := c.Uncork(); err == nil {
		t.Error("what could not be sent was not told")
	}
}

// Answers of every length arrive as they are, wherever net/http cuts them, one behind the
// other on a connection.
func TestAnswersOfEveryLengthArriveWhole(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("0123456789abcdef"), 5<<10)
	s, _ := setup(t, func(w *web.Response, r *http.Request) error {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil {
			return err
		}
		if r.URL.Query().Get("chunked") == "" {
			w.Header().Set("Content-Length", strconv.Itoa(n))
		}
		_, err = w.Write(text[:n])
		return err
	}, nil)
	exchange := serving(t, s)
	var lengths []int
	for _, around := range []int{4 << 10, 8 << 10, 12 << 10, 64 << 10} {
		for d := -1; d <= 1; d++ {
			lengths = append(lengths, around+d, around+d)
		}
	}
	var raw strings.Builder
	for i, n := range lengths {
		fmt.Fprintf(&raw, "GET /rest/v1/x?n=%d%s HTTP/1.1\r\nHost: x\r\n", n, []string{"", "&chunked=1"}[i%2])
		if i == len(lengths)-1 {
			raw.WriteString("Connection: close\r\n")
		}
		raw.WriteString("\r\n")
	}
	list := exchange(raw.String())
	if len(list) != len(lengths) {
		t.Fatalf("%d answers to %d requests", len(list), len(lengths))
	}
	for i, resp := range list {
		var body bytes.Buffer
		if _, err := body.ReadFrom(resp.Body); err != nil || !bytes.Equal(body.Bytes(), text[:lengths[i]]) {
			t.Errorf("an answer of %d bytes came as %d, %v", lengths[i], body.Len(), err)
		}
	}
}
