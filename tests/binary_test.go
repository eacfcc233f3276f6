package tests

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	osexec "os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// command is a run of the fluxbase binary that knows nothing of our environment.
func command(t *testing.T, env []string, args ...string) *osexec.Cmd {
	t.Helper()
	cmd := osexec.Command(fluxbaseBinary(t), args...)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "FLUXBASE_SERVER_PORT=0",
		"FLUXBASE_PG_BIN=" + dbtest.Binaries(t, dbtest.Version()),
	}, env...)
	return cmd
}

// runs executes a command that ends by itself and returns its status and all output.
func runs(t *testing.T, cmd *osexec.Cmd) (status int, output string) {
	t.Helper()
	// A command that should have failed may serve for ever instead.
	late := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	out, err := cmd.CombinedOutput()
	var exit *osexec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// devRun is a running `fluxbase dev`.
type devRun struct {
	cmd    *osexec.Cmd
	out    string // what it printed until it was ready
	ready  time.Duration
	ended  chan error
	stderr *syncBuffer
}

// startDev starts `fluxbase dev` with its data in dir and waits until it serves.
func startDev(t *testing.T, dir string, env []string, args ...string) *devRun {
	t.Helper()
	d := &devRun{cmd: command(t, env, append([]string{"dev", "--data", dir}, args...)...), ended: make(chan error, 1), stderr: new(syncBuffer)}
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd.Stderr = d.stderr
	start := time.Now()
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.cmd.Process.Signal(os.Interrupt)
		<-d.ended
	})
	lines := make(chan string)
	go func() {
		for scan := bufio.NewScanner(stdout); scan.Scan(); {
			lines <- scan.Text()
		}
		close(lines)
		d.ended <- d.cmd.Wait()
		close(d.ended)
	}()
	deadline := time.After(2 * time.Minute)
	for {
		select {
		case line, more := <-lines:
			if !more {
				t.Fatalf("dev ended before it served:\n%s", d.stderr)
			}
			d.out += line + "\n"
			if strings.Contains(line, "Ctrl-C stops") {
				d.ready = time.Since(start)
				go func() { // the pipe must not fill up
					for range lines {
					}
				}()
				return d
			}
		case <-deadline:
			t.Fatalf("dev does not serve after two minutes:\n%s\n%s", d.out, d.stderr)
		}
	}
}

// value returns what dev printed behind a label.
func (d *devRun) value(t *testing.T, label string) string {
	t.Helper()
	for line := range strings.Lines(d.out) {
		if text, ok := strings.CutPrefix(line, label+"  "); ok {
			return strings.TrimSpace(text)
		}
	}
	t.Fatalf("dev did not print %q:\n%s", label, d.out)
	return ""
}

// curl returns the curl lines that dev printed.
func (d *devRun) curls(t *testing.T) (read, write string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(d.out) {
		if strings.HasPrefix(line, "curl ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) != 2 {
		t.Fatalf("dev printed %d curl lines, want 2:\n%s", len(lines), d.out)
	}
	return lines[0], lines[1]
}

// stop sends the signal and returns how the process ended.
func (d *devRun) stop(t *testing.T, sig os.Signal) error {
	t.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-d.ended:
		return err
	case <-time.After(2 * time.Minute):
		t.Fatalf("dev did not end two minutes after %v:\n%s", sig, d.stderr)
		return nil
	}
}

// shell runs a line as printed and returns the body and the HTTP status.
func shell(t *testing.T, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := osexec.CommandContext(ctx, "sh", "-c", line+` -s -S -w ' %{http_code}'`).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// alive reports whether a process exists.
func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// syncBuffer is written by a process and read by a test.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

var _ io.Writer = (*syncBuffer)(nil)

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
