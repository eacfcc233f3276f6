package worker

import (
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// What sleeps as Deno does between its attempts to keep what it compiled goes on at once. The
// process of the test plays both parts: it starts itself behind the guard.
func TestNobodySleepsBehindTheGuard(t *testing.T) {
	t.Parallel()
	const behind = "BEHIND_THE_GUARD"
	if os.Getenv(behind) != "" {
		day := unix.Timespec{Sec: 24 * 60 * 60}
		err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &day, nil)
		// Other clocks, and moments that were named, are waited for: 1970 is over.
		past := unix.Timespec{Sec: 1}
		fmt.Println("awake:", err, unix.ClockNanosleep(unix.CLOCK_REALTIME, unix.TIMER_ABSTIME, &past, nil))
		os.Exit(0)
	}
	b := newBed(t, Options{Spares: -1}, nil)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	argv := []string{os.Args[0], "-test.run=^" + t.Name() + "$"}
	p, err := b.Pool.spawner.start(argv, []string{behind + "=1"}, ".", 0, [3]*os.File{null, write, write})
	_ = write.Close()
	if err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(read); string(said) != "awake: <nil> <nil>\n" || err != nil {
		t.Errorf("it said %q, %v", said, err)
	}
	if _, err := p.Wait(); err != nil {
		t.Error(err)
	}
}
