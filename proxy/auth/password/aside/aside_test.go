package aside

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the program that computes, which its environment tells.
func TestMain(m *testing.M) {
	switch os.Getenv("ASIDE") {
	case "compute":
		Yield()
		if err := Serve(os.Stdin, os.Stdout, compute); err != nil {
			os.Exit(1)
		}
	case "babble":
		_, _ = io.WriteString(os.Stdout, "usage: none of this is an answer")
		_, _ = io.Copy(io.Discard, os.Stdin)
	default:
		os.Exit(m.Run())
	}
}

// seen is what only some systems have.
var seen = map[string]func() (string, error){}

// compute knows the requests: "pid"; "env"; "fail"; those of seen; "once FILE", which never ends where FILE is not
// there yet, and "never FILE", where each writes its process to FILE; "share", which never ends
// where others leave no core; all others are answered in capitals.
func compute(request []byte) ([]byte, error) {
	what, file, _ := strings.Cut(string(request), " ")
	if see, ok := seen[what]; ok {
		text, err := see()
		return []byte(text), err
	}
	switch what {
	case "pid":
		return []byte(strconv.Itoa(os.Getpid())), nil
	case "env":
		return []byte(strings.Join(os.Environ(), " ")), nil
	case "fail":
		return nil, errors.New("as asked")
	case "share":
		if os.Getenv(priorityName) != "share" {
			_, _ = io.Copy(io.Discard, os.Stdin) // until it is ended
		}
	case "once", "never":
		if _, err := os.Stat(file); err == nil && what == "once" {
			return []byte("at last"), nil
		}
		// Renamed, so that whoever sees it sees all of it.
		if err := os.WriteFile(file+".new", []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			return nil, err
		}
		if err := os.Rename(file+".new", file); err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is ended
	}
	return bytes.ToUpper(request), nil
}

func start(t *testing.T, env string) *Processes {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(self, []string{"aside"}, []string{"ASIDE=" + env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.late = patience // the machine is full of tests
	return p
}

func answers(t *testing.T, p *Processes, request, want string) {
	t.Helper()
	if got, err := p.Compute([]byte(request)); string(got) != want || err != nil {
		t.Errorf("%s: got %q, %v", request, got, err)
	}
}

func pid(t *testing.T, p *Processes) int {
	t.Helper()
	got, err := p.Compute([]byte("pid"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(got))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// written is the process that wrote itself to a file, which is taken away.
func written(t *testing.T, file string) int {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if text, err := os.ReadFile(file); err == nil {
			n, err := strconv.Atoi(string(text))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("nobody computes")
	return 0
}

func TestEachRequestGetsItsOwnAnswer(t *testing.T) {
	t.Parallel()
	p := start(t, "compute")
	const callers = 4
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for j := range 200 {
				id := strconv.Itoa(1000*i + j)
				answers(t, p, "x"+id, "X"+id)
			}
		})
	}
	all.Wait()
	if n := len(p.idle[leftovers]); n > callers || len(p.idle) > 1 {
		t.Errorf("%d processes for %d at once, of %d priorities", n, callers, len(p.idle))
	}
	answers(t, p, "", "")
	long := strings.Repeat("x", most)
	answers(t, p, long, strings.ToUpper(long))
	answers(t, p, "env", "ASIDE=compute ASIDE_PRIORITY=leftovers")
}

// Where others leave no core there are other processes, for a while.
func TestAnAnswerIsNotLateForLong(t *testing.T) {
	t.Parallel()
	p := start(t, "compute")
	first := pid(t, p)
	p.late = 50 * time.Millisecond
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { answers(t, p, "share", "SHARE") })
	}
	all.Wait()
	answers(t, p, "env", "ASIDE=compute ASIDE_PRIORITY=share")
	if err := syscall.Kill(first, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process that was late: %v", err)
	}
	p.late, p.shares = patience, time.Now()
	answers(t, p, "env", "ASIDE=compute ASIDE_PRIORITY=leftovers")
}

