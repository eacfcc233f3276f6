package replication

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// pacedPair gives both ends of a connection, of which ours is paced.
func pacedPair(t *testing.T) (ours *paced, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := dialPaced(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.Close(), theirs.Close() })
	ours = conn.(*paced)
	if err := ours.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

func TestMessagesThatComeThickAndFastAreReadTogether(t *testing.T) {
	t.Parallel()
	ours, theirs := pacedPair(t)
	ours.collect(true)
	const messages = 20_000
	var want strings.Builder
	for i := range messages {
		fmt.Fprintln(&want, "message", i)
	}
	go func() {
		for line := range strings.Lines(want.String()) {
			_, _ = theirs.Write([]byte(line))
		}
	}()
	var got strings.Builder
	reads, b := 0, make([]byte, 64<<10)
	for got.Len() < want.Len() {
		n, err := ours.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		reads++
		got.Write(b[:n])
	}
	if got.String() != want.String() {
		t.Error("what was read is not what was sent")
	}
	if reads > messages/2 {
		t.Errorf("%d messages took %d reads", messages, reads)
	}
}

func TestTheLastMessageOfMany(t *testing.T) {
	t.Parallel()
	for i := range 50 {
		ours, theirs := pacedPair(t)
		ours.collect(true)
		if !ours.busy {
			t.Fatal("the mark was not set")
		}
		// It comes while nothing is there, or just as that is noticed.
		time.AfterFunc(pause*time.Duration(i)/10, func() { _, _ = theirs.Write([]byte("last")) })
		b := make([]byte, 8)
		if n, err := ours.Read(b); err != nil || string(b[:n]) != "last" {
			t.Fatalf("read %q, %v", b[:n], err)
		}
	}
}

func TestAPacedConnectionEnds(t *testing.T) {
	t.Parallel()
	ours, theirs := pacedPair(t)
	ours.collect(true)
	_ = theirs.Close()
	if n, err := ours.Read(make([]byte, 8)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d, %v after the end", n, err)
	}

	ours, _ = pacedPair(t)
	ours.collect(true)
	time.AfterFunc(10*time.Millisecond, func() { _ = ours.SetDeadline(time.Unix(1, 0)) })
	if n, err := ours.Read(make([]byte, 8)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d, %v after the deadline", n, err)
	}
}
