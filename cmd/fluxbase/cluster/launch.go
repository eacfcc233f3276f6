package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// pollEvery is how often we look at postmaster.pid, which is how pg_ctl waits too.
const pollEvery = 20 * time.Millisecond

const (
	// patience bounds how long we wait for what a killed server left behind.
	patience = 30 * time.Second
	// mercy is how long its sessions may take to notice that it is gone.
	mercy = time.Second
)

// launch starts a postmaster of our own and waits until it takes connections.
func (c *Cluster) launch(ctx context.Context, port int, say func(string)) error {
	began := time.Now()
	for {
		var err error
		if c.port, err = c.choosePort(port); err != nil {
			return err
		}
		if err := c.writeConf(); err != nil {
			return err
		}
		log, err := c.attempt(ctx, say)
		if err == nil {
			return nil
		}
		// Between our look and its bind somebody took the port; or the sessions of
		// a killed postmaster have not all noticed yet that they are orphans.
		taken := port == 0 && bytes.Contains(log, []byte("could not bind"))
		orphans := bytes.Contains(log, []byte("is still in use"))
		waited := time.Since(began)
		if ctx.Err() != nil || !(taken || orphans) || waited > patience {
			return err
		}
		if orphans && waited > mercy {
			if n := endOrphans(c.data); n > 0 {
				say(fmt.Sprintf("ended %d processes of a Postgres that was killed", n))
			}
		}
		time.Sleep(10 * pollEvery)
	}
}

// attempt runs one postmaster. On failure it returns what that wrote to the log.
func (c *Cluster) attempt(ctx context.Context, say func(string)) (log []byte, err error) {
	logPath := filepath.Join(c.dir, "postgres.log")
	logFile, from, err := openLog(logPath)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), "-D", c.data)
	cmd.Dir, cmd.Env = c.data, environ()
	cmd.Stdout, cmd.Stderr = logFile, logFile
	c.owner.become(cmd)
	child, err := startChild(cmd)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd.Path, err)
	}
	c.proc = child

	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	started, told := time.Now(), false
	for {
		select {
		case <-child.done():
			log, _ := readFrom(logPath, from)
			return log, fmt.Errorf("it ended at once (%s); the end of %s:\n%s", child.state(), logPath, indent(lastLines(log)))
		case <-ctx.Done():
			child.signal(sigFast)
			<-child.done()
			return nil, ctx.Err()
		case <-tick.C:
		}
		// A hot standby takes connections too.
		if pm, ok := readPostmaster(c.data); ok && pm.pid == child.pid() && (pm.status == "ready" || pm.status == "standby") {
			return nil, nil
		}
		if !told && time.Since(started) > 3*time.Second {
			say("waiting for Postgres to recover (its log: " + logPath + ")")
			told = true
		}
	}
}

// choosePort returns the wanted port, else that of the last start if it is free,
// so that addresses a user noted down stay good, else any free one.
func (c *Cluster) choosePort(want int) (int, error) {
	if want != 0 {
		return want, nil
	}
	conf, _ := os.ReadFile(filepath.Join(c.data, confFile))
	for line := range strings.Lines(string(conf)) {
		if text, ok := strings.CutPrefix(line, "port = "); ok {
			want, _ = strconv.Atoi(strings.TrimSpace(text))
		}
	}
	if want != 0 && isFree(want) {
		return want, nil
	}
	return FreePort()
}

// FreePort returns a port on 127.0.0.1 that nobody listens at. It is below those that
// systems give to whoever connects to something (from 32768 on), so that it is free again
// after its owner has left it for a while.
func FreePort() (int, error) {
	const from, to = 15432, 32768
	for range 1000 {
		if port := from + rand.N(to-from); isFree(port) {
			return port, nil
		}
	}
	return 0, errors.New("no free port on 127.0.0.1")
}

func isFree(port int) bool {
	l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	return err == nil && l.Close() == nil
}

// openLog appends to the log, or begins a new one when it has grown large, and
// returns where what comes now begins.
func openLog(path string) (*os.File, int64, error) {
	const large = 10 << 20
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > large {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open the log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

func readFrom(path string, offset int64) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil || int64(len(b)) < offset {
		return b, err
	}
	return b[offset:], nil
}

func lastLines(b []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-12):], []byte("\n"))
}

func indent(b []byte) string {
	return "  " + strings.ReplaceAll(string(b), "\n", "\n  ")
}