func TestAKilledProcessIsReplaced(t *testing.T) {
	t.Parallel()
	p := start(t, "compute")
	first := pid(t, p)
	if again := pid(t, p); again != first {
		t.Errorf("processes %d and %d for one caller", first, again)
	}
	_ = syscall.Kill(first, syscall.SIGKILL) // while nobody asks it anything
	if next := pid(t, p); next == first {
		t.Error("a killed process answers")
	}

	once := filepath.Join(t.TempDir(), "once")
	got := make(chan error, 1)
	go func() {
		answer, err := p.Compute([]byte("once " + once))
		if err == nil && string(answer) != "at last" {
			err = errors.New(string(answer))
		}
		got <- err
	}()
	_ = syscall.Kill(written(t, once), syscall.SIGKILL)
	if err := <-got; err != nil {
		t.Errorf("killed once: %v", err)
	}

	never := filepath.Join(t.TempDir(), "never")
	go func() {
		_, err := p.Compute([]byte("never " + never))
		got <- err
	}()
	for range 2 {
		victim := written(t, never)
		_ = os.Remove(never)
		_ = syscall.Kill(victim, syscall.SIGKILL)
	}
	if err := <-got; err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("killed twice: %v", err)
	}
	answers(t, p, "next", "NEXT")
}

func TestAProcessThatFailsIsEnded(t *testing.T) {
	t.Parallel()
	p := start(t, "compute")
	if _, err := p.Compute([]byte("fail")); err == nil || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("got %v", err)
	}
	if _, err := p.Compute(make([]byte, most+1)); err == nil || !strings.Contains(err.Error(), "65536 are the most") {
		t.Errorf("too long: got %v", err)
	}
	answers(t, p, "next", "NEXT")
	if _, err := start(t, "babble").Compute([]byte("x")); err == nil || !strings.Contains(err.Error(), "65536 are the most") {
		t.Errorf("no answer: got %v", err)
	}
	if _, err := New(filepath.Join(t.TempDir(), "missing"), []string{"aside"}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no program: got %v", err)
	}
}

func TestCloseEndsAllProcesses(t *testing.T) {
	t.Parallel()
	p := start(t, "compute")
	file := filepath.Join(t.TempDir(), "never")
	got := make(chan error, 1)
	go func() {
		_, err := p.Compute([]byte("never " + file))
		got <- err
	}()
	busy := written(t, file)
	idle := pid(t, p)
	p.Close()
	if err := syscall.Kill(idle, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("an idle process: %v", err)
	}
	if _, err := p.Compute([]byte("x")); !errors.Is(err, errClosed) {
		t.Errorf("after the end: %v", err)
	}
	_ = syscall.Kill(busy, syscall.SIGKILL)
	if err := <-got; !errors.Is(err, errClosed) {
		t.Errorf("killed after the end: %v", err)
	}
}

// Whoever computes survives what ends the others of a service, and ends when its parent does.
func TestSignalsAreLeftToTheParent(t *testing.T) {
	t.Parallel()
	p := start(t, "compute")
	first := pid(t, p)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		_ = syscall.Kill(first, signal)
		if again := pid(t, p); again != first {
			t.Fatalf("%s ended it", signal)
		}
	}
}

func TestMessagesThatAreNoneEndIt(t *testing.T) {
	t.Parallel()
	message := func(length uint32, text string) string {
		return string(binary.BigEndian.AppendUint32(nil, length)) + text
	}
	for in, want := range map[string]struct{ out, err string }{
		"":                                      {"", ""},
		message(1, "a"):                         {message(1, "A"), ""},
		message(1, "a") + message(2, "bc"):      {message(1, "A") + message(2, "BC"), ""},
		message(1, "a") + "\x00":                {message(1, "A"), "unexpected EOF"},
		message(2, "a"):                         {"", "cut off"},
		message(2, ""):                          {"", "cut off"},
		message(most+1, strings.Repeat("x", 9)): {"", "65536 are the most"},
		message(4, "fail") + message(1, "a"):    {"", "as asked"},
	} {
		var out bytes.Buffer
		err := Serve(strings.NewReader(in), &out, compute)
		if out.String() != want.out || (err == nil) != (want.err == "") || err != nil && !strings.Contains(err.Error(), want.err) {
			t.Errorf("%q: got %q, %v", in, &out, err)
		}
	}
}
