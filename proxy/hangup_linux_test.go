package proxy

import (
	"context"
	"net"
	"testing"
	"time"
)

// The one who listens for hang-ups knows no connection that was closed or given away, and takes no
// other for it when its number of a descriptor is used again.
func TestNoConnectionIsKeptForItsHangUp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	known := func(id uint64) bool {
		h := hangups()
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.conns[id] != nil
	}
	for i := range 50 {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		taken, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c := &conn{Conn: taken}
		ctx := c.hear(context.Background())
		if !known(c.id) {
			t.Fatal("it is not listened to")
		}
		if i%2 == 0 {
			_ = c.Bare()
			_ = client.Close()
		} else {
			_ = c.Close()
			_ = client.Close()
		}
		if known(c.id) {
			t.Error("it is listened to still")
		}
		time.Sleep(time.Millisecond) // in which it would be told
		if ctx.Err() != nil {
			t.Error("whoever took it over was told")
		}
		_ = taken.Close()
	}
}
