package proxy

import (
	"context"
	"net"
	"testing"
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
	dial := func() (client, taken net.Conn) {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if taken, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		return client, taken
	}
	for i := range 50 {
		client, taken := dial()
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
		// Who hangs up after it is told of after it.
		last, other := dial()
		o := &conn{Conn: other}
		told := o.hear(context.Background())
		_ = last.Close()
		<-told.Done()
		_ = o.Close()
		if ctx.Err() != nil {
			t.Error("whoever took it over was told")
		}
		_ = taken.Close()
	}
}
